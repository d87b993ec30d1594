"""How figures, and the choice among checkpoints, are shown and told as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from gamma.cli.output import console, print_json

if TYPE_CHECKING:
    from gamma.history.figures import Figure
    from gamma.rehearsal.choice import Choice, Judged

SHOWN: Final = 20


def shape(choice: "Choice") -> dict[str, Any]:
    """The choice as JSON tells it, the best first."""
    return {
        "trials": choice.trials,
        "luck_sharpe_annual": choice.luck_sharpe_annual,
        "overfitting_prob": choice.overfitting_prob,
        "qualified": choice.chosen is not None,
        "candidates": [
            {
                "checkpoint": one.name,
                "trades": one.outcome.trades,
                "net_pnl_usd": one.outcome.net_pnl_usd,
                "sharpe_annual": one.outcome.sharpe_annual,
                "dsr_prob": one.dsr,
                "drawdown_max_usd": one.outcome.drawdown_usd,
                "against": one.against,
            }
            for one in choice.ranked
        ],
    }


def figure(one: "Figure") -> dict[str, Any]:
    """A figure as JSON tells it."""
    return {"name": one.name, "value": one.value, "low": one.low, "high": one.high}


def tell_none(choice: "Choice", *, as_json: bool) -> None:
    """Say that none is promoted, and why not the best."""
    if as_json:
        print_json(shape(choice) | {"promoted": None, "out": None, "sha256": None, "evaluations": []})
        return
    show_choice(choice)
    console().print(
        "[yellow]none qualifies, and none is promoted; the report days were not looked at[/]\n"
        "--anyway --reason TEXT writes the best with a card that says so, for paper only"
    )


def show_choice(choice: "Choice") -> None:
    """Show the best of the candidates, and what luck alone would have shown."""
    from gamma.cli.tables import table

    rows = [(one.name, *standing(one)) for one in choice.ranked[:SHOWN]]
    titles = ("checkpoint", ">trades", ">net usd", ">Sharpe", ">DSR", ">drawdown usd", "standing")
    out = console()
    out.print(table(titles, rows, out.width))
    out.print(
        f"{choice.trials:,} trials; the best of so many without skill is expected to show a Sharpe ratio of "
        f"{choice.luck_sharpe_annual:.2f}"
    )
    if choice.overfitting_prob == choice.overfitting_prob:
        often = f"{choice.overfitting_prob:.0%} of the time"
        out.print(f"chosen on half of the days, the best stands in the lower half on the others {often}")
    out.print()


def standing(one: "Judged") -> tuple[str, ...]:
    """A candidate's trades, net P&L [usd], Sharpe ratio, deflated Sharpe ratio, drawdown [usd], and how it stands."""
    return (
        f"{one.outcome.trades:,}",
        f"{one.outcome.net_pnl_usd:,.0f}",
        f"{one.outcome.sharpe_annual:.2f}",
        f"{one.dsr:.2f}",
        f"{one.outcome.drawdown_usd:,.0f}",
        one.against or "qualifies",
    )


def show(title: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Show figures with their intervals."""
    from rich.text import Text

    out = console()
    out.print(Text(title, style="bold"))
    show_figures(found)
    out.print()


def show_figures(found: Sequence[Mapping[str, Any]]) -> None:
    """Show figures with their intervals, without a title."""
    from gamma.cli.tables import table

    out = console()
    rows = [(one["name"], f"{one['value']:,.6g}", _interval(one.get("low"), one.get("high"))) for one in found]
    out.print(table(("figure", ">value", ">95 % interval"), rows, out.width))


def told_of(file: str) -> None:
    """Say that a file was written."""
    console().print(f"[green]✓[/] wrote {file}")


def _interval(low: float | None, high: float | None) -> str:
    return f"{low:,.6g} to {high:,.6g}" if low is not None and high is not None and low == low else ""
