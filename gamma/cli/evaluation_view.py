"""How an evaluation is shown, and told as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gamma.cli import evaluated
from gamma.cli.output import console

if TYPE_CHECKING:
    from gamma.history.windows import Window
    from gamma.rehearsal.evaluation import Evaluation

HOLE_TOLD_MIN: Final = 60
TOGETHER: Final = ("trades", "net_pnl_usd", "sharpe_annual", "dsr_prob", "profit_factor", "drawdown_max_usd")


def shape(one: "Evaluation") -> dict[str, Any]:
    """The evaluation as JSON tells it."""
    from dataclasses import asdict

    from gamma.history.figures import trades_sha256

    told = one.own.history
    return {
        "strategy": one.subject.name,
        "market": one.subject.market,
        "family": one.subject.family,
        "in_sample": one.in_sample,
        "sessions": len(told.sessions),
        "first": told.sessions[0],
        "last": told.sessions[-1],
        "trades_sha256": trades_sha256(told.trades),
        "figures": [evaluated.figure(each) for each in one.figures],
        "baselines": [evaluated.figure(each) for each in one.baselines],
        "regimes": [asdict(each) for each in one.stretches],
        "windows": [asdict(each) for each in one.windows],
        "sides": asdict(one.sides) | {"one_sided": one.sides.one_sided},
        "degradation": [
            asdict(each) | {"difference": each.difference, "significant": each.significant} for each in one.changes
        ],
    }


def show(one: "Evaluation") -> None:
    """Show all of it, the figures first."""
    from gamma.history.windows import worst

    told = one.own.history
    title = f"{one.subject.name}: {len(told.sessions)} sessions of {one.subject.market}"
    evaluated.show(f"{title}, {told.sessions[0]} to {told.sessions[-1]}", [evaluated.figure(f) for f in one.figures])
    evaluated.show("Baselines on the same bars, at the same costs", [evaluated.figure(f) for f in one.baselines])
    _show_regimes(one)
    _show_changes(one)
    _show_words(one, worst(one.windows))


def show_together(found: "Sequence[Evaluation]") -> None:
    """Show several beside each other, and all as one portfolio of accounts."""
    rows = []
    for one in found:
        named = {each.name: each.value for each in one.figures}
        cells = [f"{named[name]:,.4g}" if name in named else "none" for name in TOGETHER]
        rows.append((one.subject.name, one.subject.market, *cells))
    total = sum(one.own.history.end_usd - one.own.history.start_usd for one in found)
    _table("All, each in an account of its own", ("strategy", "market", *(f">{name}" for name in TOGETHER)), rows)
    console().print(f"together {total:+,.0f} usd\n")


def _show_regimes(one: "Evaluation") -> None:
    rows = [
        (
            each.dimension,
            each.label,
            f"{each.bars_frac:.0%}",
            f"{each.trades:,}",
            f"{each.net_pnl_usd:,.0f}",
            _percent(each.win_rate_frac),
            _number(each.profit_factor),
            f"{each.drawdown_usd:,.0f}",
        )
        for each in one.stretches
    ]
    titles = ("regime", "", ">bars", ">trades", ">net usd", ">won", ">profit factor", ">drawdown usd")
    _table("By regime, as it was known when each trade was opened", titles, rows)


def _show_changes(one: "Evaluation") -> None:
    if not one.changes:
        return
    rows = [
        (
            each.name,
            _number(each.earlier),
            _number(each.later),
            _number(each.difference),
            f"{_number(each.low)} to {_number(each.high)}" if each.low == each.low else "",
            _number(each.p_value),
            "yes" if each.significant else "no",
        )
        for each in one.changes
    ]
    titles = ("figure", ">earlier", ">here", ">difference", ">95 % interval", ">p", "significant")
    _table("What is left of earlier days", titles, rows)


def _show_words(one: "Evaluation", least: "Window | None") -> None:
    if least is not None:
        console().print(f"worst seven sessions: {least.first} to {least.last}, {least.pnl_usd:+,.0f} usd")
    both = f"{one.sides.long_trades:,} long and {one.sides.short_trades:,} short trades"
    if one.in_sample:
        console().print("[yellow]in sample: the policy was trained on some of these days, and nothing here is proof[/]")
    hole_min = next(each.value for each in one.figures if each.name == "hole_longest_min")
    if hole_min >= HOLE_TOLD_MIN:
        console().print(
            f"[yellow]bars are missing, {hole_min:,.0f} minutes on end at the worst: what is held over a hole leaves "
            "at its far end, stop or not; see `gamma bars check`[/]"
        )
    console().print(f"[yellow]one-sided, ten to one or more: {both}[/]" if one.sides.one_sided else both)
    console().print()


def _table(title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.text import Text

    from gamma.cli.tables import table

    out = console()
    out.print(Text(title, style="bold"))
    out.print(table(titles, rows, out.width))
    out.print()


def _number(value: float) -> str:
    return f"{value:,.4g}" if value == value else "none"


def _percent(value: float) -> str:
    return f"{value:.0%}" if value == value else "none"
