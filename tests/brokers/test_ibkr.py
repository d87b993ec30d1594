"""What is Interactive Brokers' own about its adapter; what every broker must do is in tests/contract."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.ibkr.gateway import BROKEN_MAX_S, PAUSE_S
from brokers.ibkr.sandbox_shapes import complaint
from brokers.ibkr.sandbox_wire import packed
from brokers.sandbox.option_market import SimulatedOptions
from brokers.sandbox.prices import BarPrices
from gamma.clock import NS
from gamma.errors import ConfigInvalid, MarkerUnknown, Transient
from gamma.events import Intent, OrderState, OrderType
from gamma.ports import (
    Accepted,
    Candles,
    Chains,
    Found,
    Hinting,
    Inconclusive,
    Lost,
    MarketData,
    Placed,
    Preparing,
    Rejected,
)
from tests.brokers.desk import approve, bracket, entry, leave
from tests.brokers.memory_line import MemoryLine
from tests.brokers.option_quotes import CONDOR, SHORT, SHORT_CALL, sold
from tests.contract.ibkr import ASK, BID, LIMIT, IbkrRig


@pytest.fixture
def rig(tmp_path: Path) -> IbkrRig:
    return IbkrRig(tmp_path)


def place(rig: IbkrRig, intent: Intent, children: Sequence[Intent] = ()) -> Placed:
    return rig.run(rig.broker.place(approve(intent), intent, children))


def state(rig: IbkrRig, client_order_id: str) -> OrderState:
    found = rig.run(rig.broker.find(client_order_id))
    assert isinstance(found, Found), found
    return found.order.state


def fills(rig: IbkrRig) -> list[tuple[str, int, int, int]]:
    """Each fill: order, signed lots, price in ticks, fee in micro-dollars."""
    told = rig.run(rig.broker.fills_since("")).fills
    return [(f.client_order_id, f.side * f.lots, f.price_ticks, f.fee_microusd) for f in told]


def orders_sent(line: MemoryLine) -> list[tuple[str, str, str, str]]:
    """Each order as it went out: action, type, whether it lets go, and whether it hangs on another."""
    return [(f[16], f[18], f[27], "child" if int(f[28]) else "") for f in line.came if f[0] == "3"]


def test_it_tells_prices_chains_bars_and_hints(rig: IbkrRig) -> None:
    for port in (MarketData, Chains, Candles, Hinting):
        assert isinstance(rig.broker, port)


def test_a_bracket_goes_out_with_its_stop_last_which_lets_all_of_it_go(rig: IbkrRig) -> None:
    whole = entry("g-1-1", 1, 2)
    placed = place(rig, whole, bracket(whole, 79_600, 80_400))
    assert isinstance(placed, Accepted)
    assert set(placed.broker_order_ids) == {"g-1-1", "g-1-1s", "g-1-1t"}
    assert orders_sent(rig.line) == [
        ("BUY", "MKT", "0", ""),
        ("SELL", "LMT", "0", "child"),
        ("SELL", "STP", "1", "child"),
    ]
    rig.settle()
    assert fills(rig) == [("g-1-1", 2, ASK, 1_200_000)]
    assert (state(rig, "g-1-1s"), state(rig, "g-1-1t")) == (OrderState.ACKED, OrderState.ACKED)
    rig.prices.set("MNQ", 79_590, 79_591)
    rig.settle()
    rig.settle()
    assert (state(rig, "g-1-1s"), state(rig, "g-1-1t")) == (OrderState.FILLED, OrderState.CANCELED)
    assert rig.run(rig.broker.positions()) == {}


@pytest.mark.parametrize("intent", [sold("g-1-1"), entry("g-1-1", 1, 2)], ids=["structure", "future"])
def test_an_order_that_was_prepared_goes_out_without_another_question(rig: IbkrRig, intent: Intent) -> None:
    broker = rig.broker
    assert isinstance(broker, Preparing)
    rig.run(broker.prepare(intent))
    came = len(rig.line.came)
    place(rig, intent)
    assert {fields[0] for fields in rig.line.came[came:]} == {"3"}


def test_an_exit_that_was_prepared_goes_out_without_another_question(rig: IbkrRig) -> None:
    """What it closes is asked for before: an answer takes up to eight seconds."""
    place(rig, entry("g-1-1", 1, 2))
    rig.restart()
    closing = leave("g-1-2", -1, 2)
    broker = rig.broker
    assert isinstance(broker, Preparing)
    rig.run(broker.prepare(closing))
    came = len(rig.line.came)
    place(rig, closing)
    assert {fields[0] for fields in rig.line.came[came:]} == {"3"}


def test_a_connection_that_ends_with_its_greeting_is_none_for_now(rig: IbkrRig) -> None:
    broker = rig.opened()

    def last(message: bytes) -> bytes:
        for session in rig.sandbox.sessions:
            session.over = session.client_id >= 0
        return message

    rig.line.change = last
    with pytest.raises(Transient):
        rig.run(broker.connect())


def test_an_entry_whose_stop_is_refused_never_trades(rig: IbkrRig) -> None:
    whole = entry("g-1-1", 1, 2)
    rig.line.chosen = lambda fields: fields[0] == "3" and fields[18] == "STP"
    rig.line.fates.append((complaint(0, 110, ""), False))
    rig.line.change = _about_stop(rig.line)
    placed = place(rig, whole, bracket(whole, 79_600))
    assert isinstance(placed, Lost)
    rig.settle()
    assert rig.sandbox.exchange.orders() == []
    assert [fields[0] for fields in rig.line.came][-1] == "4"


def _about_stop(line: MemoryLine) -> Any:
    def changed(message: bytes) -> bytes:
        if message != complaint(0, 110, ""):
            return message
        number = next(int(f[1]) for f in line.came if f[0] == "3" and f[18] == "STP")
        return complaint(number, 110, "The price does not conform to the minimum price variation")

    return changed


def test_the_price_of_a_stop_is_changed_where_it_hangs(rig: IbkrRig) -> None:
    whole = entry("g-1-1", 1, 2)
    place(rig, whole, bracket(whole, 79_600))
    rig.settle()
    assert rig.run(rig.broker.replace("g-1-1s", 79_700)) == Accepted(broker_order_ids={})
    found = rig.run(rig.broker.find("g-1-1s"))
    assert isinstance(found, Found)
    assert (found.order.price_ticks, found.order.state) == (79_700, OrderState.ACKED)
    assert len(rig.sandbox.exchange.orders()) == 2
    assert isinstance(rig.run(rig.broker.replace("g-1-9", 79_700)), Rejected)


@pytest.mark.parametrize(("legs", "fee_usd"), [(None, "1.30"), (CONDOR, "1.30")])
def test_a_structure_is_one_order_and_its_fee_is_that_of_its_legs(rig: IbkrRig, legs: Any, fee_usd: str) -> None:
    asked = sold("g-1-1", 2) if legs is None else sold("g-1-1", 2, 25, legs)
    assert isinstance(place(rig, asked), Accepted)
    assert rig.run(rig.broker.open_orders())[0].price_ticks == 25
    for symbol in (SHORT, SHORT_CALL):
        rig.quotes.set(symbol, "1.65", "1.75")
    rig.settle()
    rig.settle()
    price = 25 if legs is None else 50
    assert fills(rig) == [("g-1-1", -2, price, int(Decimal(fee_usd) * 2 * 10**6))]
    assert rig.run(rig.broker.positions()) == {"SPX": -2}
    rig.restart()
    assert rig.run(rig.broker.positions()) == {"SPX": -2}


def test_a_fill_waits_for_its_commission_and_after_a_while_has_the_markets(rig: IbkrRig) -> None:
    rig.sandbox.desk.commission_s = 5
    place(rig, entry("g-1-1", 1, 1))
    rig.settle()
    assert fills(rig) == []
    rig.line.wait(5)
    assert fills(rig) == [("g-1-1", 1, ASK, 600_000)]
    rig.sandbox.desk.commission_s = 10**6
    place(rig, entry("g-1-2", 1, 1))
    assert len(fills(rig)) == 1
    rig.line.wait(11)
    assert fills(rig)[1] == ("g-1-2", 1, ASK, 600_000)
    assert [fill.fee_estimated for fill in rig.run(rig.broker.fills_since("")).fills] == [False, True]


def test_an_execution_that_was_corrected_is_the_same_fill(rig: IbkrRig) -> None:
    place(rig, entry("g-1-1", 1, 1))
    rig.settle()
    [first] = rig.run(rig.broker.fills_since("")).fills
    rig.line.change = lambda message: message.replace(b".01.01\0", b".01.02\0")
    [corrected] = rig.run(rig.broker.fills_since("")).fills
    assert corrected.execution_id == first.execution_id


def test_fills_of_another_day_are_not_known_unless_they_were_heard(rig: IbkrRig) -> None:
    place(rig, entry("g-1-1", 1, 1))
    rig.settle()
    marker = rig.run(rig.broker.fills_since("")).marker
    rig.line.wait(24 * 3600)
    assert list(rig.run(rig.broker.fills_since(marker)).fills) == []
    rig.restart()
    with pytest.raises(MarkerUnknown, match="no execution"):
        rig.run(rig.broker.fills_since(marker))
    assert list(rig.run(rig.broker.fills_since("")).fills) == []
    assert list(rig.run(rig.broker.fills_since(marker)).fills) == []


def test_an_order_of_another_client_is_foreign_and_is_not_cancelled(rig: IbkrRig) -> None:
    other = rig.opened(client_id=12)
    intent = rig.resting("not-ours", 1)
    rig.run(other.place(approve(intent), intent, ()))
    assert [order.client_order_id for order in rig.run(rig.broker.open_orders())] == ["not-ours"]
    assert isinstance(rig.run(rig.broker.cancel("not-ours")), Rejected)
    assert rig.run(rig.broker.open_orders())


def test_a_client_number_that_is_taken_is_told(rig: IbkrRig) -> None:
    rig.run(rig.broker.connect())
    with pytest.raises(ConfigInvalid, match="client_id = 11"):
        rig.run(rig.opened().connect())


def test_while_tws_has_no_connection_nothing_goes_out_and_lists_say_nothing(rig: IbkrRig) -> None:
    rig.run(rig.broker.connect())
    rig.sandbox.tell_all(1100, "Connectivity between IB and TWS has been lost.")
    rig.run(asyncio.sleep(0))
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Rejected)
    with pytest.raises(Transient, match="no connection"):
        rig.run(rig.broker.open_orders())
    rig.sandbox.tell_all(1102, "Connectivity between IB and TWS has been restored - data maintained.")
    rig.run(asyncio.sleep(0))
    assert isinstance(place(rig, rig.resting("g-1-2", 1)), Accepted)


def test_where_tws_never_says_that_it_is_back_it_is_asked_on_a_new_connection(rig: IbkrRig) -> None:
    """What it said may have been lost with a connection of which nobody has heard the end."""
    rig.run(rig.broker.connect())
    rig.sandbox.tell_all(1100, "Connectivity between IB and TWS has been lost.")
    rig.run(asyncio.sleep(0))
    rig.line.wait(BROKEN_MAX_S - 1)
    with pytest.raises(Transient, match="no connection"):
        rig.run(rig.broker.open_orders())
    rig.line.wait(1)
    assert list(rig.run(rig.broker.open_orders())) == []
    assert rig.line.dials == 2


def test_a_connection_that_broke_is_made_anew_and_not_too_often(rig: IbkrRig) -> None:
    rig.run(rig.broker.connect())
    place(rig, rig.resting("g-1-1", 1))
    rig.line.hang_up()
    rig.line.down = True
    with pytest.raises(Transient):
        rig.run(rig.broker.positions())
    dials = rig.line.dials
    for _ in range(5):
        assert isinstance(place(rig, rig.resting("g-1-2", 1)), Rejected)
    assert rig.line.dials <= dials + 1
    rig.line.down = False
    rig.line.wait(PAUSE_S + 1)
    assert [order.client_order_id for order in rig.run(rig.broker.open_orders())] == ["g-1-1"]


@pytest.mark.parametrize("code", [202, 404, 399, 2109, 10148, 161, 502, 10349])
def test_a_complaint_that_is_no_refusal_leaves_an_order_unknown(rig: IbkrRig, code: int) -> None:
    rig.run(rig.broker.connect())
    rig.line.fates.append((complaint(-7, code, "says something"), False))
    rig.line.change = _about_last(rig.line)
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Lost)


@pytest.mark.parametrize("code", [110, 200, 201, 321])
def test_a_plain_refusal_is_one(rig: IbkrRig, code: int) -> None:
    rig.run(rig.broker.connect())
    rig.line.fates.append((complaint(-7, code, "says why"), False))
    rig.line.change = _about_last(rig.line)
    assert place(rig, rig.resting("g-1-1", 1)) == Rejected(code=str(code), text="says why")


def _about_last(line: MemoryLine) -> Any:
    def changed(message: bytes) -> bytes:
        fields = message[4:].decode().split("\0")[:-1]
        if fields[0] == "4" and fields[2] == "-7":
            fields[2] = next(f[1] for f in reversed(line.came) if f[0] == "3")
        return packed(*fields)

    return changed


def test_an_order_that_is_only_shown_as_sent_is_not_accepted_yet(rig: IbkrRig) -> None:
    rig.run(rig.broker.connect())
    rig.show_word("g-1-1", "PendingSubmit")
    assert isinstance(place(rig, rig.resting("g-1-1", 1)), Lost)
    assert state(rig, "g-1-1") is OrderState.ACKED


def test_a_cancel_that_is_taken_but_not_carried_out_leaves_the_order_working(rig: IbkrRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    rig.sandbox.floor.cancel_s = 60
    assert isinstance(rig.run(rig.broker.cancel("g-1-1")), Accepted)
    assert state(rig, "g-1-1") is OrderState.ACKED
    rig.trade(1)
    assert state(rig, "g-1-1") is OrderState.FILLED


def test_a_message_that_cannot_be_read_ends_every_list(rig: IbkrRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    rig.line.change = lambda message: message if not message[4:].startswith(b"5\0") else packed(5, "not a number")
    assert isinstance(rig.run(rig.broker.find("g-1-1")), Inconclusive)
    rig.line.change = lambda message: message
    assert state(rig, "g-1-1") is OrderState.ACKED


def test_what_closes_a_future_closes_the_month_that_is_held(rig: IbkrRig) -> None:
    rig.line.time.advance(1_797_346_800 * NS)  # Tuesday 2026-12-15: the contract in front is March's, since Monday
    rig.prices.close_utc_ns = 2 * 10**18
    place(rig, entry("g-1-1", 1, 1))
    assert rig.line.came[-1][2] == "152703"
    bought = rig.sandbox.floor.orders[100_001]
    rig.sandbox.floor.change(replace(bought, notes={**bought.notes, "con_id": "152612"}), rig.line.now_utc_ns)
    place(rig, leave("g-1-2", -1, 1))
    assert next(f[2] for f in reversed(rig.line.came) if f[0] == "3") == "152612"


def test_quotes_chains_and_bars_are_those_of_the_market(rig: IbkrRig) -> None:
    rig.sandbox.floor.prices = BarPrices.simulated(7, ("MNQ",))
    rig.sandbox.options.quotes = SimulatedOptions(7, ("SPX",))
    broker, now = rig.opened(client_id=20), rig.line.now_utc_ns
    quotes = rig.run(broker.quotes(["MNQ", "SPX", "nothing"]))
    assert set(quotes) == {"MNQ", "SPX"}
    assert 0 < quotes["MNQ"].bid_points < quotes["MNQ"].ask_points
    told = rig.run(broker.expirations("SPX"))
    assert told[0] == date(2026, 11, 20)
    chain = rig.run(broker.chain("SPX", told[0]))
    assert len(chain) == 2 * 48
    bars = rig.run(broker.bars("MNQ", 300, now - 3600 * NS))
    assert [bar.ts_close_utc_ns for bar in bars] == [now - n * 300 * NS for n in range(11, -1, -1)]
    kept = rig.sandbox.floor.prices.bars("MNQ", 300, now - 3600 * NS, now)
    assert [(bar.open_points, bar.low_points) for bar in bars] == [(bar.open_points, bar.low_points) for bar in kept]
    clock = rig.run(broker.clock())
    assert (clock.ts_utc_ns, clock.is_open) == (rig.line.now_utc_ns // NS * NS, True)


def test_a_hint_comes_with_a_fill(rig: IbkrRig) -> None:
    place(rig, rig.resting("g-1-1", 1))

    async def hinted() -> None:
        assert isinstance(rig.broker, Hinting)
        hints = rig.broker.hints()
        waiting = asyncio.ensure_future(anext(hints))
        await asyncio.sleep(1)
        assert not waiting.done()
        rig.trade(1)
        rig.line.deliver()
        await asyncio.wait_for(waiting, 5)

    rig.run(hinted())


def test_without_ib_async_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["ib_async"] = None
from brokers.ibkr import Ibkr
from gamma.errors import ConfigInvalid
params = {"environment": "paper", "account_id": "DU1234567", "port": 7497}
try:
    Ibkr.open(params, account="a", starting_capital_microusd=0, markets={}, state_path=None)
except ConfigInvalid as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'gamma-daemon[ibkr]'" in told


@pytest.mark.parametrize(
    ("intent", "code"),
    [
        (entry("g-1-1", 1, 1, "RTY"), "unknown_market"),
        (entry("g 1", 1, 1), "bad_client_id"),
        (entry("g-1-1", 1, 1, order_type=OrderType.LIMIT), "bad_price"),
        (sold("g-1-1", 1, 25, CONDOR[:1]), "bad_legs"),
    ],
)
def test_an_order_that_cannot_be_theirs_is_refused_unsent(rig: IbkrRig, intent: Intent, code: str) -> None:
    placed = place(rig, intent)
    assert isinstance(placed, Rejected)
    assert (placed.code, rig.sent()) == (code, 0)


def test_an_order_that_would_have_to_wait_is_refused_unsent(rig: IbkrRig) -> None:
    async def many() -> list[Placed]:
        return [await rig.broker.place(approve(i), i, ()) for i in (rig.resting(f"g-1-{n}", 1) for n in range(60))]

    told = rig.run(many())
    assert 20 < rig.sent() < 45
    assert told[-1] == Rejected(code="rate_limited", text="too many messages within a second")


def test_prices_below_the_market_do_not_trade(rig: IbkrRig) -> None:
    place(rig, rig.resting("g-1-1", 1))
    rig.prices.set("MNQ", BID - 10, ASK - 10)
    rig.settle()
    assert state(rig, "g-1-1") is OrderState.ACKED
    assert LIMIT < BID - 10
