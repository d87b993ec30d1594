"""A policy as a strategy: what becomes of its answers, and when it is not asked or not trusted."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import pytest

from gamma.assembly import Hours
from gamma.bars import Bar, Session
from gamma.book import open_book
from gamma.desk import Seat
from gamma.effects import Tick
from gamma.errors import ConfigInvalid
from gamma.events import Halted, Manage, ManageWanted, ModelFailed, OrderKind, PositionManaged, SignalMade
from gamma.floor import FloorRule, TrailsOn
from gamma.guards.model_sanity import ModelSanity
from gamma.markets import Market, market
from gamma.outlook import look
from gamma.ports import Act, EventPolicy, ManagingSource, Model, Modelled, Policy, SignalSource, Surroundings, Trained
from gamma.signals.policy import PolicySource
from gamma.situation import situation_of
from gamma.views import OrderView, Situation
from tests.engine_case import MINUTE, PRICE, T0, bar_of, rules_of, setup_of, strategy_rules
from tests.gamma.test_shell import Make
from tests.stand import Stand

MNQ = market("MNQ")
ACTIONS = ("HOLD", "BUY", "SELL", "SL_TO_BE", "TRAIL_ON", "TRAIL_OFF")
HASH = "ab" * 32
FLAT = Situation(ts_event_utc_ns=T0, balance_microusd=50_000_000_000, equity_microusd=50_000_000_000)
TRAINED = Trained(
    sha256=HASH,
    kind="futures phase 2",
    markets=("MNQ",),
    created="2026-03-01",
    ts_created_utc_ns=T0 - 86_400_000_000_000,
    steps=1,
    paper_only=True,
    card={},
)


@final
@dataclass
class Oracle:
    """A policy that does what the test says, next."""

    next: Act | None = None
    fault: str = ""
    bars_needed: int = 2
    trained: Trained = TRAINED
    actions: tuple[str, ...] = ACTIONS
    trail_atr: float = 1.25
    seen: list[int] = field(default_factory=list)
    asked: list[Situation] = field(default_factory=list)

    @property
    def bars_seen(self) -> int:
        return len(self.seen)

    def see(self, bar: Bar, session: Session) -> None:
        assert session.ts_open_utc_ns < bar.ts_close_utc_ns <= session.ts_close_utc_ns
        self.seen.append(bar.ts_close_utc_ns)

    def act(self, situation: Situation) -> Act:
        self.asked.append(situation)
        if self.fault:
            raise RuntimeError(self.fault)
        found, self.next = self.next or act(0), None
        return found

    def bracket_ticks(self) -> tuple[int, int]:
        return 40, 120


def act(action: int, **differs: Any) -> Act:
    made = Act(action=action, logits=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5), legal=(True,) * 6, novelty=1.5)
    return replace(made, **differs)


def surroundings(policy: Policy, mode: str = "paper") -> Surroundings:
    def opened(name: str, sha256: str, traded: Market) -> Policy:
        if name != "mine" or sha256 != HASH:
            raise ConfigInvalid(f"no checkpoint {name!r} of {sha256} for {traded.symbol}")
        return policy

    def none(name: str, sha256: str, traded: Market) -> EventPolicy:
        raise AssertionError((name, sha256, traded))

    return Surroundings(mode=mode, hours=Hours(), policy=opened, event_policy=none)


def source_of(policy: Policy, mode: str = "paper", symbol: str = "MNQ", **params: Any) -> PolicySource:
    given = {"checkpoint": "mine", "sha256": HASH, **params}
    return PolicySource.open(given, strategy="alpha", market=market(symbol), surroundings=surroundings(policy, mode))


def bars(count: int, start: int = T0) -> list[Bar]:
    return [bar_of(PRICE, at=start + 5 * MINUTE * n) for n in range(1, count + 1)]


def answers(source: PolicySource, given: Sequence[Bar]) -> list[object]:
    return [source.decide(bar, FLAT) for bar in given]


# --- its answers ------------------------------------------------------------------------------------


def test_an_entry_is_a_signal_with_its_bracket_its_action_and_how_new_what_it_saw_is() -> None:
    source = source_of(Oracle(next=act(2)))
    assert isinstance(source, ManagingSource)
    assert isinstance(source, Modelled)
    assert not isinstance(source, SignalSource)
    first, second = bars(2)
    assert source.decide(first, FLAT) is None
    assert source.decide(second, FLAT) == SignalMade(
        strategy="alpha",
        market="MNQ",
        signal_id=f"alpha-{second.ts_close_utc_ns}",
        slot_utc_ns=second.ts_close_utc_ns,
        side=-1,
        stop_ticks=40,
        target_ticks=120,
        ts_event_utc_ns=second.ts_close_utc_ns,
        action=2,
        novelty=1.5,
        notes={
            "close_points": 20_000.0,
            "novelty": 1.5,
            "logit_HOLD": 0.0,
            "logit_BUY": 0.5,
            "logit_SELL": 1.0,
            "logit_SL_TO_BE": 1.5,
            "logit_TRAIL_ON": 2.0,
            "logit_TRAIL_OFF": 2.5,
        },
    )


@pytest.mark.parametrize(
    ("action", "manage", "trail_atr"),
    [(3, Manage.BREAK_EVEN, 0.0), (4, Manage.TRAIL_ON, 1.25), (5, Manage.TRAIL_OFF, 0.0)],
)
def test_what_it_wants_of_its_position_is_told(action: int, manage: Manage, trail_atr: float) -> None:
    source = source_of(Oracle(next=act(action)))
    *_, last = bars(2)
    source.warm_up(bars(1))
    wanted = source.decide(last, FLAT)
    assert isinstance(wanted, ManageWanted)
    assert (wanted.manage, wanted.trail_atr, wanted.slot_utc_ns) == (manage, trail_atr, last.ts_close_utc_ns)


def test_it_is_told_how_the_strategy_stands() -> None:
    oracle = Oracle()
    source = source_of(oracle)
    answers(source, bars(3))
    assert oracle.asked == [FLAT, FLAT]


def test_it_holds_until_it_has_seen_what_it_needs() -> None:
    oracle = Oracle(bars_needed=4)
    source = source_of(oracle)
    assert source.bars_needed == 4
    source.warm_up(bars(2))
    assert not source.warm
    third, fourth = bars(4)[2:]
    assert source.decide(third, FLAT) is None
    assert not oracle.asked
    source.decide(fourth, FLAT)
    assert source.warm
    assert len(oracle.asked) == 1


@pytest.mark.parametrize(
    "odd",
    [
        bar_of(at=T0 + 5 * MINUTE),  # seen before
        bar_of(at=T0 + 15 * MINUTE, symbol="MES"),
        replace(bar_of(at=T0 + 15 * MINUTE), close_points=math.nan),
        bar_of(at=T0 + 7 * 60 * MINUTE + 45 * MINUTE),  # 17:45 in New York: the market is shut
    ],
)
def test_a_bar_that_is_no_news_or_lies_in_no_session_is_passed_over(odd: Bar) -> None:
    oracle = Oracle()
    source = source_of(oracle)
    source.warm_up(bars(2))
    assert source.decide(odd, FLAT) is None
    assert len(oracle.seen) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (act(1, logits=(math.nan,) * 6), "logits are nan"),
        (act(1, logits=(0.0, math.inf, 0.0, 0.0, 0.0, 0.0)), "inf"),
        (act(1, logits=(0.0, 1.0)), "6 finite numbers are due"),
        (act(6), "action 6 is illegal"),
        (act(-1), "action -1 is illegal"),
        (act(1, legal=(True, False, True, False, False, False)), "legal are 0, 2"),
        (act(1, novelty=math.nan), "no number"),
    ],
)
def test_an_answer_that_makes_no_sense_is_a_failure_of_the_model(wrong: Act, said: str) -> None:
    source = source_of(Oracle(next=wrong))
    source.warm_up(bars(1))
    failed = source.decide(bars(2)[1], FLAT)
    assert isinstance(failed, ModelFailed)
    assert said in failed.text


# --- what is refused at the start -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"sha256": ""}, r"sha256 is not set: pin the checkpoint, as `gamma models show mine` prints it"),
        ({"sha256": "cd" * 32}, r"\[strategies\.alpha\.signal\] no checkpoint 'mine'"),
        ({"checkpoint": "other"}, r"\[strategies\.alpha\.signal\] no checkpoint 'other'"),
        ({"checkpoint": ""}, r"strategies\.alpha\.signal"),
        ({"symbol": "MES"}, r"was trained for MNQ, and the strategy trades MES"),
        ({"mode": "live"}, r"is for paper only: it has not qualified"),
        ({"seed": 3}, r"strategies\.alpha\.signal"),
    ],
)
def test_what_may_not_be_traded_is_refused_at_the_start(differs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigInvalid, match=said):
        source_of(Oracle(), **differs)


def test_with_an_evaluation_out_of_sample_it_may_trade_live() -> None:
    source = source_of(Oracle(trained=replace(TRAINED, paper_only=False)), mode="live")
    assert source.model == Model(sha256=HASH, pinned_sha256=HASH, ts_created_utc_ns=TRAINED.ts_created_utc_ns)


# --- at the desk ------------------------------------------------------------------------------------


@pytest.fixture
def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
def stand(make_stand: Make, oracle: Oracle) -> Stand:
    made = make_stand()
    made.boot()
    made.desk.seats = {"MNQ": (Seat(strategy="alpha", source=source_of(oracle)),)}
    return made


def outcomes(stand: Stand) -> list[str]:
    return [tick.outcome for tick in stand.facts(Tick)]


def test_a_position_is_opened_managed_and_known_again_after_a_crash(stand: Stand, oracle: Oracle) -> None:
    stand.bar()
    oracle.next = act(1)
    stand.bar()
    stand.bar()
    assert oracle.asked[-1].lots == 2
    oracle.next = act(3)
    stand.bar(PRICE + 32, high=PRICE + 32)
    assert stand.order(OrderKind.STOP).price_ticks == PRICE + 2  # in at the open, half the spread and a tick
    oracle.next = act(4)
    stand.bar(PRICE + 60, high=PRICE + 60)
    assert [m.reason for m in stand.facts(PositionManaged)] == ["ok", "ok"]
    assert outcomes(stand) == ["warming_up", "ok", "no_signal", "break_even", "trail_on"]
    stand.refold()
    stand.restart()
    held = stand.book.position("alpha", "MNQ")
    assert (held.at_break_even, held.trail_atr) == (True, 1.25)


def test_the_situation_is_what_the_broker_holds(stand: Stand, oracle: Oracle) -> None:
    stand.bar()
    oracle.next = act(1)
    stand.bar()
    stand.bar()
    stand.bar(PRICE + 10, high=PRICE + 30)
    told = oracle.asked[-1]
    assert (told.side, told.lots, told.bars_held, told.entry_ticks) == (1, 2, 2, PRICE + 2)
    assert (told.stop_ticks, told.target_ticks, told.risk_ticks, told.best_ticks) == (
        PRICE - 40,
        PRICE + 120,
        42,
        PRICE + 30,
    )
    assert (told.at_break_even, told.trailing, told.leaving) == (False, False, False)
    assert (told.floor_microusd, told.drawdown_microusd) == (None, None)
    assert told.balance_microusd == 50_000_000_000 - 2 * 600_000
    assert told.equity_microusd == told.balance_microusd + 2 * 8 * 500_000
    before = oracle.asked[0]
    assert (before.side, before.lots) == (0, 0)
    assert math.isnan(before.stop_ticks)
    assert math.isnan(before.entry_ticks)


def test_an_entry_that_waits_is_a_side_without_lots_and_an_exit_that_waits_is_leaving(
    stand: Stand, oracle: Oracle
) -> None:
    stand.bar()
    oracle.next = act(2)
    stand.bar()
    waiting = situation_of(stand.book, "alpha", "MNQ")
    assert (waiting.side, waiting.lots) == (-1, 0)
    stand.bar()
    held = stand.book.position("alpha", "MNQ")
    leaving = replace(stand.book, positions={("alpha", "MNQ"): replace(held, exit_reason="time")})
    assert situation_of(leaving, "alpha", "MNQ").leaving


def test_an_answer_that_makes_no_sense_switches_the_strategy_off_and_leaves_its_stop(
    stand: Stand, oracle: Oracle
) -> None:
    stand.bar()
    oracle.next = act(1)
    stand.bar()
    stand.bar()
    oracle.next = act(1, logits=(math.nan,) * 6)
    stand.bar()
    [halted] = stand.facts(Halted)
    assert (halted.halt.scope, halted.halt.target, halted.halt.reason) == ("strategy", "alpha", "model_insane")
    assert "nan" in str(halted.halt.evidence["text"])
    assert outcomes(stand)[-1] == "fault"
    assert stand.order(OrderKind.STOP).live


def test_a_policy_that_raises_switches_its_strategy_off(stand: Stand, oracle: Oracle) -> None:
    stand.bar()
    oracle.fault = "a fault in the network"
    stand.bar()
    [halted] = stand.facts(Halted)
    assert "a fault in the network" in str(halted.halt.evidence["text"])
    oracle.fault, oracle.next = "", act(1)
    stand.bar()
    stand.bar()
    assert stand.lots == 0
    assert outcomes(stand)[-2] == "halted"


def test_history_is_seen_and_not_decided_on(stand: Stand, oracle: Oracle) -> None:
    stand.desk.warm_up("MNQ", bars(5), T0 + 25 * MINUTE)
    assert len(oracle.seen) == 5
    assert not oracle.asked
    asyncio.run(stand.desk.bar(bar_of(at=T0 + 30 * MINUTE)))
    assert len(oracle.asked) == 1


def test_the_floor_is_told_where_there_is_one() -> None:
    rule = FloorRule(drawdown_microusd=2_500_000_000, trails_on=TrailsOn.INTRADAY)
    told = situation_of(open_book(setup_of(floor_rule=rule)), "alpha", "MNQ")
    assert (told.floor_microusd, told.drawdown_microusd) == (47_500_000_000, 2_500_000_000)


def test_the_guard_of_models_sees_the_checkpoint_that_runs() -> None:
    model = Model(sha256=HASH, pinned_sha256=HASH, ts_created_utc_ns=T0 - 86_400_000_000_000)
    guard = ModelSanity(actions=6, age_max_days=30)
    order = OrderView(market="MNQ", side=1, lots=1)
    [signal] = [s for s in answers(source_of(Oracle(next=act(1))), bars(2)) if isinstance(s, SignalMade)]
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "ok"),
        ({"pinned_sha256": "cd" * 32}, "model_insane"),
        ({"ts_created_utc_ns": 0}, "model_insane"),
    ]
    for differs, reason in cases:
        strategy = replace(strategy_rules(), model=replace(model, **differs))
        book = open_book(setup_of()).at(T0)
        view = look(book, rules_of(strategy), strategy, signal)
        assert (view.control.model_hash, view.signal.novelty, view.signal.action) == (HASH, 1.5, 1)
        assert guard(view, order).reason == reason
    assert guard(look(open_book(setup_of()), rules_of(strategy_rules()), strategy_rules(), signal), order).lots == 0
