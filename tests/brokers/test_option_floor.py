"""The floor of options: what it kept is the account that it was, whatever came last of its orders."""

from decimal import Decimal
from pathlib import Path

from brokers.sandbox.option_floor import OptionFloor
from brokers.sandbox.tickets import Store, Ticket, TicketLeg
from gamma.clock import NS
from tests.brokers.option_quotes import LONG, SHORT, HandQuotes
from tests.contract.tradier import START_UTC_NS

AFTER_UTC_NS = START_UTC_NS + 7 * 3_600 * NS  # the options have ended
CAPITAL_USD = Decimal(50_000)


def test_an_order_that_outlives_its_options_leaves_the_account_as_it_was_after_a_restart(tmp_path: Path) -> None:
    quotes, path = HandQuotes(), tmp_path / "account.db"
    store = Store(path, "one")
    floor = OptionFloor(quotes, store, CAPITAL_USD)
    floor.depth_lots = 1
    legs = (TicketLeg(symbol=SHORT, ratio=-1, opens=True), TicketLeg(symbol=LONG, ratio=1, opens=True))
    ticket = Ticket(
        number=floor.next_number,
        tag="g-1-1",
        underlying="SPX",
        kind="market",
        duration="gtc",
        legs=legs,
        lots=2,
        limit_points=None,
        ts_created_utc_ns=START_UTC_NS,
        ts_updated_utc_ns=START_UTC_NS,
        shows_utc_ns=START_UTC_NS,
        until_utc_ns=2**62,
    )
    floor.take(ticket)
    floor.advance(START_UTC_NS)
    floor.depth_lots = 0
    quotes.index = Decimal(5_795)
    floor.advance(AFTER_UTC_NS)
    floor.cancel(floor.tickets[ticket.number], AFTER_UTC_NS)
    # Sold for 0.60 points; it settles at 5 points, and a lot's fee is 1.30 usd.
    assert floor.cash_usd == CAPITAL_USD + 60 - Decimal("1.30") - 500
    store.close()
    again = OptionFloor(quotes, Store(path, "one"), CAPITAL_USD)
    assert (again.cash_usd, again.cost_usd()) == (floor.cash_usd, Decimal(0))
    again.advance(AFTER_UTC_NS + NS)
    assert again.cash_usd == floor.cash_usd
