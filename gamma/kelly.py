"""The maths of Kelly sizing: a record's statistics and the fraction of the balance that they justify.

Pure and traceable. `p` is the share of wins, `b` the average win over the average loss, `f` the
fraction of the balance to risk. A scratch is no win, so that it counts against `p`.
Source: Kelly (1956), A new interpretation of information rate.
"""

from dataclasses import dataclass
from typing import Any

from gamma.numeric import Num, above_zero, known, minimum, namespace, ratio, scalar, where


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the last completed trades came to; per lot. `sound` is false where one of them is not a number."""

    trades: Num
    wins: Num
    losses: Num
    total_usd: Num
    win_total_usd: Num
    sound: Num

    @property
    def scratches(self) -> Num:
        """Trades that neither won nor lost."""
        return self.trades - self.wins - self.losses

    @property
    def win_frac(self) -> Num:
        """Share of trades that won; 0 without trades."""
        return ratio(self.wins, self.trades)

    @property
    def win_mean_usd(self) -> Num:
        """Average win; 0 where there was none."""
        return ratio(self.win_total_usd, self.wins)

    @property
    def loss_mean_usd(self) -> Num:
        """Average loss, as a number above 0; 0 where there was none."""
        return ratio(self.win_total_usd - self.total_usd, self.losses)

    @property
    def kelly_frac(self) -> Num:
        """Kelly fraction, in the form that loses no digits; 0 without a win.

        K = W - L * avg_loss / avg_win = sum(pnl) [usd] / (n [1] * avg_win [usd])
        """
        return ratio(self.total_usd, self.trades * self.win_mean_usd)


def latest(values: Num, trades: Num, window: int) -> tuple[Num, Num]:
    """The last `window` places of a record, and which of them hold one of its trades.

    Shapes: `values` [..., W], `trades` [...]; both results [..., min(W, window)].
    """
    xp = namespace(values, trades)
    kept = values[..., -window:]
    width = kept.shape[-1]
    back = xp.arange(width, 0, -1)
    return kept, back <= _beside(xp, trades)


def _beside(xp: Any, value: Num) -> Num:
    """A number [...] as [..., 1], so that it meets each place of a record."""
    return xp.asarray(value)[..., None]


def record(pnl_usd_per_lot: Num, trades: Num, window: int) -> Record:
    """Statistics of the last `window` completed trades; what stands before them is padding and not looked at.

    Shapes: `pnl_usd_per_lot` [..., W], `trades` [...]; every field [...].
    """
    xp = namespace(pnl_usd_per_lot, trades)
    kept, real = latest(pnl_usd_per_lot, trades, window)
    finite = xp.isfinite(kept)
    pnl = xp.where(real & finite, kept, 0.0)
    won = xp.where(pnl > 0, pnl, 0.0)
    broken = scalar(xp.sum(real & ~finite, axis=-1))
    return Record(
        trades=minimum(trades, kept.shape[-1]),
        wins=scalar(xp.sum(pnl > 0, axis=-1)),
        losses=scalar(xp.sum(pnl < 0, axis=-1)),
        total_usd=scalar(xp.sum(pnl, axis=-1)),
        win_total_usd=scalar(xp.sum(won, axis=-1)),
        sound=(broken == 0) & (trades >= 0),
    )


def kelly_of_statistics(win_frac: Num, profit_factor: Num) -> Num:
    """Kelly fraction where only statistics are known: K = W - W / profit_factor, for profit factors above 0."""
    return win_frac - ratio(win_frac, profit_factor)


def fraction_lots(balance_usd: Num, fraction: Num, risk_usd_per_lot: Num) -> Num:
    """Lots = balance [usd] * fraction [1] / risk [usd/lot], not yet floored; 0 where an input makes no sense."""
    ok = above_zero(balance_usd, risk_usd_per_lot) & known(fraction)
    return where(ok, ratio(balance_usd * fraction, risk_usd_per_lot), 0.0)
