"""The report of event markets, from a ledger that was written by hand: every number here was reckoned on paper."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gamma.actions import Base
from gamma.cli.output import plain
from gamma.effects import Tick
from gamma.events import (
    DecisionMade,
    Fill,
    Intent,
    Manage,
    OrderAccepted,
    OrderFilled,
    OrderIntended,
    OrderKind,
    OrderType,
    PositionManaged,
    Recorded,
    Trade,
)
from gamma.ledger import Ledger
from gamma.ledger.reader import Reader
from gamma.markets import MICRO
from gamma.reasons import Reason, Step
from gamma.report import Section, document, event_markets, page, sections
from gamma.report.event_figures import told_of
from gamma.report.event_orders import EventTrading, bracket, event_trading, held_bracket
from tests.gamma.report.case import subject
from tests.sizers.sized import in_market

KX = "KXINX-26"
S = 10**9
T0 = 1_772_463_600 * S


def decided(
    number: int,
    *chain: tuple[str, float],
    action: int = -1,
    side: int = 1,
    took_ns: int = 3_000_000,
    bid: float = 46.0,
    ask: float = 49.0,
    levels: Sequence[tuple[float, float]] = (),
    market: str = KX,
) -> DecisionMade:
    """A decision at look `number`, by what each step of the chain left."""
    before: float | None = None
    steps = []
    for name, lots in chain:
        reason = Reason.OK if before is None or lots == before else Reason.CAP
        steps.append(Step(name=name, lots_before=before, lots_after=lots, reason=reason, facts={}))
        before = lots
    seen: dict[str, Mapping[str, Any]] = {
        "market": {"price_points": (bid + ask) / 2, "bid_points": bid, "ask_points": ask, "tick_points": 1.0},
        "signal": {"side": side, "action": action},
        "liquidity": {
            "mid_points": (bid + ask) / 2,
            "book_prices_points": np.array([price for price, _ in levels]),
            "book_lots": np.array([lots for _, lots in levels]),
        },
    }
    slot = T0 + number * 5 * S
    return DecisionMade(
        decision_id=f"quiz@{slot}",
        strategy="quiz",
        market=market,
        slot_utc_ns=slot,
        signal_id=str(number),
        side=side,
        lots=int(chain[-1][1]),
        sized_lots=int(chain[-1][1]),
        bound_by=chain[-1][0],
        reason=Reason.OK,
        halted=False,
        steps=tuple(steps),
        view=in_market(market, **(seen if market == KX else {})),
        config_hash="",
        standing=Reason.OK,
        ts_event_utc_ns=slot + took_ns,
    )


def sent(
    made: DecisionMade,
    price: int,
    *fills: tuple[int, int],
    took_ns: int = 12_000_000,
    kind: OrderKind = OrderKind.ENTRY,
) -> list[Recorded]:
    """The order of a decision, the broker's answer, and its fills as lots and prices."""
    cid, at = f"g-{made.slot_utc_ns}", made.ts_event_utc_ns
    intent = Intent(
        client_order_id=cid,
        decision_id=made.decision_id,
        strategy=made.strategy,
        market=made.market,
        kind=kind,
        order_type=OrderType.LIMIT,
        side=made.side,
        lots=made.lots,
        price_ticks=price,
        ts_event_utc_ns=at,
    )
    facts: list[Recorded] = [
        OrderIntended(intent=intent, bracket=(), deadline_utc_ns=at + S, ts_event_utc_ns=at),
        OrderAccepted(client_order_id=cid, broker_order_id=f"b-{cid}", ts_event_utc_ns=at + took_ns),
    ]
    for number, (lots, ticks) in enumerate(fills):
        fill = Fill(
            execution_id=f"{cid}-{number}",
            client_order_id=cid,
            market=made.market,
            side=made.side,
            lots=lots,
            price_ticks=ticks,
            fee_microusd=0,
            ts_event_utc_ns=at + S,
        )
        facts.append(OrderFilled(fill=fill, ts_event_utc_ns=at + S))
    return facts


def reduced(
    number: int, lots: int, held: int, price: int, *fills: tuple[int, int], left: int = 0, **barred: int
) -> list[Recorded]:
    """A reduction at look `number`, of which the guards let `left` lots out."""
    slot = T0 + number * 5 * S
    at = slot + 2_000_000
    wanted = PositionManaged(
        strategy="quiz",
        market=KX,
        manage=Manage.REDUCE,
        trail_atr=0.0,
        slot_utc_ns=slot,
        reason=Reason.OK if left else Reason.UNRESOLVED,
        ts_event_utc_ns=at,
        lots=lots,
        price_ticks=price,
        notes={"held_lots": held, "middle_points": 50.5, "spread_points": 1.0, "depth_lots": 74, **barred},
    )
    made = decided(number, ("none", left), side=-1 if held > 0 else 1, took_ns=2_000_000)
    return [wanted, *(sent(made, price, *fills, took_ns=30_000_000, kind=OrderKind.EXIT) if left else [])]


def trade(number: int, lots: int, pnl_usd: float, market: str = KX) -> Trade:
    return Trade(
        trade_id=str(number),
        strategy="quiz",
        market=market,
        side=1,
        lots_max=lots,
        ts_open_utc_ns=T0,
        ts_close_utc_ns=T0 + 60 * S,
        entry_points=47.0,
        exit_points=50.0,
        pnl_microusd=round(pnl_usd * MICRO),
        fees_microusd=0,
        risk_microusd=0,
        exit_reason="settled",
    )


TRADES = [trade(1, 20, 0.60), trade(2, 5, 0.20), trade(3, 50, -3.0), trade(4, 12, 0.0), trade(5, 2, 90.0, "MNQ")]


def facts() -> Iterator[Recorded]:
    twenty = decided(
        1, ("encoded_size", 20), ("liquidity_cap", 20), action=3, levels=[(49, 30), (51, 40), (60, 500)], took_ns=1_000
    )
    yield replace(twenty, notes={"barred_by_liquidity_cap": 2, "barred_by_standing": 4, "novelty": 1.0})
    yield from sent(twenty, 47, (12, 47), (8, 46))
    fifty = decided(
        2, ("encoded_size", 50), ("liquidity_cap", 20), action=14, side=-1, bid=50, ask=52, levels=[(50, 25), (49, 15)]
    )
    yield fifty
    yield from sent(fifty, 52, (5, 52), took_ns=20_000_000)
    yield decided(3, ("encoded_size", 100), ("liquidity_cap", 20), ("cash_buffer", 0), action=5)
    yield decided(4, ("fixed", 60), ("standing", 0), side=-1)
    idle = decided(5, ("encoded_size", 20), ("liquidity_cap", 20), action=3, levels=[(49, 30)])
    yield idle
    yield from sent(idle, 47)
    yield decided(6, ("fixed", 2), market="MNQ")
    yield from reduced(7, 50, 37, 51, (30, 51), left=37, barred_by_liquidity_cap=1, barred_by_concentration_cap=2)
    yield from reduced(8, 10, -12, 50)


def kept(folder: Path, told: Sequence[Recorded]) -> EventTrading | None:
    url = f"sqlite:///{folder}/gamma.db"
    with closing(Ledger.open(url, account="a", mode="paper")) as ledger:
        ticks = [
            Tick(strategy="quiz", slot_utc_ns=T0 - number, session="", outcome=outcome)
            for number, outcome in enumerate(["no_signal", "hold", "warming_up", "no_signal"])
        ]
        ledger.append(told, [], ticks)
        ledger.commit()
    with closing(Reader.open(url)) as reader:
        return event_trading(reader, TRADES)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> EventTrading:
    found = kept(tmp_path_factory.mktemp("ledger"), list(facts()))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def section(told: EventTrading, tmp_path_factory: pytest.TempPathFactory) -> Section:
    found = event_markets.section(replace(subject(tmp_path_factory.mktemp("case"), 1), events=told))
    assert found is not None
    return found


def rows(section: Section, caption: str) -> list[tuple[str, ...]]:
    (table,) = [one for one in section.tables if one.caption.startswith(caption)]
    return [tuple(row) for row in table.rows]


@pytest.mark.parametrize(
    ("lots", "name"), [(1, "to 5"), (5, "to 5"), (6, "to 10"), (37, "to 50"), (100, "to 100"), (101, "over 100")]
)
def test_a_size_between_two_belongs_to_the_larger(lots: int, name: str) -> None:
    assert bracket(lots) == name


@pytest.mark.parametrize(("lots", "name"), [(100, "to 100"), (101, "to 200"), (450, "to 500"), (501, "over 500")])
def test_what_is_held_may_be_several_orders_worth(lots: int, name: str) -> None:
    assert held_bracket(lots) == name


def test_an_action_is_told_with_what_came_of_it(told: EventTrading) -> None:
    first, second, third, fourth, fifth = told.asked[:5]
    assert (first.base, first.wanted_lots, first.lots, first.filled_lots) == (Base.BUY_YES, 20, 20, 20)
    assert first.paid_points == pytest.approx(-0.9)  # 12 at 47 and 8 at 46, and the middle is 47.5
    assert (first.spread_points, first.depth_lots) == (3.0, 70.0)
    assert (first.decided_s, first.answered_s) == (1e-6, 0.012)
    assert (second.base, second.wanted_lots, second.ordered_lots, second.filled_lots) == (Base.BUY_NO, 50, 20, 5)
    assert second.paid_points == -1.0  # NO at 48, and the middle of NO is 49
    assert (third.ordered_lots, third.shrunk_by) == (0, ("liquidity_cap", "cash_buffer"))
    assert (fourth.base, fourth.wanted_lots, fourth.shrunk_by) == (Base.BUY_NO, 60, ("standing",))
    assert (fifth.ordered_lots, fifth.filled_lots) == (20, 0)
    assert fifth.paid_points != fifth.paid_points


def test_a_sale_is_told_by_the_side_that_was_held(told: EventTrading) -> None:
    sold, denied = told.asked[5:]
    assert (sold.base, sold.wanted_lots, sold.ordered_lots, sold.filled_lots) == (Base.SELL_YES, 50, 37, 30)
    assert (sold.paid_points, sold.spread_points, sold.depth_lots) == (-0.5, 1.0, 74.0)
    assert (sold.decided_s, sold.answered_s) == (0.002, 0.03)
    assert (denied.base, denied.wanted_lots, denied.ordered_lots, denied.reason) == (Base.SELL_NO, 10, 0, "unresolved")


def test_other_markets_and_looks_that_decided_nothing_are_left_out(told: EventTrading) -> None:
    assert {one.market for one in told.asked} == {one.market for one in told.trades} == {KX}
    assert told.held == 3


def test_all_21_actions_are_counted(section: Section) -> None:
    assert rows(section, "Use of the actions") == [
        ("buy YES", "0", "0", "2", "0", "1", "3", "30.0 %"),
        ("sell YES", "0", "0", "0", "1", "0", "1", "10.0 %"),
        ("buy NO", "0", "0", "0", "1", "1", "2", "20.0 %"),
        ("sell NO", "0", "1", "0", "0", "0", "1", "10.0 %"),
        ("hold", "", "", "", "", "", "3", "30.0 %"),
    ]
    assert [one.alt for one in section.pictures] == ["Actions by size: most often buy YES to 20, 2 times."]


def test_what_was_ordered_stands_against_what_filled(section: Section) -> None:
    assert rows(section, "Sizes") == [
        ("to 10", "1", "0", "0", "0", "0", "0", "0", "0", "-"),
        ("to 20", "2", "2", "2", "1", "0", "1", "40", "20", "50.0 %"),
        ("to 50", "2", "1", "2", "0", "2", "0", "57", "35", "61.4 %"),
        ("to 100", "2", "0", "0", "0", "0", "0", "0", "0", "-"),
    ]


def test_spread_and_depth_are_means_over_orders(section: Section) -> None:
    assert rows(section, "Spread and depth") == [
        ("to 20", "2", "3.00", "-0.90", "50", "47.6 %"),  # 20 of 70 and 20 of 30
        ("to 50", "2", "1.50", "-0.57", "57", "50.0 %"),  # 5 at -1.00 and 30 at -0.50; 20 of 40 and 37 of 74
    ]


def test_latency_is_told_by_size(section: Section) -> None:
    assert rows(section, "Latency") == [
        ("to 20", "2", "3", "3", "3", "12", "12", "12"),
        ("to 50", "2", "3", "3", "3", "30", "30", "30"),
    ]


def test_winners_and_losers_are_told_by_the_most_that_they_held(section: Section) -> None:
    assert rows(section, "Winners") == [
        ("to 5", "1", "1", "0", "+0.20", "-", "+0.20"),
        ("to 20", "2", "1", "0", "+0.60", "-", "+0.60"),
        ("to 50", "1", "0", "1", "-", "-3.00", "-3.00"),
    ]
    assert "At their largest 2 winners held 12.5 contracts on average, 1 loser 50.0." in section.words


def test_each_limit_is_told_as_often_as_it_bound_and_a_position_is_none(section: Section) -> None:
    assert rows(section, "How often each limit") == [
        ("liquidity cap", "", "3", "2", "0"),
        ("concentration cap", "", "2", "0", "0"),
        ("cash buffer", "", "0", "1", "1"),
    ]
    assert section.words[0].startswith("7 actions in 1 event market: 4 became orders, and of 1 a position")


def test_the_same_is_told_as_json(told: EventTrading) -> None:
    read = json.loads(json.dumps(plain(told_of(told)), allow_nan=False))
    assert read["held_looks"] == 3
    assert {"base": "buy_yes", "size": "to 20", "times": 2} in read["actions"]
    assert [one["size"] for one in read["sizes"]] == ["to 10", "to 20", "to 50", "to 100"]
    assert read["sizes"][2] | {"decided_ms": 0, "paid_points": 0} == {
        "size": "to 50", "asked": 2, "whole": 1, "orders": 2, "filled": 0, "in_part": 2, "unfilled": 0,
        "ordered_lots": 57, "filled_lots": 35, "spread_points": 1.5, "paid_points": 0, "depth_lots": 57.0,
        "depth_frac": 0.5, "decided_ms": 0, "answered_ms": [30.0, 30.0, 30.0],
    }  # fmt: skip
    assert read["limits"] == [
        {"step": "liquidity_cap", "barred": 3, "shrank": 2, "to_zero": 0},
        {"step": "concentration_cap", "barred": 2, "shrank": 0, "to_zero": 0},
        {"step": "cash_buffer", "barred": 0, "shrank": 1, "to_zero": 1},
    ]


def test_page_and_document_show_it_and_nothing_of_it_where_no_event_market_was_traded(
    told: EventTrading, tmp_path: Path
) -> None:
    without = subject(tmp_path, 1)
    of_events = replace(without, events=told)
    assert "events" not in {one.name for one in sections(without)}
    shown = sections(of_events)
    assert [one.name for one in shown].index("events") == [one.name for one in shown].index("sizing") + 1
    assert 'id="events"' in page(of_events, shown)
    assert document(of_events, shown).startswith(b"%PDF")


def test_a_ledger_without_an_event_market_tells_nothing_of_them(tmp_path: Path) -> None:
    assert kept(tmp_path, [decided(1, ("fixed", 2), market="MNQ")]) is None


def test_where_time_is_made_nothing_is_told_of_latency(tmp_path: Path) -> None:
    made = decided(1, ("encoded_size", 20), action=3, took_ns=0)
    told = kept(tmp_path, [made, *sent(made, 47, took_ns=0)])
    section = event_markets.section(replace(subject(tmp_path, 1), events=told))
    assert section is not None
    assert "Latency" not in " ".join(one.caption for one in section.tables)
    assert any("nothing takes time" in text for text in section.words)
