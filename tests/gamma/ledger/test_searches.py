"""What the dashboard looks for in a ledger that the daemon wrote: trades, alerts, the sequel of a decision."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from gamma.effects import Tick
from gamma.errors import InputInvalid
from gamma.events import (
    DecisionMade,
    ExitWanted,
    OrderCanceled,
    OrderFilled,
    OrderIntended,
    PositionManaged,
    TradeClosed,
)  # fmt: skip
from gamma.ledger import EVERY, Ledger, Look, Reader, Run
from gamma.ledger import alert_search as alerts
from gamma.ledger import trade_search as trades
from gamma.ledger.sequel import newest, sequel
from gamma.ledger.trade_search import TradeFilter, TradeSums
from gamma.notices import Notice, Severity
from tests.daemon_case import ledger_in, trade, write_config

SIDES = {"long": 1, "short": -1}


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two strategies over some days, with stops moved, and positions closed by time."""
    folder = tmp_path_factory.mktemp("traded")
    write_config(folder)
    trade(folder, bars=600)
    return ledger_in(folder)


@pytest.fixture
def reader(traded: str) -> Iterator[Reader]:
    with closing(Reader.open(traded)) as one:
        yield one


def summed(rows: list[dict[str, Any]]) -> TradeSums:
    """The same sums by hand."""
    risked = [row["pnl_microusd"] / row["risk_microusd"] for row in rows if row["risk_microusd"]]
    return TradeSums(
        trades=len(rows),
        wins=sum(row["pnl_microusd"] > 0 for row in rows),
        pnl_microusd=sum(row["pnl_microusd"] for row in rows),
        fees_microusd=sum(row["fees_microusd"] for row in rows),
        r_sum=sum(risked),
        r_trades=len(risked),
    )


def test_each_filter_gives_the_trades_that_it_names_and_their_sums(reader: Reader) -> None:
    every = reader.trades(EVERY)
    assert len(every) > 10
    middle = every[len(every) // 2]["ts_close_utc_ns"]
    cases: list[tuple[TradeFilter, Any]] = [
        (TradeFilter(), lambda _: True),
        (TradeFilter(market="MES"), lambda row: row["market"] == "MES"),
        (TradeFilter(strategy="mnq"), lambda row: row["strategy"] == "mnq"),
        (TradeFilter(side=-1), lambda row: row["side"] == -1),
        (TradeFilter(outcome="won"), lambda row: row["pnl_microusd"] > 0),
        (TradeFilter(outcome="lost"), lambda row: row["pnl_microusd"] < 0),
        (TradeFilter(since_utc_ns=middle), lambda row: row["ts_close_utc_ns"] >= middle),
        (TradeFilter(until_utc_ns=middle), lambda row: row["ts_close_utc_ns"] < middle),
        (TradeFilter(lots_min=2), lambda row: row["lots_max"] >= 2),
        (TradeFilter(lots_max=1, market="MNQ", side=1), lambda row: row["market"] == "MNQ" and row["side"] == 1),
    ]
    for wanted, fits in cases:
        expected = [row for row in every if fits(row)]
        assert [row["trade_id"] for row in trades.found(reader, wanted, limit=1_000)] == [
            row["id"] for row in reversed(expected)
        ]
        together, by_hand = trades.sums(reader, wanted), summed(expected)
        assert together.r_sum == pytest.approx(by_hand.r_sum)
        assert replace(together, r_sum=by_hand.r_sum) == by_hand, wanted


def test_of_no_trade_there_is_no_rate(reader: Reader) -> None:
    nothing = trades.sums(reader, TradeFilter(market="NQ"))
    assert nothing == TradeSums()
    assert nothing.win_rate_frac is None
    assert nothing.expectancy_r is None


def test_pages_follow_one_another(reader: Reader) -> None:
    whole = trades.found(reader, TradeFilter(), limit=1_000)
    pages = [trades.found(reader, TradeFilter(), limit=7, skip=skip) for skip in range(0, len(whole), 7)]
    assert [row for page in pages for row in page] == whole
    assert trades.choices(reader) == {"market": ["MES", "MNQ"], "strategy": ["mes", "mnq"]}


def test_each_trade_leads_to_the_decision_that_opened_it(reader: Reader) -> None:
    rows = trades.found(reader, TradeFilter(), limit=1_000)
    decided = trades.opened_by(reader, rows)
    assert set(decided) == {row["trade_id"] for row in rows}
    assert len(set(decided.values())) == len(rows)
    for row in rows:
        made = reader.decision(decided[row["trade_id"]])
        assert (made.strategy, made.market, made.side) == (row["strategy"], row["market"], row["side"])
        assert made.ts_event_utc_ns <= row["ts_open_utc_ns"]


def test_the_sequel_of_a_decision_is_the_same_by_whatever_name(reader: Reader) -> None:
    for row in trades.found(reader, TradeFilter(), limit=1_000):
        decision_id = trades.opened_by(reader, [row])[row["trade_id"]]
        found = sequel(reader, decision_id)
        assert (found.decision_id, found.trade_id, found.more) == (decision_id, row["trade_id"], 0)
        seqs = [step.seq for step in found.steps]
        assert seqs == sorted(set(seqs))
        kinds = [type(step.event) for step in found.steps]
        assert (kinds[0], kinds[1]) == (DecisionMade, OrderIntended)
        assert TradeClosed in kinds
        filled = [step.event.fill for step in found.steps if isinstance(step.event, OrderFilled)]
        assert sum(fill.side * fill.lots for fill in filled) == 0
        told = [step.seq for step in found.steps if not isinstance(step.event, PositionManaged | ExitWanted)]
        for name in (row["trade_id"], *found.orders, filled[-1].execution_id, *map(str, told)):
            same = sequel(reader, name)
            assert (same.decision_id, same.orders, [step.seq for step in same.steps]) == (
                decision_id,
                found.orders,
                seqs,
            )


def test_every_event_of_an_order_is_in_some_sequel(reader: Reader) -> None:
    """What was told of orders, and nothing twice: no two decisions share an order's event."""
    decided = [row["id"] for row in reader.decisions(EVERY) if row["lots"]]
    told = [
        step.seq
        for decision_id in decided
        for step in sequel(reader, decision_id).steps
        if isinstance(step.event, OrderIntended | OrderFilled | OrderCanceled | TradeClosed)
    ]
    kinds = ("OrderIntended", "OrderFilled", "OrderCanceled", "TradeClosed")
    assert sorted(told) == [seq for seq, _ in reader.every(*kinds)]


def test_an_event_is_found_by_its_number_though_it_belongs_to_nothing(reader: Reader) -> None:
    found = sequel(reader, "1")
    assert (found.decision_id, found.orders, [step.seq for step in found.steps]) == ("", (), [1])
    last, _ = reader.head
    assert [step.seq for step in newest(reader, 3)] == [last, last - 1, last - 2]
    for word in ("nobody", str(last + 1), "9" * 40, "'; DROP TABLE events"):
        with pytest.raises(InputInvalid):
            sequel(reader, word)


def test_both_databases_find_the_same(reader: Reader, server_url: str) -> None:
    """The same events, appended once more, one by one: their numbers are the same too."""
    with closing(Ledger.open(server_url, account="paper", mode="paper")) as ledger:
        for _, kept in reader.events(limit=10**9):
            if isinstance(kept, Notice):
                ledger.append([], [kept])
            elif isinstance(kept, Tick):
                ledger.append([], [], [kept])
            elif not isinstance(kept, Run | Look):
                ledger.append([kept])
        ledger.commit()
    with closing(Reader.open(server_url)) as served:
        assert trades.choices(served) == trades.choices(reader)
        for wanted in (TradeFilter(), TradeFilter(outcome="lost", side=-1), TradeFilter(market="NQ")):
            assert trades.found(served, wanted, limit=99) == trades.found(reader, wanted, limit=99)
            theirs, ours = trades.sums(served, wanted), trades.sums(reader, wanted)
            assert theirs.r_sum == pytest.approx(ours.r_sum)
            assert replace(theirs, r_sum=0.0) == replace(ours, r_sum=0.0)
        rows = trades.found(served, TradeFilter(), limit=99)
        assert trades.opened_by(served, rows) == trades.opened_by(reader, rows)
        for row in rows[:3]:
            each = [sequel(one, row["trade_id"]).steps for one in (served, reader)]
            assert [step.seq for step in each[0]] == [step.seq for step in each[1]]
        assert [row["seq"] for row in alerts.found(served, standing="pending", limit=9)] == (
            [row["seq"] for row in alerts.found(reader, standing="pending", limit=9)]
        )
        assert alerts.tally(served) == alerts.tally(reader)


def test_alerts_are_found_by_severity_and_standing(url: str) -> None:
    with closing(Ledger.open(url, account="DU1", mode="paper")) as ledger:
        for number, severity in enumerate(list(Severity) * 4):
            told = Notice(key=f"{severity}{number}", severity=severity, title="t", text="x", ts_event_utc_ns=number)
            ledger.append([], [told])
        ledger.commit()
        ledger.outbox.delivered([1, 2, 3], 100)
        ledger.outbox.dropped([4, 5], 200, "not sent: no webhook configured")
        ledger.outbox.postponed([7], 300, "busy")
        ledger.outbox.ack("3", 400)
        ledger.commit()
    with closing(Reader.open(url)) as reader:
        standing = {row["seq"]: row["standing"] for row in alerts.found(reader, limit=100)}
        assert standing == {
            **dict.fromkeys(range(1, 13), "pending"), 1: "delivered", 2: "delivered", 3: "acknowledged", 4: "failed",
            5: "failed",
        }  # fmt: skip
        for severity, how in product(("", *Severity), ("", *alerts.STANDINGS)):
            rows = alerts.found(reader, severity=severity, standing=how, limit=100)
            assert [row["seq"] for row in rows] == [
                seq
                for seq in range(12, 0, -1)
                if how in ("", standing[seq]) and severity in ("", list(Severity)[(seq - 1) % 3])
            ]
            if severity and how:
                assert alerts.tally(reader).get((severity, how), 0) == len(rows)
