"""What the ledger shows of itself, while it is written and when it is at rest."""

import dataclasses
from collections.abc import Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from gamma.book import Setup, fold, open_book
from gamma.errors import ConfigInvalid, InputInvalid
from gamma.events import BootStarted, OrderCanceled, OrderFilled, OrderLost, Recorded, TradeClosed
from gamma.ledger import Ledger, Look, Reader, Run, Wanted
from gamma.markets import market
from tests.gamma.ledger.facts import T0, S, closed, day, decision, entry, fill, halted, notice, tick


@pytest.fixture
def reader(url: str, ledger: Ledger) -> Iterator[Reader]:
    """A day, committed, and a reader beside the daemon that holds it."""
    ledger.append(day(), [notice()], [tick(0)])
    ledger.register(Run(run_id="r1", run_kind="train", config_hash="c", seed=7, notes="", ts_event_utc_ns=T0))
    ledger.register(Look(run_id="r1", dataset="d", family="ppo", notes="", ts_event_utc_ns=T0))
    with Reader.open(url) as opened:
        yield opened


def test_the_reader_says_whose_ledger_it_is(reader: Reader, ledger: Ledger) -> None:
    assert (reader.account, reader.mode, reader.created_utc_ns) == ("DU1234", "paper", T0)
    assert reader.head == ledger.head


def test_a_ledger_at_rest_can_be_read(url: str, ledger: Ledger) -> None:
    ledger.append([closed()])
    ledger.close()
    with Reader.open(url) as reader:
        assert [t["id"] for t in reader.trades()] == ["mnq@1"]


def test_a_trade_is_a_plain_row(reader: Reader) -> None:
    assert reader.trades() == [
        {
            "id": "mnq@1",
            "seq": 18,
            "strategy": "mnq",
            "market": "MNQ",
            "side": 1,
            "lots_max": 2,
            "ts_open_utc_ns": T0,
            "ts_close_utc_ns": T0 + 60 * S,
            "entry_points": 20_000.0,
            "exit_points": 20_010.0,
            "pnl_microusd": 38_520_000,
            "fees_microusd": 1_480_000,
            "risk_microusd": 40_000_000,
            "exit_reason": "target",
        }
    ]


def test_the_newest_rows_come_oldest_first(ledger: Ledger, reader: Reader) -> None:
    for n in range(2, 6):
        trade = dataclasses.replace(closed(n).trade, strategy="es", ts_close_utc_ns=T0 + n * 100 * S)
        ledger.append([TradeClosed(trade=trade, ts_event_utc_ns=T0 + n * 100 * S)])
    ledger.commit()
    assert [t["id"] for t in reader.trades(Wanted(limit=2))] == ["mnq@4", "mnq@5"]
    assert [t["id"] for t in reader.trades(Wanted(strategy="mnq"))] == ["mnq@1"]
    assert [t["id"] for t in reader.trades(Wanted(since_utc_ns=T0 + 500 * S))] == ["mnq@5"]
    assert reader.trades(Wanted(market="ES")) == []


def test_a_decision_comes_with_its_view_and_trace(reader: Reader) -> None:
    (row,) = reader.decisions()
    assert (row["id"], row["lots"], row["halted"]) == (f"mnq@{T0}", 2, False)
    assert repr(reader.decision(row["id"])) == repr(decision(0))
    with pytest.raises(InputInvalid, match="no decision is called 'x'"):
        reader.decision("x")


def test_positions_are_the_sum_of_fills(ledger: Ledger, reader: Reader) -> None:
    assert reader.positions() == []
    ledger.append([entry(7, 700), fill("y0", "g1a-1-7", 2, 80_000, 701), fill("y1", "nobody's", -3, 80_000, 702)])
    ledger.commit()
    assert [(p["id"], p["lots"], p["fees_microusd"]) for p in reader.positions()] == [
        (":MNQ", -3, 1_110_000),
        ("mnq:MNQ", 2, 2_960_000 - 740_000),
    ]


def test_an_orders_state_is_that_of_the_book(ledger: Ledger, reader: Reader) -> None:
    more: list[Recorded] = [
        entry(3, 180),
        OrderLost(client_order_id="g1a-1-3", text="timeout", ts_event_utc_ns=T0),
        entry(4, 240, lots=3),
        fill("y0", "g1a-1-4", 1, 80_000, 241),
        entry(5, 300, lots=3),
        fill("y1", "g1a-1-5", 1, 80_000, 301),
        OrderCanceled(client_order_id="g1a-1-5", expired=True, ts_event_utc_ns=T0),
        entry(6, 360),
    ]
    ledger.append(more)
    ledger.commit()
    setup = Setup(account="DU1234", mode="paper", starting_capital_microusd=10**10, markets={"MNQ": market("MNQ")})
    book = open_book(setup)
    for fact in [*day()[:-1], *more]:
        book = fold(book, fact)
    shown = {o["id"]: o for o in reader.orders()}
    assert {
        cid: (shown[cid]["state"], shown[cid]["filled_lots"], shown[cid]["price_ticks"]) for cid in book.orders
    } == {cid: (o.state.value, o.filled_lots, o.price_ticks) for cid, o in book.orders.items()}
    assert shown["g1a-1-6"]["state"] == "pending"
    assert [o["id"] for o in reader.orders(open_only=True) if not o["parent"]] == ["g1a-1-3", "g1a-1-4", "g1a-1-6"]


def test_after_a_restart_what_was_about_to_be_sent_is_unknown(ledger: Ledger, reader: Reader) -> None:
    ledger.append([entry(6, 360), BootStarted(epoch=2, config_hash="c", code_hash="k", ts_event_utc_ns=T0)])
    ledger.commit()
    assert {o["state"] for o in reader.orders(Wanted(since_utc_ns=T0 + 360 * S))} == {"unknown"}


def test_the_history_of_an_order_is_what_was_told_of_it(reader: Reader) -> None:
    assert [r["told"] for r in reader.order_history("g1a-1-0")] == ["unknown", "missed", "acked"]
    assert [r["told"] for r in reader.order_history("g1a-1-0s")] == ["acked", "replaced", "canceled"]
    (stop,) = [o for o in reader.orders() if o["id"] == "g1a-1-0s"]
    assert (stop["broker_order_id"], stop["price_ticks"]) == ("b1", 79_970)


def test_a_lifted_halt_stands_no_more(ledger: Ledger, reader: Reader) -> None:
    assert reader.standing_halts() == []
    ledger.append([halted(2)])
    ledger.commit()
    (halt,) = reader.standing_halts()
    assert (halt["halt_id"], halt["evidence"]) == ("h2", {"day_pnl_usd": -1000.5, "note": "NaN"})
    assert [h["action"] for h in reader.halts()] == ["halted", "resumed", "halted"]


def test_events_can_be_followed(reader: Reader) -> None:
    found = reader.events(after_seq=31)
    assert [(seq, type(e).__name__) for seq, e in found] == [
        (32, "ShutDown"),
        (33, "Tick"),
        (34, "Notice"),
        (35, "Run"),
        (36, "Look"),
    ]
    assert [type(e) for _, e in reader.events(kinds=["OrderFilled"], limit=2)] == [OrderFilled, OrderFilled]


def test_what_is_read_at_once_is_of_one_moment_also_one_within_another(ledger: Ledger, reader: Reader) -> None:
    with reader.at_once():
        before = reader.head
        with reader.at_once():
            assert reader.head == before
        ledger.append([halted(2)])
        ledger.commit()
        assert reader.head == before
    assert reader.head != before


def test_all_events_are_read_whatever_the_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gamma.ledger.reader._PAGE", 7)
    assert [(seq, type(fact)) for seq, fact in reader.every()] == [(seq, type(fact)) for seq, fact in reader.events()]
    assert list(reader.every("OrderFilled", "Tick")) == reader.events(kinds=["OrderFilled", "Tick"])
    assert list(reader.every_mark()) == reader.marks() != []


def test_every_table_can_be_listed(reader: Reader) -> None:
    lists = (reader.fills, reader.equity, reader.peaks, reader.ticks, reader.alerts, reader.boots, reader.runs)
    assert [len(rows()) for rows in (*lists, reader.looks)] == [3, 1, 1, 1, 1, 1, 1, 1]
    assert reader.count("events") == 36


def test_many_orders_are_not_too_many(ledger: Ledger, reader: Reader) -> None:
    ledger.append([entry(n, n) for n in range(1_000, 4_000)])
    ledger.commit()
    assert len(reader.orders(Wanted(limit=100_000))) == 9_009


def test_the_reader_cannot_write(reader: Reader) -> None:
    for statement in ("INSERT INTO peaks VALUES (1, 1, '', 1)", "UPDATE alerts SET attempts = 9"):
        with pytest.raises(DBAPIError, match=r"readonly|read-only"):
            reader._db.exec_driver_sql(statement)


def test_there_is_nothing_to_read_where_there_is_no_ledger(empty_url: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"there is no|no ledger is in it"):
        Reader.open(empty_url)
