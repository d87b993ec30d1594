"""One trade on every path at once: size it by the chain, book it, mark the account. The same code in NumPy and JAX.

Money is whole micro-dollars held in 64-bit floats, whose sums are exact as far as 9 billion dollars: the order of
arithmetic cannot move a cent. B is the number of paths, N of trades drawn from, C of trades that a path remembers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final

import numpy as np

from gamma.book.trading import TRADES_KEPT
from gamma.floor import TrailsOn
from gamma.kelly import Record, Rolling
from gamma.markets import MICRO
from gamma.montecarlo import draws
from gamma.montecarlo.rules import Account, fell, floor_under
from gamma.montecarlo.stream import Stream, at
from gamma.numeric import NAN
from gamma.sizing import Sizer, chain_lots
from gamma.views import AccountView, TrackView

NO_FLOOR: Final = -np.inf


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """What does not change from path to path: the trades, the account and the chain.

    `windows` are those of the records that the chain asks for as sums; `looks_at` tells whether it looks at single
    trades: at their P&L, at their R-multiples.
    """

    stream: Stream
    account: Account
    sizers: Sequence[Sizer]
    windows: tuple[int, ...] = ()
    looks_at: tuple[bool, bool] = (False, False)
    uncertain: bool = False

    @property
    def kept(self) -> int:
        """How many trades a path remembers, C."""
        return TRADES_KEPT if any(self.looks_at) else max((min(w, TRADES_KEPT) for w in self.windows), default=0)


class Tables(NamedTuple):
    """What is looked up by trade, and what is drawn by. Shapes: [N], `seen` of each.

    `micro` is a million, given as an argument: as a constant XLA would multiply by its inverse, which is not exact.
    """

    micro: Any
    pnl: Any
    best: Any
    worst: Any
    pnl_usd: Any
    r_multiples: Any
    seen: Mapping[str, Any]
    chances: draws.Chances


class Sums(NamedTuple):
    """Of the last trades of a window: counts, and sums [micro-dollars]. Shapes: [B]."""

    wins: Any
    losses: Any
    total: Any
    won: Any


class Paths(NamedTuple):
    """Where B accounts stand. Shapes: [B], `ring` [C, B]: the last C trades made, by their place in the stream.

    `fall` is the deepest drawdown so far [micro-dollars] and `fall_frac` by the peak before it, each by itself.
    `traded` counts trades, `lots` adds up their sizes.
    """

    balance: Any
    peak: Any
    fall: Any
    fall_frac: Any
    floor: Any
    halted: Any
    ruined: Any
    drawn: Any
    traded: Any
    lots: Any
    head: Any
    ring: Any
    sums: tuple[Sums, ...]


class Step(NamedTuple):
    """What one step did. Shapes: [B]."""

    trade: Any
    lots: Any
    balance: Any


class Time(NamedTuple):
    """What tells steps apart. Shapes: `salts` [T, DRAWS], `day_ends` [T]."""

    salts: Any
    day_ends: Any


class Ground(NamedTuple):
    """What a step works with: the array namespace, the setting, its tables, and how a ring is written.

    `put(ring, row [B], value [B])` gives the ring with one place of each path changed.
    """

    xp: Any
    setting: Setting
    tables: Tables
    put: Callable[[Any, Any, Any], Any]


def tables_of(setting: Setting, chances: draws.Chances) -> Tables:
    """What a run looks up."""
    stream = setting.stream
    return Tables(
        micro=np.float64(MICRO),
        pnl=stream.pnl_microusd,
        best=stream.best_microusd,
        worst=stream.worst_microusd,
        pnl_usd=stream.pnl_usd,
        r_multiples=stream.r_multiples,
        seen=dict(stream.seen),
        chances=chances,
    )


def begin(xp: Any, setting: Setting, drawn: Any) -> Paths:
    """B accounts before their first trade; `drawn` [B] is what would have been drawn before it."""
    paths = len(drawn)
    start = xp.zeros(paths) + setting.account.start_microusd
    none, never = xp.zeros(paths), xp.zeros(paths, dtype=bool)
    count = xp.zeros(paths, dtype=xp.int32)
    rule = setting.account.floor
    bottom = xp.zeros(paths) + NO_FLOOR
    return Paths(
        balance=start,
        peak=start,
        fall=none,
        fall_frac=none,
        floor=bottom if rule is None else floor_under(xp, rule, bottom, start),
        halted=never,
        ruined=never,
        drawn=xp.asarray(drawn, dtype=xp.int32),
        traded=count,
        lots=none,
        head=count,
        ring=xp.zeros((setting.kept, paths), dtype=xp.int32),
        sums=tuple(Sums(count, count, none, none) for _ in setting.windows),
    )


def advance(ground: Ground, paths: Paths, salts: Any, now: Time) -> tuple[Paths, Step]:
    """One step of every path. Shapes: `salts` [B]; of `now` those of one step."""
    xp, setting, tables, _ = ground
    draw = draws.Draw(salts, now.salts)
    drawn = draws.drawn(xp, tables.chances, draw, paths.drawn, len(setting.stream))
    trade = drawn
    if setting.uncertain:
        trade = draws.rated(xp, tables.chances, draw, drawn, tables.pnl[drawn] > 0)
    lots = lots_of(ground, paths, trade)
    booked = _booked(ground, paths, trade, lots, now.day_ends)
    after = _remembered(ground, booked, trade, lots > 0)
    return after._replace(drawn=drawn), Step(trade=trade, lots=lots, balance=after.balance)


def lots_of(ground: Ground, paths: Paths, trade: Any) -> Any:
    """Whole lots that the chain and the halts allow. Shapes: [B]."""
    xp, setting, tables, _ = ground
    account = setting.account
    balance_usd, peak_usd = paths.balance / tables.micro, paths.peak / tables.micro
    view = at(
        setting.stream.scene,
        {path: values[trade] for path, values in tables.seen.items()},
        AccountView(
            balance_usd=balance_usd,
            equity_usd=balance_usd,
            starting_capital_usd=account.capital_usd,
            peak_equity_usd=peak_usd,
            floor_usd=NAN if account.floor is None else paths.floor / tables.micro,
            floor_room_start_usd=NAN if account.floor is None else account.floor.drawdown_microusd / MICRO,
            cash_usd=balance_usd,
        ),
        _track(ground, paths),
    )
    lots = xp.where(paths.halted | paths.ruined, 0.0, chain_lots(setting.sizers, view))
    halved = fell(xp, peak_usd, balance_usd, account.drawdown_half_frac)
    return xp.where(halved, xp.floor(lots / 2.0), lots)


def _track(ground: Ground, paths: Paths) -> TrackView:
    xp, setting, tables, _ = ground
    rolling = Rolling(
        records={
            window: Record(
                trades=xp.minimum(paths.traded, min(window, TRADES_KEPT)),
                wins=sums.wins,
                losses=sums.losses,
                total_usd=sums.total / tables.micro,
                win_total_usd=sums.won / tables.micro,
                sound=True,
            )
            for window, sums in zip(setting.windows, paths.sums, strict=True)
        }
    )
    whole_pnl, whole_r = setting.looks_at
    last = None
    if any(setting.looks_at):
        rows = (paths.head[:, None] + xp.arange(setting.kept)) % setting.kept
        last = xp.take_along_axis(paths.ring.T, rows, axis=1)
    return TrackView(
        pnl_usd_per_lot=tables.pnl_usd[last] if whole_pnl else rolling,
        r_multiples=tables.r_multiples[last] if whole_r else rolling,
        trades=paths.traded,
    )


def _booked(ground: Ground, paths: Paths, trade: Any, lots: Any, day_ends: Any) -> Paths:
    xp, setting, tables, _ = ground
    account, rule = setting.account, setting.account.floor
    balance = paths.balance + lots * tables.pnl[trade]
    best = worst = balance
    if setting.stream.open_known:
        # Of the two the better comes first, which is the worse for a floor that trails.
        best, worst = paths.balance + lots * tables.best[trade], paths.balance + lots * tables.worst[trade]
    peak = xp.maximum(paths.peak, best)
    fall = xp.maximum(peak - worst, peak - balance)
    floor = paths.floor
    if rule is not None and rule.trails_on is TrailsOn.INTRADAY:
        floor = floor_under(xp, rule, floor, best)
    touched = xp.minimum(worst, balance) <= xp.maximum(floor, 0.0)
    if rule is not None and rule.trails_on is TrailsOn.END_OF_DAY:
        floor = xp.where(day_ends & ~touched, floor_under(xp, rule, floor, balance), floor)
        touched = touched | (balance <= floor)
    balance_usd, peak_usd = balance / tables.micro, peak / tables.micro
    below = balance_usd < account.halt_frac * account.capital_usd
    return paths._replace(
        balance=balance,
        peak=peak,
        fall=xp.maximum(paths.fall, fall),
        fall_frac=xp.maximum(paths.fall_frac, fall / peak),
        floor=floor,
        halted=paths.halted | below | fell(xp, peak_usd, balance_usd, account.drawdown_halt_frac),
        ruined=paths.ruined | touched,
        traded=paths.traded + (lots > 0),
        lots=paths.lots + lots,
    )


def _remembered(ground: Ground, paths: Paths, trade: Any, took: Any) -> Paths:
    """The record of each path after a trade, where one was made; `traded` counts it already."""
    xp, setting, tables, put = ground
    kept = setting.kept
    if not kept:
        return paths
    place = xp.arange(len(trade))
    sums = []
    for window, before in zip(setting.windows, paths.sums, strict=True):
        width = min(window, kept)
        row = paths.head - width
        old = paths.ring[xp.where(row < 0, row + kept, row), place]
        sums.append(_added(xp, tables.pnl, before, (trade, took), (old, took & (paths.traded > width))))
    oldest = paths.ring[paths.head, place]
    head = xp.where(took, paths.head + 1, paths.head)
    return paths._replace(
        ring=put(paths.ring, paths.head, xp.where(took, trade, oldest)),
        head=xp.where(head >= kept, 0, head),
        sums=tuple(sums),
    )


def _added(xp: Any, pnl: Any, sums: Sums, new: tuple[Any, Any], old: tuple[Any, Any]) -> Sums:
    """Sums with a new trade, and without the one that has left the window."""
    came, went = (xp.where(counts, pnl[trade], 0.0) for trade, counts in (new, old))
    return Sums(
        wins=sums.wins + (came > 0) - (went > 0),
        losses=sums.losses + (came < 0) - (went < 0),
        total=sums.total + came - went,
        won=sums.won + xp.maximum(came, 0.0) - xp.maximum(went, 0.0),
    )
