"""A decision's trace as a person reads it: each step, what it let through, why, and on what numbers."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from gamma.cli.dry_run import Curve, DryRun
from gamma.decision import Decision
from gamma.reasons import Fact, Reason, Step
from gamma.whatif import HORIZON_TRADES, PATHS, Point

# More numbers than this stand below the table, in a block of their own.
BESIDE: Final = 4
BLOCK_COLUMNS: Final = 3
BAR_WIDTH: Final = 16
_UNITS: Final = (
    ("_usd_per_lot", "${:,.2f}", "a lot"),
    ("_usd_per_point", "${:,g}", "a point"),
    ("_usd", "${:,.2f}", ""),
    ("_frac", "{:.2f} %", ""),
    ("_points", "{:,g}", "points"),
    ("_cents", "{:,g}", "cents"),
    ("_lots", "{:,g}", "lots"),
    ("_oz", "{:,g}", "oz"),
    ("_s", "{:,g}", "s"),
)


# What people call these numbers.
_NAMES: Final = {
    "trades": "history",
    "win_frac": "win rate",
    "win_mean_usd": "average win",
    "loss_mean_usd": "average loss",
    "kelly_frac": "Kelly",
    "half_kelly_frac": "half-Kelly",
    "risk_usd_per_lot": "max risk",
    "ruin_prob_frac": "P(ruin)",
    "ruin_bound_frac": "its bound",
    "ruin_max_frac": "P(ruin) up to",
    "return_mean_frac": "mean return",
    "growth_mean_frac": "mean growth",
}


def show_decision(console: Console, result: DryRun) -> None:
    """Print the answer, its trace, and below it the numbers of the sizers that have many."""
    decision = result.decision
    console.print(_headline(decision, result.view.market.symbol, result.title))
    console.print()
    sizers = {name for name, _ in result.sizers}
    console.print(trace_table(decision.steps, decision.bound_by, sizers))
    for step in decision.steps:
        if len(step.facts) > BESIDE and step.name in sizers | {decision.bound_by}:
            console.print()
            console.print(_block(step))
    _show_unjudged(console, result.unjudged)


def _show_unjudged(console: Console, unjudged: Mapping[str, tuple[str, ...]]) -> None:
    """Print which guards could not look, and what they lacked."""
    if not unjudged:
        return
    console.print("\n[dim]Not judged here, for want of what only a running daemon knows:[/]")
    for name, gaps in unjudged.items():
        console.print(f"  [dim]{escape(name)}: {escape(', '.join(gaps))}[/]")


def _headline(decision: Decision, market: str, title: str) -> RenderableType:
    lots = f"{decision.lots} {'lot' if decision.lots == 1 else 'lots'}"
    colour = "green" if decision.lots else "red"
    why = "" if decision.reason in ("", Reason.OK) else f", {words(decision.reason)}"
    if decision.sized_lots != decision.lots:
        why += f"; the chain allowed {decision.sized_lots}"
    if decision.halted:
        why += " [bold red](halted)[/]"
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right", style="dim")
    line.add_row(f"[bold]{escape(market)}[/]  [bold {colour}]{lots}[/]", f"{escape(title)} · nothing was sent")
    return Group(line, f"bound by [bold]{escape(decision.bound_by)}[/]{why}")


def trace_table(steps: Sequence[Step], bound_by: str, sizers: Collection[str] = ()) -> Table:
    """Every step in order; the one that bound is marked."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("step", no_wrap=True)
    table.add_column("in", justify="right", no_wrap=True)
    table.add_column("out", justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("numbers")
    for step in steps:
        bound = step.name == bound_by
        numbers = " · ".join(
            f"{name} {value}" for name, value in _pairs(_beside(step, sizer=step.name in sizers, bound=bound))
        )
        table.add_row(
            "[yellow]▶[/]" if bound else "",
            f"[bold yellow]{escape(step.name)}[/]" if bound else escape(step.name),
            "[dim]-[/]" if step.lots_before is None else lots_text(step.lots_before),
            f"[bold]{lots_text(step.lots_after)}[/]",
            _reason(step.reason),
            f"[dim]{escape(numbers)}[/]",
        )
    return table


def _beside(step: Step, *, sizer: bool, bound: bool) -> Mapping[str, Fact]:
    """The numbers in a step's own row: all of a few, or what a guard measures and its limit."""
    if not sizer and not bound and "limit" in step.facts:
        return {key: step.facts[key] for key in ("now", "limit") if key in step.facts}
    return step.facts if len(step.facts) <= BESIDE else {}


def _reason(reason: str) -> str:
    return f"[green]{reason}[/]" if reason == Reason.OK else f"[yellow]{escape(words(reason))}[/]"


def _block(step: Step) -> RenderableType:
    pairs = _pairs(step.facts)
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(BLOCK_COLUMNS):
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
    for start in range(0, len(pairs), BLOCK_COLUMNS):
        table.add_row(*(escape(text) for pair in pairs[start : start + BLOCK_COLUMNS] for text in pair))
    return Group(f"[bold]{escape(step.name)}[/]", Padding(table, (0, 0, 0, 2)))


def words(code: str) -> str:
    """`no_edge` as people say it."""
    return code.replace("_", " ")


def lots_text(lots: float) -> str:
    """Lots as they were before they were floored: whole ones plainly, others to three places."""
    return f"{lots:,.0f}" if lots == math.floor(lots) else f"{lots:,.3f}"


def _pairs(facts: Mapping[str, Fact]) -> list[tuple[str, str]]:
    return [fact_text(key, value) for key, value in facts.items()]


def fact_text(key: str, value: Fact) -> tuple[str, str]:
    """A fact's name and value, with the unit that its name ends in."""
    if isinstance(value, bool):
        return words(key), "yes" if value else "no"
    if isinstance(value, str):
        return words(key), value
    for suffix, form, unit in _UNITS:
        if key.endswith(suffix):
            shown = 100 * value if suffix == "_frac" else value
            return _NAMES.get(key, words(key.removesuffix(suffix))), _known(shown, form, unit)
    return _NAMES.get(key, words(key)), _known(value, "{:,.6g}", "trades" if key == "trades" else "")


def _known(value: float, form: str, unit: str) -> str:
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else "none"
    text = form.format(value + 0.0)  # minus zero is zero
    text = f"-${text[2:]}" if text.startswith("$-") else text
    return f"{text} {unit}" if unit else text


def show_curve(console: Console, found: Curve, lots: int) -> None:
    """Print the what-if curve; the size that was decided is marked."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1 if found.picked else 2, 0, 0))
    of_record: tuple[str, ...] = ("touches floor", "95 % interval", "", "growth a trade")
    if found.picked:
        of_record = ("touches floor", "growth") if found.stakes.pnl_usd_per_lot else ()
    of_picker = ("next: P(ruin)", "growth") if found.picked else ()
    for title in ("", "lots", "worst loss", *of_record, *of_picker, "bound by"):
        table.add_column(title, justify="left" if title in ("", "bound by") else "right", no_wrap=True)
    for point, rule in zip(found.points, found.bound_by, strict=True):
        mark, style = ("[yellow]▶[/]", "bold yellow") if point.lots == lots else ("", "")
        chances = _chances(point)
        if found.picked:
            chances = chances[:: len(chances) - 1][: len(of_record)]
        cells = (fact_text("worst_usd", point.worst_loss_usd)[1], *chances, *_picked(found, point.lots))
        table.add_row(mark, str(point.lots), *cells, f"[dim]{escape(rule)}[/]", style=style)
    console.print("\n[bold]What if[/]")
    console.print(table)
    console.print(f"[dim]{_ground(found)}[/]")


def _picked(found: Curve, lots: int) -> tuple[str, ...]:
    """What the size picker says of the next trade at this size; nothing where none was asked."""
    if not found.picked:
        return ()
    told = found.picked.get(lots)
    if told is None:
        return "-", "-"
    return f"{told.ruin_prob:.2%}", "ruin" if math.isinf(told.growth_mean) else f"{told.growth_mean:+.3%}"


def _chances(point: Point) -> tuple[str, ...]:
    if point.touch_prob is None or point.touch_prob_low is None or point.touch_prob_high is None:
        return "", "", "", ""
    colour = "green" if point.touch_prob < 0.01 else "yellow" if point.touch_prob < 0.05 else "red"
    interval = f"{point.touch_prob_low:.1%} to {point.touch_prob_high:.1%}"
    bar = f"[{colour}]{'█' * round(point.touch_prob * BAR_WIDTH)}[/]"
    growth = point.log_growth
    grown = "" if growth is None else "ruin" if math.isinf(growth) else f"{growth:+.3%}"
    return f"[{colour}]{point.touch_prob:.1%}[/]", f"[dim]{interval}[/]", bar, grown


def _ground(found: Curve) -> str:
    picker = "\nThe next trade's P(ruin) and growth are the size picker's." if found.picked else ""
    trades = len(found.stakes.pnl_usd_per_lot)
    if not trades:
        return f"No completed trades yet: only the worst loss of one trade is known.{picker}"
    floor = found.stakes.floor_usd
    floor_text = f"The floor is ${floor:,.2f}." if floor else "There is no floor: touching it is losing all equity."
    return (
        f"{PATHS:,} paths of {HORIZON_TRADES} trades drawn from the record of {trades}. {floor_text}\n"
        f"The interval is the simulation's; a short record is less certain than it looks.{picker}"
    )
