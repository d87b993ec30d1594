"""An event policy on paper: the daemon trades simulated questions by it, and its ledger holds what it did to the cent.

The mask of a look is what a decision would leave then; what cannot be is said before anything trades.
"""

import asyncio
import json
import math
import re
import tomllib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from brokers.kalshi.sandbox_keys import Gate as KalshiGate
from brokers.kalshi.sandbox_keys import pem_of
from brokers.paper import paper_truth
from gamma import checkpoints
from gamma.account import book_of
from gamma.actions import LOTS, OPENS, SIZES_LOTS, permitted
from gamma.assembly import assemble, paper_state_path, rules_of, setup_of
from gamma.cli import app
from gamma.cli.reported import of_ledger
from gamma.codec import encode
from gamma.daemon import Daemon
from gamma.decision import cut_by, decide
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import (
    DecisionMade,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderType,
    PositionManaged,
    SignalMade,
    TradeClosed,
)
from gamma.guards import Verdict
from gamma.invariants.patrol import examine
from gamma.ledger import Reader
from gamma.outlook import Outlook, look
from gamma.reasons import Fact, Reason
from gamma.replay import verify
from gamma.report.event_figures import limits
from gamma.views import Num, OrderView, View
from tests.contract.kalshi import key
from tests.daemon_case import config_in, facts, trade
from tests.engine_case import Gate
from tests.event_case import SERIES, Guesser, config_text, opener
from tests.views_example import example_view

LOOKS = 400
SIM = 'use = "sim"\nstart = "2026-11-20"\nspeed = "max"'


@pytest.fixture(scope="module")
def guesser() -> Guesser:
    return Guesser()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, guesser: Guesser) -> Path:
    """Two questions and a bit, traded by chance."""
    made = tmp_path_factory.mktemp("events")
    (made / "config.toml").write_text(config_text(feed=SIM))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "event_policy", opener(guesser))
        trade(made, bars=LOOKS)
    return made


def test_a_day_on_paper_is_in_the_ledger_to_the_cent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, guesser: Guesser
) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(guesser))
    config = config_in(folder)
    state = paper_state_path(config)
    assert state is not None
    positions, fills, _ = paper_truth(state)
    booked = [fact.fill for fact in facts(folder, OrderFilled)]
    assert [fill.execution_id for fill in fills] == [fill.execution_id for fill in booked]
    with closing(Reader.open(config.gamma.database)) as reader:
        book = book_of(reader, setup_of(config))
    broker = assemble(config, state_path=state).broker
    account = asyncio.run(broker.account())
    assert {m: book.lots(m) for m in book.setup.markets if book.lots(m)} == positions
    assert (book.balance_microusd, book.balance_microusd % 10_000) == (account.balance_microusd, 0)


def test_it_buys_by_limit_for_one_look_and_sells_parts(folder: Path) -> None:
    sent = [fact.intent for fact in facts(folder, OrderIntended) if fact.intent.kind is not OrderKind.CANCEL]
    assert {intent.order_type for intent in sent} == {OrderType.LIMIT}
    assert {intent.kind for intent in sent} == {OrderKind.ENTRY, OrderKind.EXIT}
    assert all(intent.until_utc_ns - intent.ts_event_utc_ns == 5 * 10**9 for intent in sent)
    managed = facts(folder, PositionManaged)
    assert managed
    assert {fact.reason for fact in managed} == {Reason.OK}


def test_a_question_that_ends_closes_what_is_held_of_it(folder: Path) -> None:
    assert any(fact.fill.settled for fact in facts(folder, OrderFilled))
    assert "settled" in {fact.trade.exit_reason for fact in facts(folder, TradeClosed)}


def test_the_mask_of_a_look_is_what_its_decision_left(folder: Path, guesser: Guesser) -> None:
    decisions = facts(folder, DecisionMade)
    assert len(decisions) > 50
    # Whatever it chose had been asked for, so that nothing of it was ever shrunk or denied.
    assert {(made.reason, made.lots == LOTS[int(made.view.signal.action)]) for made in decisions} == {("ok", True)}
    legal = [mask for _, mask in guesser.asked]
    assert any(not all(mask[n] for n in range(21) if OPENS[n] and LOTS[n] == 100) for mask in legal)


def test_the_report_tells_of_every_action_and_of_what_barred_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, guesser: Guesser
) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(guesser))
    told = of_ledger(config_in(folder).gamma.database, folder / "config.toml")[0].events
    assert told is not None
    decisions, managed = facts(folder, DecisionMade), facts(folder, PositionManaged)
    assert len(told.asked) == len(decisions) + len(managed)
    filled = {fact.fill.execution_id: fact.fill.lots for fact in facts(folder, OrderFilled) if not fact.fill.settled}
    assert sum(one.filled_lots for one in told.asked) == sum(filled.values())
    assert {one.base.name for one in told.asked} == {"BUY_YES", "SELL_YES", "BUY_NO", "SELL_NO"}
    spreads = [one.spread_points for one in told.asked if one.spread_points == one.spread_points]
    assert len(spreads) > len(told.asked) / 2  # where a side of the book is empty there is none
    assert all(spread > 0 for spread in spreads)
    assert all(one.depth_lots >= 0 for one in told.asked)
    # Each size that was barred was a buy at a look at which the policy was asked.
    barred = {name: times for name, times, *_ in limits(told.asked)}
    assert 0 < sum(barred.values()) < 10 * len(guesser.asked)
    assert set(barred) <= {*config_in(folder).strategies[0].sizers, *config_in(folder).strategies[0].guards}


def test_every_decision_comes_out_again(folder: Path, monkeypatch: pytest.MonkeyPatch, guesser: Guesser) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(guesser))
    rules = rules_of(config_in(folder))
    made = facts(folder, DecisionMade)
    verdict = verify(made, rules)
    assert (verdict.identical, verdict.differences) == (len(made), [])
    assert all(one.view.liquidity.book_lots.size for one in made)


def test_the_invariants_hold_of_the_ledger(folder: Path) -> None:
    config = config_in(folder)
    examined = examine(config.gamma.database, setup_of(config), rules_of(config))
    assert list(map(str, examined.violations)) == []


def test_a_daemon_that_starts_again_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser(seed=2)))

    def known(daemon: Daemon) -> None:
        assert daemon.shell.book.epoch > 0

    before = len(facts(folder, DecisionMade))
    trade(folder, bars=20, meddle=known)
    assert len(facts(folder, DecisionMade)) > before


# --- what cannot be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (config_text(feed=SIM).replace("adds = true", "adds = false"), r"adds = false: event_policy adds to what it"),
        (config_text(feed=SIM + "\nlook_s = 10"), r"\[feed\] look_s = 10: simulated looks are 5 s apart"),
        (config_text(feed='use = "books"'), "paper tells no order books of event contracts"),
        (config_text("MNQ", feed=SIM), r"\[strategies.event.signal\] use = \"event_policy\" trades event contracts"),
    ],
)
def test_a_configuration_that_cannot_trade_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser()))
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigInvalid, match=told):
        assemble(config_in(tmp_path), state_path=None)


def test_an_exchanges_books_are_not_traded_on_paper_for_they_tell_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser()))
    (tmp_path / "key.pem").write_bytes(pem_of(key()))
    name = KalshiGate(key().public_key()).key_id
    kalshi = (
        f'[brokers.paper]\n[brokers.kalshi]\nenvironment = "paper"\nkey_id = "{name}"\nkey_path = "{tmp_path}/key.pem"'
    )
    text = config_text(feed='use = "books"\nbroker = "kalshi"', head=kalshi)
    (tmp_path / "config.toml").touch(mode=0o600)
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(ConfigInvalid, match="paper would never hear how a question ended"):
        assemble(config_in(tmp_path), state_path=None)


def test_looks_of_another_length_than_the_policys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser(look_s=10.0)))
    (tmp_path / "config.toml").write_text(config_text(feed=SIM))
    with pytest.raises(ConfigInvalid, match=r"was trained on looks every 10 s: set \[feed\] look_s = 10"):
        assemble(config_in(tmp_path), state_path=None)


def test_the_configuration_of_the_page_on_events_trades_the_policy_that_ships(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    shelf, shipped = checkpoints.named(str(tomllib.loads(text)["strategies"][0]["signal"]["checkpoint"]), ())
    pinned = re.sub(r'sha256 = "[0-9a-f]+\.\.\."', f'sha256 = "{shelf.told(shipped).sha256}"', text)
    (tmp_path / "config.toml").write_text(pinned.replace("[feed]\n", f"[feed]\n{SIM.partition(chr(10))[2]}\n"))
    daemon = trade(tmp_path, bars=180)
    assert {made.reason for made in facts(tmp_path, DecisionMade)} <= {Reason.OK}
    assert not daemon.shell.book.halts


def test_what_is_sized_by_hand_is_priced_at_the_last_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser()))
    monkeypatch.chdir(folder)
    told = json.loads(CliRunner().invoke(app, ["size", "--json"]).output)
    steps = {step["name"]: step for step in told["steps"]}
    assert steps["encoded_size"]["lots_after"] in SIZES_LOTS
    assert steps["price_collar"]["reason"] == Reason.OK


# --- whether a decision would leave so much ----------------------------------------------------------------


class Give:
    """A sizer that gives so many lots, or raises."""

    def __init__(self, lots: float | Exception) -> None:
        self.lots = lots

    def __call__(self, view: View, lots: Num) -> Num:  # noqa: ARG002
        if isinstance(self.lots, Exception):
            raise self.lots
        return self.lots

    def explain(self, view: View, lots: float) -> dict[str, Fact]:  # noqa: ARG002
        return {}


def guard(limit: int | None) -> Gate:
    """A guard with a limit, or with a fault."""

    def answer(_: View, order: OrderView) -> Verdict:
        if limit is None:
            raise ZeroDivisionError
        return Verdict(lots=min(limit, order.lots), reason=Reason.CAP)

    return Gate(answer=answer)


@settings(max_examples=200)
@given(
    sized=st.sampled_from([0.0, 3.0, 5.5, 20.0, math.nan, math.inf, ZeroDivisionError(), InputInvalid("no")]),
    limits=st.lists(st.integers(0, 25) | st.none(), max_size=3),
    lots=st.integers(1, 25),
    side=st.sampled_from([1, -1, 0]),
    standing=st.sampled_from([Reason.OK, Reason.HALTED]),
)
def test_a_question_is_answered_as_a_decision_would_be(
    sized: float, limits: Sequence[int | None], lots: int, side: int, standing: Reason
) -> None:
    view = example_view(signal={"side": side})
    guards = [(f"g{n}", guard(limit)) for n, limit in enumerate(limits)]
    sizers = [("give", Give(sized))]
    decided = decide(view, sizers, guards, standing=standing)
    cut = cut_by(view, sizers, guards, lots, standing=standing)
    assert (cut == "") == (decided.lots >= lots)
    if cut:  # and it is one that would have left fewer
        assert cut in {step.name for step in decided.steps if step.lots_after < lots}


def test_without_sizers_nothing_is_left() -> None:
    assert cut_by(example_view(), [], [], 1) == "chain"


def test_what_is_asked_sees_what_a_decision_sees(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "event_policy", opener(Guesser()))
    seen: list[Daemon] = []
    trade(folder, bars=1, meddle=seen.append)
    shell = seen[0].shell
    strategy = shell.rules.strategies["event"]
    outlook = Outlook(shell.book, shell.rules, strategy)
    made = SignalMade(
        strategy="event",
        market=SERIES,
        signal_id="s",
        slot_utc_ns=1,
        side=1,
        stop_ticks=0,
        target_ticks=0,
        ts_event_utc_ns=1,
        price_ticks=50,
        action=1,
        risk_microusd_per_lot=510_000,
    )
    for signal in (made, replace(made, side=-1, action=11), replace(made, action=5)):
        assert encode(outlook.look(signal)) == encode(look(shell.book, shell.rules, strategy, signal))
    assert permitted(1, 1, 0).shape == (21,)
