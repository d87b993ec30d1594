"""A look at an event market as a bar: its book at the close, and what changed since the look before."""

from gamma.bars import Bar
from gamma.books import CENTS, NAN, EventBook
from gamma.calendar import NS


def look_bar(book: EventBook, last: EventBook | None, ts_utc_ns: int, look_s: int) -> Bar | None:
    """The bar of `look_s` seconds that closed then with this book; None where nobody bids on either side.

    It opens at the middle of the look before, where that was of the same question, and closes at this one's. High and
    low hold the best bid and offer. Its volume is what has traded in the question since, NaN where that is not told.
    """
    if not book.yes_bids and not book.no_bids:
        return None
    same = last is not None and last.ts_close_utc_ns == book.ts_close_utc_ns
    opened = last.middle_cents if last is not None and same else book.middle_cents
    traded = book.traded_lots - (last.traded_lots if last is not None and same else NAN)
    quoted = [opened, book.middle_cents]
    quoted += [float(book.yes_bid_cents)] if book.yes_bids else []
    quoted += [float(CENTS - book.no_bid_cents)] if book.no_bids else []
    return Bar(
        market=book.market,
        ts_open_utc_ns=ts_utc_ns - look_s * NS,
        ts_close_utc_ns=ts_utc_ns,
        open_points=opened,
        high_points=max(quoted),
        low_points=min(quoted),
        close_points=book.middle_cents,
        volume_lots=traded,
        spread_points=book.spread_cents,
        book=book,
    )
