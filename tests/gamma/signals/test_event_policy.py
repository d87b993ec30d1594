"""The event policy as a strategy: its checkpoint's door, what is legal at a look, and what becomes of its actions."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import pytest

from gamma.actions import LOTS, NAMES, OPENS
from gamma.assembly import Hours
from gamma.bars import Bar
from gamma.books import EventBook
from gamma.errors import ConfigInvalid
from gamma.events import Manage, ManageWanted, ModelFailed, SignalMade
from gamma.feeds.looks import look_bar
from gamma.markets import Market, market
from gamma.ports import Act, AskingSource, EventPolicy, Explaining, Modelled, Surroundings
from gamma.signals.event_policy import EventPolicySource
from gamma.views import Situation
from tests.event_case import HASH, SERIES, Guesser
from tests.gamma.test_books import BOOK, T0

S = 10**9
FLAT = Situation(ts_event_utc_ns=T0, balance_microusd=10**9, equity_microusd=10**9, cash_microusd=10**9)
HOLDS_30 = replace(FLAT, side=1, lots=30, entry_ticks=48.0)


@final
@dataclass
class Chooser:
    """A policy that takes what the test says, and keeps what was legal."""

    action: int = 0
    novelty: float = 1.5
    logits: tuple[float, ...] = tuple(n / 10 for n in range(21))
    legal: tuple[bool, ...] = ()
    claims: tuple[bool, ...] = ()
    looks_seen: int = 0
    looks_needed: int = 1
    look_s: float = 5.0
    sizes_lots: Sequence[int] = (5, 10, 20, 50, 100)
    actions: Sequence[str] = NAMES

    @property
    def trained(self) -> Any:
        return Guesser().trained

    def see(self, book: EventBook) -> None:  # noqa: ARG002
        self.looks_seen += 1

    def act(self, situation: Situation, legal: Sequence[bool]) -> Act:  # noqa: ARG002
        self.legal = tuple(legal)
        return Act(action=self.action, logits=self.logits, legal=self.claims or self.legal, novelty=self.novelty)


def surroundings(policy: EventPolicy, mode: str = "paper") -> Surroundings:
    def none(name: str, sha256: str, traded: Market) -> Any:
        raise AssertionError((name, sha256, traded))

    def opened(name: str, sha256: str, traded: Market) -> EventPolicy:
        if sha256 != HASH:
            raise ConfigInvalid(f"no checkpoint {name!r} of {sha256} for {traded.symbol}")
        return policy

    return Surroundings(mode=mode, hours=Hours(), policy=none, event_policy=opened)


def source_of(policy: EventPolicy, symbol: str = SERIES, mode: str = "paper", **params: Any) -> EventPolicySource:
    given = {"checkpoint": "mine", "sha256": HASH, **params}
    return EventPolicySource.open(
        given, strategy="event", market=market(symbol), surroundings=surroundings(policy, mode)
    )


def bar(at: int = 1, **differs: Any) -> Bar:
    book = replace(BOOK, market=SERIES, ts_event_utc_ns=T0 + at * 5 * S, **differs)
    found = look_bar(book, None, T0 + at * 5 * S, 5)
    assert found is not None
    return found


def all_left(signal: SignalMade, lots: int) -> bool:  # noqa: ARG001
    return True


def choose(
    policy: Chooser, situation: Situation = FLAT, leaves: Callable[[SignalMade, int], bool] = all_left
) -> SignalMade | ManageWanted | ModelFailed | None:
    return source_of(policy).choose(bar(), situation, leaves)


def legal(policy: Chooser) -> set[str]:
    return {NAMES[n] for n, may in enumerate(policy.legal) if may}


def action(name: str) -> int:
    return NAMES.index(name)


# --- the door ------------------------------------------------------------------------------------------------


def test_it_is_a_source_that_asks_and_tells_what_it_trades_from() -> None:
    source = source_of(Guesser())
    assert isinstance(source, AskingSource)
    assert isinstance(source, Modelled)
    assert isinstance(source, Explaining)
    assert (source.model.sha256, source.model.pinned_sha256) == (HASH, HASH)
    assert (source.bar_s, source.bars_needed) == (5.0, 2)


@pytest.mark.parametrize(
    ("symbol", "mode", "params", "told"),
    [
        ("MNQ", "paper", {}, "MNQ is none; name one whose ticker begins with KX"),
        ("KXETH15M", "paper", {}, "was trained for KXBTC15M, and the strategy trades KXETH15M"),
        (SERIES, "live", {}, "is for paper only"),
        (SERIES, "paper", {"sha256": ""}, "sha256 is not set: pin the checkpoint"),
        (SERIES, "paper", {"sha256": "00"}, "no checkpoint 'mine' of 00"),
        (SERIES, "paper", {"size": 3}, "size"),
    ],
)
def test_a_wrong_signal_is_refused_with_its_section(symbol: str, mode: str, params: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigInvalid) as wrong:
        source_of(Guesser(), symbol, mode, **params)
    assert "strategies.event.signal" in str(wrong.value)
    assert told in str(wrong.value)


def test_a_question_of_the_series_that_it_was_trained_for_is_traded() -> None:
    assert source_of(Guesser(), "KXBTC15M-26NOV220815-15").bars_needed == 2


# --- what is legal -------------------------------------------------------------------------------------------


def test_flat_it_may_buy_both_sides_and_sell_nothing() -> None:
    policy = Chooser()
    assert choose(policy) is None
    assert legal(policy) == {name for name in NAMES if name == "HOLD" or name.startswith("BUY")}


def test_a_buy_that_would_not_be_left_whole_is_illegal() -> None:
    policy = Chooser()
    choose(policy, leaves=lambda signal, lots: lots <= 20 and signal.side > 0)
    assert legal(policy) == {"HOLD", "BUY_YES_5", "BUY_YES_10", "BUY_YES_20"}


def test_what_is_held_may_be_sold_and_nothing_bought_against_it() -> None:
    policy = Chooser()
    choose(policy, HOLDS_30)
    # 30 lots: 5, 10 and 20 of them, or all by the smallest size that is not below 30.
    assert {name for name in legal(policy) if not name.startswith("BUY_YES")} == {
        "HOLD", "SELL_YES_5", "SELL_YES_10", "SELL_YES_20", "SELL_YES_50",
    }  # fmt: skip
    choose(policy, replace(HOLDS_30, side=-1))
    assert not any("YES" in name for name in legal(policy))


def test_each_size_is_asked_for_as_the_order_that_it_would_be() -> None:
    asked: list[tuple[SignalMade, int]] = []

    def leaves(signal: SignalMade, lots: int) -> bool:
        asked.append((signal, lots))
        return True

    choose(Chooser(), leaves=leaves)
    assert [(one.action, lots) for one, lots in asked] == [(n, LOTS[n]) for n in range(21) if OPENS[n]]
    # Bids at 48 for YES and 49 for NO: the middle is 49.5.
    assert {(one.side, one.price_ticks) for one, _ in asked} == {(1, 49), (-1, 50)}


# --- what comes of an action ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "side", "price", "cost"), [("BUY_YES_20", 1, 49, 49), ("BUY_NO_100", -1, 50, 50), ("BUY_NO_5", -1, 50, 50)]
)
def test_a_buy_is_a_limit_that_works_until_the_next_look(name: str, side: int, price: int, cost: int) -> None:
    found = choose(Chooser(action=action(name)))
    assert isinstance(found, SignalMade)
    assert (found.side, found.price_ticks, found.action, found.work_s) == (side, price, action(name), 5.0)
    assert (found.stop_ticks, found.target_ticks, found.novelty) == (0, 0, 1.5)
    lots = LOTS[action(name)]
    fee = math.ceil(7 * lots * price * (100 - price) / 10_000) * 10_000
    assert found.risk_microusd_per_lot == cost * 10_000 + math.ceil(fee / lots)
    assert found.notes["middle_cents"] == 49.5
    assert found.notes["logit_SELL_NO_100"] == 2.0


@pytest.mark.parametrize(("name", "held", "price"), [("SELL_YES_20", 1, 50), ("SELL_NO_50", -1, 49)])
def test_a_sale_is_a_reduction_that_works_until_the_next_look(name: str, held: int, price: int) -> None:
    found = choose(Chooser(action=action(name)), replace(HOLDS_30, side=held))
    assert isinstance(found, ManageWanted)
    assert (found.manage, found.lots, found.price_ticks) == (Manage.REDUCE, LOTS[action(name)], price)
    assert (found.work_s, found.slot_utc_ns) == (5.0, T0 + 5 * S)


def test_to_hold_is_to_do_nothing_and_says_so() -> None:
    source = source_of(Chooser())
    assert source.choose(bar(), FLAT, all_left) is None
    assert source.why_none == "hold"


@pytest.mark.parametrize(
    ("differs", "told"),
    [
        ({"logits": (math.nan, *(0.0,) * 20)}, "21 finite numbers are due"),
        ({"logits": (0.0,)}, "21 finite numbers are due"),
        ({"action": 21}, "action 21 is illegal"),
        ({"action": -1}, "action -1 is illegal"),
        ({"action": action("SELL_YES_5")}, "illegal; legal are"),
        ({"action": action("SELL_YES_5"), "claims": (True,) * 21}, "is illegal now, and the policy took it"),
        ({"novelty": math.nan}, "is no number"),
    ],
)
def test_no_answer_switches_the_strategy_off(differs: dict[str, Any], told: str) -> None:
    found = choose(replace(Chooser(), **differs))
    assert isinstance(found, ModelFailed)
    assert told in found.text


# --- looks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "situation", "why"),
    [
        (replace(bar(), book=None), FLAT, "no_book"),
        (replace(bar(), market="KXETH15M"), FLAT, "no_book"),
        (bar(ts_close_utc_ns=T0 + 5 * S), FLAT, "closed"),
        (bar(), replace(HOLDS_30, leaving=True), "leaving"),
    ],
)
def test_at_some_looks_it_is_not_asked(given: Bar, situation: Situation, why: str) -> None:
    policy = Chooser(action=action("BUY_YES_5"))
    source = source_of(policy)
    assert source.choose(given, situation, all_left) is None
    assert (source.why_none, policy.legal) == (why, ())


def test_a_look_that_was_seen_is_no_news() -> None:
    source = source_of(Chooser(action=action("BUY_YES_5")))
    source.warm_up([bar(1)])
    assert source.choose(bar(1), FLAT, all_left) is None
    assert source.choose(bar(2), FLAT, all_left) is not None


def test_it_waits_until_it_has_seen_enough_of_the_question() -> None:
    source = source_of(Chooser(action=action("BUY_YES_5"), looks_needed=3))
    assert [source.choose(bar(n), FLAT, all_left) is None for n in (1, 2, 3)] == [True, True, False]
