"""Trades with their outcomes, of bars real or simulated: where rules enter and leave, and what each size came to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np

from gamma.errors import InputInvalid
from gamma.feeds.series import COLUMNS, NS, PRICES, Series, concatenated
from models.size_picker.accounts import SPOT, Accounts
from models.size_picker.broker import Bars, Terms, nights
from models.size_picker.candles import windows
from models.size_picker.entries import Cuts, cut
from models.size_picker.form import Floats, Ints, Trades
from models.size_picker.outcomes import Entries, Outcomes, outcomes

# Half of the accounts stand where they began; the others lie apart from it so much, in logs.
BEGUN_FRAC: Final = 0.5
RATIO_SD: Final = 0.3
# Spreads vary about the broker's by so much, in logs.
SPREAD_SD: Final = 0.35
# A weekend with a holiday beside it is 74 hours; what is longer is a hole, and no trade spans one.
HOLE_NS: Final = 80 * 3600 * NS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Trades in bars with their outcomes, before candles are cut. Shapes: [N] each."""

    bars: Series
    cuts: Cuts
    placed: Entries
    ratio: Floats
    outcome: Outcomes
    ounces_per_lot: float

    def trades(self, rows: Any) -> Trades:
        """These rows as trades; of the simulated and the real alike."""
        cuts, of = self.cuts.of(rows), self.outcome
        return Trades(
            side=cuts.side.astype(np.int8),
            price_usd=of.price_usd[rows],
            equity_usd=self.placed.equity_usd[rows],
            equity_ratio=self.ratio[rows],
            spread_frac=self.placed.spread_frac[rows],
            candles=windows(np.stack([getattr(self.bars, name) for name in PRICES], axis=-1), cuts.entry_bar - 1),
            adverse_frac=of.adverse_frac[rows],
            move_frac=of.move_frac[rows],
            ruin_frac=of.ruin_frac[rows],
            returns=of.returns[rows].astype(np.float32),
            bars_held=(cuts.exit_bar - cuts.entry_bar).astype(np.int16),
            ts_entry_utc_ns=self.bars.ts_open_utc_ns[cuts.entry_bar],
            ts_exit_utc_ns=self.bars.ts_open_utc_ns[cuts.exit_bar],
            weights=np.ones(len(cuts)),
            ounces_per_lot=np.full(len(cuts), self.ounces_per_lot),
            floor_usd=self.placed.floor_usd[rows],
        )


def found(
    runs: Sequence[Series], rng: np.random.Generator, terms: Terms, accounts: Accounts = SPOT, draws: int = 1
) -> Found:
    """Every trade of the rules in runs of bars, each so often with an equity and a spread; none spans two runs."""
    cuts, first = [], 0
    for run in runs:
        some = cut(run, rng)
        cuts.append(replace(some, entry_bar=some.entry_bar + first, exit_bar=some.exit_bar + first))
        first += len(run)
    every, bars = Cuts.joined(cuts * draws), concatenated(runs)
    seen = _as_broker_sees(bars)
    if accounts.flat_by_day:
        every = _ended_by_day(every, seen.nights)
    count = len(every)
    equity_usd = between(rng, accounts.equity_usd, count)
    placed = Entries(
        side=every.side,
        entry_bar=every.entry_bar,
        exit_bar=every.exit_bar,
        equity_usd=equity_usd,
        spread_frac=terms.spread_frac * np.exp(SPREAD_SD * rng.standard_normal(count)),
        floor_usd=equity_usd - between(rng, accounts.room_usd, count) if accounts.room_usd else np.zeros(count),
    )
    apart = np.where(rng.random(count) < BEGUN_FRAC, 0.0, RATIO_SD * rng.standard_normal(count))
    return Found(
        bars=bars,
        cuts=every,
        placed=placed,
        ratio=np.exp(apart),
        outcome=outcomes(seen, placed, terms),
        ounces_per_lot=terms.ounces_per_lot,
    )


def _ended_by_day(cuts: Cuts, charged: Ints) -> Cuts:
    """The trades, each ended at the first open after 17:00 in New York: with its gap, it risks a bit more."""
    # Runs lie one behind another in time, or are paths by one clock: a night less is another path.
    turned_at = np.flatnonzero(np.diff(charged)) + 1
    after = np.append(turned_at, len(charged) - 1)[np.searchsorted(turned_at, cuts.entry_bar, side="right")]
    cuts = replace(cuts, exit_bar=np.minimum(cuts.exit_bar, after))
    return cuts.of(cuts.entry_bar < cuts.exit_bar)


def together(parts: Sequence[Series]) -> Series:
    """Bars of files as one series, oldest first; where two overlap, the one that begins later has them.

    Raises: InputInvalid where the files have bars of different lengths.
    """
    ordered = sorted(parts, key=lambda part: int(part.ts_open_utc_ns[0]))
    if len({part.bar_s for part in ordered}) > 1:
        raise InputInvalid(f"bars of {sorted({part.bar_s for part in ordered})} s together; give bars of one length")
    kept = []
    for number, part in enumerate(ordered):
        ts, free = part.ts_open_utc_ns, np.ones(len(part), np.bool_)
        for later in ordered[number + 1 :]:
            free &= (ts < later.ts_open_utc_ns[0]) | (ts > later.ts_open_utc_ns[-1])
        kept.append(_rows(part, free))
    whole = concatenated(kept)
    return _rows(whole, np.argsort(whole.ts_open_utc_ns, kind="stable"))


def _rows(series: Series, which: Any) -> Series:
    columns: dict[str, Any] = {name: getattr(series, name)[which] for name in COLUMNS}
    return replace(series, **columns)


def unbroken(series: Series) -> tuple[list[Series], list[str]]:
    """The runs between holes, and the holes in words."""
    ts = series.ts_open_utc_ns
    after = np.flatnonzero(np.diff(ts) > HOLE_NS) + 1
    notes = [f"a hole from {_day(ts[at - 1])} to {_day(ts[at])}: no trade spans it" for at in after.tolist()]
    edges = [0, *after.tolist(), len(series)]
    return [series.rows(slice(*ends)) for ends in pairwise(edges)], notes


def between(rng: np.random.Generator, ends: tuple[float, float], count: int) -> Floats:
    """Draws of which each order of size is as likely. Shapes: [count]."""
    low, high = np.log(ends)
    drawn: Floats = np.exp(rng.uniform(low, high, count))
    return drawn


def _as_broker_sees(bars: Series) -> Bars:
    charged = nights(bars.ts_open_utc_ns)
    return Bars(open_usd=bars.open_points, high_usd=bars.high_points, low_usd=bars.low_points, nights=charged)


def _day(ts_utc_ns: int) -> str:
    return datetime.fromtimestamp(int(ts_utc_ns) // NS, UTC).date().isoformat()
