"""`gamma size-picker evaluate`: pickers and rules side by side on trades that none of them has seen."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from gamma.cli.output import AsJson, console, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.curves import By
    from gamma.ports import PickerJudge

LIMITS: Final = (0.10, 0.01)
BASIS_POINTS: Final = 1e4
Folders = list[Path] | None


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(  # noqa: PLR0913 - each option is a parameter
    *,
    picker: Annotated[
        list[str] | None,
        typer.Option(
            "--picker", "-p", help="One that ships, or its folder; again for more. Rules alone without.", metavar="NAME"
        ),
    ] = None,
    sets: Annotated[
        Path | None, typer.Option("--sets", help="Simulated trades: the natural part is judged on.", metavar="FOLDER")
    ] = None,
    real: Annotated[Folders, typer.Option("--real", help="Real trades; again for more.", metavar="FOLDER")] = None,
    train: Annotated[
        Path | None, typer.Option("--train", help="Real trades of the past, for the rules.", metavar="FOLDER")
    ] = None,
    ruin_max: Annotated[
        list[float] | None, typer.Option("--ruin-max", help="The limit of risk; 0.10 and 0.01.", min=0.0, max=1.0)
    ] = None,
    edge_bp: Annotated[
        float, typer.Option("--edge-bp", help="What if each trade that lives earned so much more of its notional.")
    ] = 0.0,
    by: Annotated[
        str, typer.Option(help="What pickers choose by within the limit: growth, return or size.", metavar="WHAT")
    ] = "growth",
    picture: Annotated[Path | None, typer.Option(help="Draw it.", metavar="FILE.png")] = None,
    seal: Annotated[
        Path | None, typer.Option(help="Seal the best picker with what was found in its card.", metavar="FOLDER")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold pickers against rules and hindsight: liquidations, growth, regret and calibration, with intervals.

    A picker with a conformal layer is judged without it, with it, and with it adapted as trades end. Rules are fitted
    to the past alone. Real trades that began before those of --train ended are left out.

    Example: gamma size-picker evaluate --sets trades --picture rules.png
    """
    from gamma.ports import PickerEvaluation

    if seal and (not real or not picker or edge_bp):
        raise InputInvalid("--seal: a card tells of real trades as they were; give --picker, --real and no --edge-bp")
    if sets is None and not real:
        raise InputInvalid("no trades to judge on; name some with --sets or --real")
    order = PickerEvaluation(
        pickers=tuple(folder_of(one) for one in picker or ()),
        sets=sets,
        real=tuple(real or ()),
        train=train,
        ruin_max=tuple(ruin_max or LIMITS),
        edge_frac=edge_bp / BASIS_POINTS,
        seal=seal,
        by=_by(by),
    )
    with working("picking a size for every trade ..."):
        told, drawn = judge().evaluate(order)
    if picture:
        picture.write_bytes(drawn)
    if as_json:
        print_json(told)
        return
    if edge_bp:
        console().print(f"[yellow]what if: every trade that lives is credited with {edge_bp:g} bp of its notional[/]\n")
    for one in told["sets"]:
        _show(one)
    _explain()
    for path in (picture, seal):
        if path:
            console().print(f"[green]✓[/] {path}")


def folder_of(name: str) -> Path:
    """The folder of a picker by its name, of those that ship, or that folder itself.

    Raises: InputInvalid when there is none.
    """
    from gamma import checkpoints

    return checkpoints.named(name, ())[1]


def _by(text: str) -> "By":
    """Raises: InputInvalid where pickers choose by no such thing."""
    from typing import get_args

    from gamma.curves import By

    for one in get_args(By):
        if text == one:
            return cast("By", one)
    raise InputInvalid(f"--by {text}: is nothing that sizes are chosen by; give growth, return or size")


def judge() -> "PickerJudge":
    """What judges and calibrates size pickers."""
    from gamma import plugins

    found: PickerJudge = plugins.named(plugins.SIZE_PICKERS, "judge").load()()
    return found


def _show(one: Mapping[str, Any]) -> None:
    from gamma.cli.tables import table

    out = console()
    span = f"{one['first']} to {one['last']}, " if one["name"] == "real" else ""
    out.print(
        f"[bold]{one['trades']:,} {one['name']} trades, {span}risk of liquidation at most {one['ruin_max']:.1%}[/]"
    )
    titles = ["who", ">liquidated", ">95 %", ">growth bp", ">95 %", "?>return bp", ">at 0", "?>lots"]
    out.print(table(titles, [_cells(row) for row in one["rows"]], out.width))
    out.print()
    titles = ["who", ">regret bp", ">on fixed", ">on MAE", ">Brier", ">ECE"]
    out.print(table(titles, [_more(row) for row in one["rows"]], out.width))
    out.print()
    if one["pairs"]:
        titles = [f"{one['pairs'][0]['name']} less", ">growth bp", ">95 %", ">liquidated", ">that one", "ahead"]
        out.print(table(titles, [_pair(pair) for pair in one["pairs"]], out.width))
        out.print()


def _cells(row: Mapping[str, Any]) -> list[str]:
    rate = row["ruin_rate"]
    return [
        row["name"],
        f"{rate['value']:.2%}",
        f"{rate['low']:.2%} to {rate['high']:.2%}",
        _bp(row["growth_mean"]["value"]),
        _between(row["growth_mean"]),
        _bp(row["return_mean"]),
        f"{row['zero_frac']:.0%}",
        f"{row['lots_mean']:.1f}",
    ]


def _more(row: Mapping[str, Any]) -> list[str]:
    regrets = (_bp(row[f"regret_{of}"]) for of in ("hindsight", "fixed", "mae"))
    return [row["name"], *regrets, _known(row["brier"], ".4f"), _known(row["ece"], ".4f")]


def _pair(pair: Mapping[str, Any]) -> list[str]:
    rates = (f"{pair['ruin_rate']:.2%}", f"{pair['ruin_rate_other']:.2%}")
    ahead = pair["ahead"]
    return [pair["other"], _bp(ahead["value"]), _between(ahead), *rates, "yes" if pair["stands"] else "not shown"]


def _between(figure: Mapping[str, float]) -> str:
    return f"{_bp(figure['low'])} to {_bp(figure['high'])}" if figure["low"] == figure["low"] else ""


def _bp(value: float) -> str:
    return _known(round(value * BASIS_POINTS, 1) + 0.0 if value == value else value, "+.1f")


def _known(value: float, form: str) -> str:
    return format(value, form) if value == value else ""


def _explain() -> None:
    console().print(
        "liquidated: of all trades, those left alone too, and Clopper and Pearson's interval; growth: of the logarithm"
        " of equity, a trade, 0.01 %, and what 95 % of resampled days lie between; regret: how much less it is than the"
        " best size in hindsight, than the best fixed leverage, and than the MAE quantile; ahead: whether growth is"
        " more beyond the interval, at no more liquidations"
    )
