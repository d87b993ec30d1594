"""`gamma size-picker calibrate`: probabilities set right on trades that are new, and the conformal layer."""

from pathlib import Path
from typing import Annotated

import typer

from gamma.cli.output import AsJson, console, print_json, working


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)


def calibrate(
    *,
    picker: Annotated[
        str, typer.Option("--picker", "-p", help="The picker: one that ships, or its folder.", metavar="NAME")
    ],
    trades: Annotated[
        list[Path],
        typer.Option("--trades", "-t", help="Trades it was not trained on; again for more.", metavar="FOLDER"),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to make.", metavar="FOLDER")],
    as_json: AsJson = False,
) -> None:
    """Set a picker's probabilities right, and put the conformal layer over it, sealed in a new folder.

    The natural part of each set is taken. What the layer promises, it promises of trades that are exchangeable with
    these: calibrate on the latest real ones that the picker has not seen.

    Example: gamma size-picker calibrate --picker v3 --trades trades-2022 --out v3-calibrated
    """
    from gamma.cli.size_picker_evaluate import folder_of, judge
    from gamma.ports import PickerCalibration

    with working("asking the picker about every trade ..."):
        told = judge().calibrate(PickerCalibration(picker=folder_of(picker), trades=tuple(trades), out=out))
    if as_json:
        print_json(told)
        return
    say = console()
    say.print(f"{told['model']}: {told['trades']:,} trades, {told['knots']} knots")
    say.print(f"calibration error {told['ece_before']:.4f} -> {told['ece_after']:.4f} on these very trades")
    say.print(f"Brier score {told['brier_before']:.4f} -> {told['brier_after']:.4f}")
    say.print(f"its mean moves are trusted to {told['drift_trust']:.0%}, about {told['drift_mean_frac'] * 1e4:+.1f} bp")
    say.print(f"the smallest risk that it can bound is {told['alpha_min']:.2%}")
    say.print(f"[green]✓[/] {told['folder']}: {told['sha256']}")
