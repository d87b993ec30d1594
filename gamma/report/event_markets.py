"""How event markets were traded: which actions, in which sizes, how fast, into what depth, at what price."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gamma.actions import Base
from gamma.books import NEAR_CENTS
from gamma.events import Trade
from gamma.pictures import BLUE, GREEN, ORANGE, PINK, styled
from gamma.report.event_figures import STANDING, OfSize, by_size, by_size_held, limits
from gamma.report.event_orders import BRACKETS, Asked, EventTrading
from gamma.report.form import Picture, Section, Table
from gamma.report.subject import Subject
from gamma.report.wording import counted, number, percent, said, signed_usd

BASES: Final = (Base.BUY_YES, Base.SELL_YES, Base.BUY_NO, Base.SELL_NO)
_COLOURS: Final = (BLUE, GREEN, ORANGE, PINK)
_HATCHES: Final = ("", "//", "..", "xx")


def section(subject: Subject) -> Section | None:
    """A picture and tables; None where no event market was traded."""
    told = subject.events
    if told is None:
        return None
    sizes = by_size(told.asked)
    words = [_in_short(told), *_winners(told.trades)]
    tables = [_actions(told), _fills(sizes), _prices(sizes)]
    if _clocked(told.asked):
        tables.append(_latency(sizes))
    else:
        words.append("Nothing is told of latency: the ledger's time is made, and nothing takes time in it.")
    tables += [*([_held(told.trades)] if told.trades else []), *_limits(subject, told)]
    return Section(
        name="events",
        title="Event markets",
        words=words,
        pictures=[_drawn(told)] if told.asked else [],
        tables=tables,
    )


def picture(asked: Sequence[Asked]) -> Figure:
    """How often each action was used: a bar for each of the four, beside each other, by size."""
    sizes = [size for size in BRACKETS if size in {one.size for one in asked}]
    used = Counter((one.base, one.size) for one in asked)
    places = np.arange(len(sizes))
    with styled():
        figure = Figure()
        axes = figure.subplots()
        for at, (base, colour, hatch) in enumerate(zip(BASES, _COLOURS, _HATCHES, strict=True)):
            times = [used[base, size] for size in sizes]
            axes.bar(
                places + 0.2 * (at - 1.5), times, width=0.19, color=colour, hatch=hatch, edgecolor="white",
                linewidth=0, label=f"{_named(base)} ({sum(times):,})",
            )  # fmt: skip
        axes.set_xticks(places, sizes)
        spare = max(0.0, (4 - len(sizes)) / 2)
        axes.set_xlim(-0.6 - spare, len(sizes) - 0.4 + spare)
        axes.tick_params(axis="x", length=0)
        axes.grid(visible=False, axis="x")
        axes.set_xlabel("size [contracts]")
        axes.set_ylabel("times asked for")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower center", ncols=4)
    return figure


def _drawn(told: EventTrading) -> Picture:
    used = Counter((one.base, one.size) for one in told.asked)
    (base, size), times = max(used.items(), key=lambda item: item[1])
    return Picture(
        name="actions",
        figure=picture(told.asked),
        caption="How often each action was asked for, by size; looks that were held through are not drawn.",
        alt=f"Actions by size: most often {_named(base)} {size}, {times:,} times.",
        height_in=2.8,
    )


def _in_short(told: EventTrading) -> str:
    """How much was asked for, and what let none of it out."""
    orders = sum(one.ordered_lots > 0 for one in told.asked)
    barred = sum(STANDING in one.shrunk_by for one in told.asked)
    markets = len({one.market for one in told.asked})
    text = f"{counted(len(told.asked), 'action')} in {counted(markets, 'event market')}: {orders:,} became orders"
    if barred:
        text += f", and of {barred:,} a position, a halt or the like let none out"
    return f"{text}. {counted(told.held, 'look')} held through. Prices are in cents of YES, sizes in contracts."


def _winners(trades: Sequence[Trade]) -> list[str]:
    """How large winners and losers were at their largest."""
    won = [one.lots_max for one in trades if one.pnl_microusd > 0]
    lost = [one.lots_max for one in trades if one.pnl_microusd < 0]
    if not won or not lost:
        return []
    winners = f"{counted(len(won), 'winner')} held {sum(won) / len(won):,.1f} contracts on average"
    losers = f"{counted(len(lost), 'loser')} {sum(lost) / len(lost):,.1f}"
    return [f"At their largest {winners}, {losers}."]


def _actions(told: EventTrading) -> Table:
    """All 21: four in five sizes, and to hold. A size between two of them counts as the larger."""
    used, looks = Counter((one.base, one.size) for one in told.asked), len(told.asked) + told.held
    sizes = [size for size in BRACKETS if size != BRACKETS[-1] or any(one.size == size for one in told.asked)]
    rows = []
    for base in BASES:
        times = [used[base, size] for size in sizes]
        rows.append((_named(base), *(f"{n:,}" for n in times), f"{sum(times):,}", _share(sum(times), looks)))
    rows.append(("hold", *("" for _ in sizes), f"{told.held:,}", _share(told.held, looks)))
    columns = ("action", *sizes, "all", "share")
    return Table(caption="Use of the actions", columns=columns, rows=rows, numbers=range(1, len(columns)))


def _fills(sizes: Sequence[OfSize]) -> Table:
    rows = [
        (
            one.size, f"{one.asked:,}", f"{one.whole:,}", f"{one.orders:,}", f"{one.filled:,}", f"{one.in_part:,}",
            f"{one.unfilled:,}", f"{one.ordered_lots:,}", f"{one.filled_lots:,}",
            _share(one.filled_lots, one.ordered_lots),
        )
        for one in sizes
    ]  # fmt: skip
    columns = ("size", "asked", "left whole", "orders", "filled", "in part", "not", "ordered", "lots filled", "share")
    return Table(caption="Sizes, and what filled of them", columns=columns, rows=rows, numbers=range(1, len(columns)))


def _prices(sizes: Sequence[OfSize]) -> Table:
    rows = [
        (
            one.size,
            f"{one.orders:,}",
            _cents(one.spread_points),
            _cents(one.paid_points),
            f"{one.depth_lots:,.0f}" if one.depth_lots == one.depth_lots else number(one.depth_lots),
            percent(one.depth_frac),
        )
        for one in sizes
        if one.orders
    ]
    columns = ("size", "orders", "spread [cents]", "paid from the middle [cents]", "depth [contracts]", "size of depth")
    caption = f"Spread and depth at the decision; depth is what stood within {NEAR_CENTS} cents of the middle"
    return Table(caption=caption, columns=columns, rows=rows, numbers=range(1, len(columns)))


def _latency(sizes: Sequence[OfSize]) -> Table:
    rows = [
        (one.size, f"{one.orders:,}", *map(number, one.decided_ms), *map(number, one.answered_ms))
        for one in sizes
        if one.orders
    ]
    columns = ("size", "orders", "decided p50", "p99", "most", "answered p50", "p99", "most")
    caption = "Latency [ms]: from the look's close to the decision, and from there to the broker's answer"
    return Table(caption=caption, columns=columns, rows=rows, numbers=range(1, len(columns)))


def _held(trades: Sequence[Trade]) -> Table:
    rows = [
        (
            one.size,
            f"{one.trades:,}",
            f"{one.wins:,}",
            f"{one.losses:,}",
            signed_usd(one.win_mean_usd),
            signed_usd(one.loss_mean_usd),
            signed_usd(one.pnl_usd),
        )
        for one in by_size_held(trades)
    ]
    columns = ("most held", "trades", "won", "lost", "mean winner [usd]", "mean loser [usd]", "P&L [usd]")
    return Table(caption="Winners and losers by size", columns=columns, rows=rows, numbers=range(1, len(columns)))


def _limits(subject: Subject, told: EventTrading) -> list[Table]:
    rows = [
        (said(name), subject.kinds.get(name, ""), *(f"{times:,}" for times in bound))
        for name, *bound in limits(told.asked)
    ]
    columns = ("limit", "kind", "actions barred", "orders made smaller", "of them to 0")
    table = Table(caption="How often each limit bound", columns=columns, rows=rows, numbers=(2, 3, 4))
    return [table] if rows else []


def _clocked(asked: Sequence[Asked]) -> bool:
    """Whether time went on while something was decided or answered."""
    return any(one.decided_s > 0 or one.answered_s > 0 for one in asked)


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else percent(float("nan"))


def _cents(value: float) -> str:
    return f"{value + 0.0:,.2f}" if value == value else number(value)


def _named(base: Base) -> str:
    return base.name.lower().replace("yes", "YES").replace("no", "NO").replace("_", " ")
