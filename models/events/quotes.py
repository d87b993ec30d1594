"""Recorded order books of event markets, cut into looks.

A recording is a folder of four Parquet files, as an exchange's streams give them; prices in usd, sizes in contracts:

    snapshots.parquet  recv_ns, market, side (yes or no), price, qty     all bids of both sides, at first
    deltas.parquet     recv_ns, market, side, price, delta               what changed since, in its order
    tickers.parquet    recv_ns, market, last, yes_bid, yes_ask, volume   trades, summed since the market opened
    watch.parquet      market, close_time (ISO 8601)                     which markets, and when each closes
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, final

import numpy as np
import polars as pl

from gamma.clock import NS
from gamma.errors import InputInvalid
from gamma.feeds.events.tape import LEVELS, LOOK_S, WINDOW_LOOKS, Tape

COLUMNS: Final = {
    "snapshots": ("recv_ns", "market", "side", "price", "qty"),
    "deltas": ("recv_ns", "market", "side", "price", "delta"),
    "tickers": ("recv_ns", "market", "last", "yes_bid", "yes_ask", "volume"),
    "watch": ("market", "close_time"),
}
LOOKS_MIN: Final = 12
STEP_NS: Final = round(LOOK_S * NS)
DECIDED_NS: Final = 15 * NS
UNDECIDED: Final = (0.1, 0.9)
SIDES: Final = {"yes": 0, "no": 1}

_Sizes = dict[float, float]
_Cents = dict[int, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What stood in the book, and what was traded since the look before: sold to YES, and to NO. One entry a side."""

    bids: Sequence[int]
    lots: Sequence[Sequence[int]]
    taken_before: Sequence[float]
    volume: float
    left_s: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """What a ticker told of trades: how many contracts since the one before, and how many since the market opened."""

    ts_utc_ns: int
    bought: bool
    lots: float
    volume: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One market as it was recorded: looks, oldest first, and how long it was open before it closed."""

    market: str
    looks: Sequence[Look]
    open_s: float
    payout: int


def read(folders: Sequence[Path], open_s: float = 900.0) -> tuple[Tape, tuple[str, ...]]:
    """All markets of some recordings, each as one row of the tape, and their names; each was open for `open_s`.

    Raises: InputInvalid when a file is missing, or a column, or no market has looks enough.
    """
    found = [one for folder in folders for one in _markets(folder, open_s)]
    if not found:
        raise InputInvalid(f"{', '.join(map(str, folders))}: no market was recorded for {LOOKS_MIN * LOOK_S:g} s")
    return _tape(found), tuple(one.market for one in found)


def _markets(folder: Path, open_s: float) -> Iterator[Recorded]:
    frames = {name: _frame(folder / f"{name}.parquet", columns) for name, columns in COLUMNS.items()}
    until_ns = max(int(np.max(frames[name]["recv_ns"].to_numpy(), initial=0)) for name in ("deltas", "tickers"))
    for market, closes in frames["watch"].unique("market", keep="first", maintain_order=True).rows():
        own = {name: frame.filter(pl.col("market") == market) for name, frame in frames.items()}
        close_ns = round(datetime.fromisoformat(closes).timestamp() * NS)
        if own["snapshots"].height and own["tickers"].height > LOOKS_MIN:
            looks = list(_looks(own, close_ns))
            if len(looks) >= LOOKS_MIN:
                payout = _payout(own["tickers"], until_ns - close_ns)
                yield Recorded(market=market, looks=looks, open_s=open_s, payout=payout)


def _frame(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    try:
        return (
            pl.read_parquet(path, columns=list(columns)).select(*columns).with_columns(pl.col("market").cast(pl.String))
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        text = str(error).splitlines()[0]
        raise InputInvalid(f"{path}: is to hold the columns {', '.join(columns)} in Parquet ({text})") from None


def _looks(own: Mapping[str, pl.DataFrame], close_ns: int) -> Iterator[Look]:
    """The market every few seconds, from where both the book and a trade are known to its last ticker."""
    first_ns, books = _first(own["snapshots"])
    changes = own["deltas"].select("recv_ns", "side", "price", "delta").rows()
    trades = _trades(own["tickers"])
    at = seen = 0
    for now_ns in range(-(-first_ns // STEP_NS) * STEP_NS, min(trades[-1].ts_utc_ns, close_ns) + 1, STEP_NS):
        while at < len(changes) and changes[at][0] <= now_ns:
            _, side, price, delta = changes[at]
            book = books[SIDES[side]]
            book[price] = book.get(price, 0.0) + delta
            at += 1
        sold = bought = 0.0
        while seen < len(trades) and trades[seen].ts_utc_ns <= now_ns:
            trade = trades[seen]
            bought, sold = bought + trade.bought * trade.lots, sold + (not trade.bought) * trade.lots
            seen += 1
        shown = [_cents(book) for book in books]
        if seen and any(shown):
            yield _look(shown, (sold, bought), trades[seen - 1].volume, (close_ns - now_ns) / NS)


def _look(shown: Sequence[_Cents], taken_before: Sequence[float], volume: float, left_s: float) -> Look:
    bids = [max(side, default=0) for side in shown]
    return Look(
        bids=bids,
        lots=[[round(side.get(best - k, 0.0)) for k in range(LEVELS)] for best, side in zip(bids, shown, strict=True)],
        taken_before=taken_before,
        volume=volume,
        left_s=left_s,
    )


def _first(snapshots: pl.DataFrame) -> tuple[int, tuple[_Sizes, _Sizes]]:
    """When the book was first told whole, and what stood in it then."""
    first_ns = int(snapshots["recv_ns"].to_numpy().min())
    books: tuple[_Sizes, _Sizes] = ({}, {})
    for side, price, qty in snapshots.filter(pl.col("recv_ns") == first_ns).select("side", "price", "qty").rows():
        books[SIDES[side]][price] = qty
    return first_ns, books


def _cents(book: Mapping[float, float]) -> _Cents:
    """Sizes by whole cents: a bid between two counts at the lower, and one below a cent not at all."""
    found: _Cents = {}
    for price, qty in book.items():
        cents = int(price * 100 + 1e-6)
        if qty >= 1 and cents >= 1:
            found[cents] = found.get(cents, 0.0) + qty
    return found


def _trades(tickers: pl.DataFrame) -> list[Trade]:
    """What was traded by each ticker, bought where the last price lay on or above the middle before."""
    rows = tickers.sort("recv_ns").select("recv_ns", "last", "yes_bid", "yes_ask", "volume").rows()
    found: list[Trade] = []
    before, middle = rows[0][4], 0.5
    for recv_ns, last, bid, ask, volume in rows:
        lots = max(0.0, volume - before)
        found.append(Trade(ts_utc_ns=recv_ns, bought=last >= middle, lots=lots, volume=volume))
        before, middle = volume, (bid + ask) / 2
    return found


def _payout(tickers: pl.DataFrame, beyond_close_ns: int) -> int:
    """How it was decided, where it was recorded to its close; -1 where that is not known."""
    last = float(tickers.sort("recv_ns")["last"][-1])
    if beyond_close_ns < -DECIDED_NS or UNDECIDED[0] < last < UNDECIDED[1]:
        return -1
    return 100 if last > 0.5 else 0


def _tape(found: Sequence[Recorded]) -> Tape:
    shape = (len(found), max(len(one.looks) for one in found))
    bids, lots = np.zeros((2, *shape), np.int32), np.zeros((2, *shape, LEVELS), np.int32)
    taken, volume, left = np.zeros((2, *shape), np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for e, one in enumerate(found):
        for t, look in enumerate(one.looks):
            volume[e, t] = _ten_minutes(one, t)
            left[e, t] = look.left_s
            bids[:, e, t], lots[:, e, t] = look.bids, look.lots
            if t:
                taken[:, e, t - 1] = np.rint(look.taken_before)
    return Tape(
        yes_bid=bids[0],
        no_bid=bids[1],
        yes_lots=lots[0],
        no_lots=lots[1],
        yes_taken=taken[0],
        no_taken=taken[1],
        volume=volume,
        left_s=left,
        looks=np.array([len(one.looks) for one in found], np.int32),
        payout=np.array([one.payout for one in found], np.int32),
    )


def _ten_minutes(one: Recorded, at: int) -> float:
    """Contracts of the ten minutes before a look: all that were traded, where the market is not older than that.

    Where the recording began later than that, what is known of it is spread over the ten minutes.
    """
    now, window_s = one.looks[at], WINDOW_LOOKS * LOOK_S
    if one.open_s - now.left_s <= window_s:
        return now.volume
    if at >= WINDOW_LOOKS:
        return now.volume - one.looks[at - WINDOW_LOOKS].volume
    first = one.looks[0]
    # What was traded before the recording began was traded since the market opened, evenly as far as anyone knows.
    before_s = window_s - at * LOOK_S
    earlier = first.volume * min(1.0, before_s / max(one.open_s - first.left_s, LOOK_S))
    return now.volume - first.volume + earlier
