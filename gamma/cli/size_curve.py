"""What a size picker says of every size of a trade, as a person reads it."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gamma.cli.dry_run import DryRun
from gamma.cli.trace import words
from gamma.markets import Kind
from gamma.picks import Asking, Limits, why_not
from gamma.views import CurveView

BAR_WIDTH: Final = 10
EIGHTHS: Final = " ▏▎▍▌▋▊▉"
CHOSEN: Final = "chosen"
MARGIN: Final = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRow:
    """One size: what the picker says of it, and `standing`: chosen, or why a size is out; empty where it could be.

    `units` are ounces of spot gold, and lots of what has no smaller unit. None is what the picker did not say.
    """

    lots: int
    units: float
    leverage: float
    ruin_adverse_frac: float | None
    ruin_prob: float | None
    ruin_bound: float | None
    return_mean: float | None
    growth_mean: float | None
    standing: str


def sizes_of(result: DryRun) -> list[SizeRow]:
    """A row for each size; none where no picker was asked."""
    curve, limits = result.view.curve, _asking(result)
    if curve is None or limits is None:
        return []
    taken = next((int(s.facts["chosen_lots"]) for s in result.decision.steps if "chosen_lots" in s.facts), 0)
    return list(_rows(result, curve, limits, taken))


def size_rows(result: DryRun) -> list[dict[str, object]]:
    """The same as plain values."""
    return [asdict(row) for row in sizes_of(result)]


def _asking(result: DryRun) -> Asking | None:
    return next((sizer for _, sizer in result.sizers if isinstance(sizer, Asking)), None)


def _rows(result: DryRun, curve: CurveView, limits: Limits, taken: int) -> Iterator[SizeRow]:
    per_lot = result.market.multiplier_usd_per_point if result.market.kind is Kind.SPOT else 1.0
    for at, lots in enumerate(curve.lots):
        yield SizeRow(
            lots=int(lots),
            units=round(float(lots) * per_lot, 9),
            leverage=float(curve.leverage[at]),
            ruin_adverse_frac=_known(curve.ruin_frac[at]),
            ruin_prob=_known(curve.ruin_prob[at]),
            ruin_bound=_known(curve.ruin_bound[at]),
            return_mean=_known(curve.return_mean[at]),
            growth_mean=_known(curve.growth_mean[at]),
            standing=CHOSEN if lots == taken else _out(limits, curve, at),
        )


def _known(value: float) -> float | None:
    """A number that JSON can hold; minus infinity, which is the loss of all, it cannot."""
    return float(value) if math.isfinite(value) else None


def _out(limits: Limits, curve: CurveView, at: int) -> str:
    """Why a size is out whatever it would earn; empty where it is not."""
    if curve.why or not curve.lots[at]:
        return ""
    why = why_not(limits, curve, at, 0)
    return "" if why.startswith(("no ", "less ")) else why.partition(" ")[0]


def show_sizes(console: Console, result: DryRun) -> None:
    """Print every size with what the picker says of it; those that margin does not bear in one line."""
    curve, limits = result.view.curve, _asking(result)
    rows = sizes_of(result)
    if curve is None or limits is None:
        return
    console.print(f"\n[bold]Every size[/]  [dim]{_asked(result, curve)}[/]")
    if curve.why:
        console.print(f"  the picker does not say: {escape(words(curve.why))}; {escape(curve.told)}".rstrip("; "))
        return
    borne = [row for row in rows if row.standing != MARGIN]
    console.print(_table(result, borne, limits))
    if len(borne) < len(rows):
        first, last = rows[len(borne)], rows[-1]
        span = f"{first.lots} to {last.lots} lots" if first is not last else f"{last.lots} lots"
        console.print(f"[dim]  {span}: more than the account's margin bears[/]")
    calibrated = f"calibration {curve.calibration[:12]}" if curve.calibration else "not calibrated"
    grounds = f"{escape(calibrated)}, checkpoint {curve.model_sha256[:12]}"
    best = "the largest size" if limits.by == "size" else f"the most {limits.by}"
    console.print(
        f"[dim]{_ruin(result)} within {limits.ruin_max:.2%}, then {best}; "
        f"novelty {curve.novelty:.2f} of {limits.novelty_max:g} at most\n{grounds}[/]"
    )


def _asked(result: DryRun, curve: CurveView) -> str:
    side = "short" if curve.side < 0 else "long"
    room = f", room ${curve.room_usd:,.2f}" if curve.ruin == "floor" else ""
    return f"{side} at {result.market.shown(float(curve.price_points))}, equity ${curve.equity_usd:,.2f}{room}"


def _ruin(result: DryRun) -> str:
    curve = result.view.curve
    return "P(touching the floor)" if curve is not None and curve.ruin == "floor" else "P(liquidation)"


def _table(result: DryRun, rows: list[SizeRow], limits: Limits) -> Table:
    ounces = result.market.kind is Kind.SPOT
    bounded = any(row.ruin_bound is not None for row in rows)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("")
    ruin = "P(floor)" if result.view.curve is not None and result.view.curve.ruin == "floor" else "P(liq.)"
    for title in ("lots", *(["oz"] if ounces else []), "times", ruin):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=BAR_WIDTH)
    for title in (*(["bound"] if bounded else []), "return", "growth"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    most = max((row.ruin_prob or 0.0 for row in rows), default=0.0)
    for row in rows:
        chosen, colour = row.standing == CHOSEN, _colour(row, limits)
        table.add_row(
            "[yellow]▶[/]" if chosen else "",
            str(row.lots),
            *([f"{row.units:.2f}"] if ounces else []),
            f"{row.leverage:.2f}",
            f"[{colour}]{_percent(row.ruin_prob)}[/]",
            f"[{colour}]{_bar(row.ruin_prob or 0.0, max(most, limits.ruin_max))}[/]",
            *([_percent(row.ruin_bound)] if bounded else []),
            _percent(row.return_mean, "+.3%"),
            "ruin" if row.growth_mean is None else _percent(row.growth_mean, "+.3%"),
            f"[dim]{'over the limit' if row.standing not in ('', CHOSEN) else row.standing}[/]",
            style="bold yellow" if chosen else "",
        )
    return table


def _colour(row: SizeRow, limits: Limits) -> str:
    risk = max(row.ruin_prob or 0.0, row.ruin_bound or 0.0)
    return "red" if risk > limits.ruin_max else "green" if risk <= limits.ruin_max / 10 else "yellow"


def _percent(value: float | None, form: str = ".2%") -> str:
    return "-" if value is None else format(round(value, 6) + 0.0, form)  # minus zero is zero


def _bar(value: float, most: float) -> str:
    """A bar of eighths of a cell; the smallest value that is above 0 is one of them."""
    eighths = min(8 * BAR_WIDTH, math.ceil(8 * BAR_WIDTH * value / most)) if value > 0 else 0
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()
