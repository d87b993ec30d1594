"""`gamma evaluate overfitting`: what the best of a sweep is worth."""

from pathlib import Path
from typing import Annotated

import typer

from gamma.cli import evaluated
from gamma.cli.output import AsJson, console, print_json


def overfitting(
    file: Annotated[Path, typer.Argument(help="CSV: a column of session returns a try.", metavar="FILE")],
    *,
    blocks: Annotated[int, typer.Option(help="Blocks of sessions, half of which choose.", min=2, max=24)] = 16,
    trials: Annotated[int, typer.Option(help="Tries in all, where the file has not every one.", min=0)] = 0,
    picture: Annotated[Path | None, typer.Option(help="Draw it.", metavar="FILE.png")] = None,
    as_json: AsJson = False,
) -> None:
    """Tell how likely the best of many tries is only the best of many tries.

    The sessions are cut into blocks; each way to take half of them chooses the best try there, and looks where it
    stands on the other half. `overfitting_prob` is how often it stands in the lower half.

    Example: gamma evaluate overfitting docs/examples/sweep.csv
    """
    from gamma.rehearsal import sweep

    read = sweep.read(file)
    best, found = sweep.judged(read, trials, blocks)
    if picture is not None:
        from gamma.rehearsal.sweep_pictures import overfitting_png

        picture.write_bytes(overfitting_png(read, best, blocks))
    figures = [evaluated.figure(one) for one in found]
    if as_json:
        print_json({"best": best, "blocks": blocks, "figures": figures})
        return
    evaluated.show(f"{len(read.names):,} tries over {len(read.returns):,} sessions; the best is {best}", figures)
    chance = next(one.value for one in found if one.name == "overfitting_prob")
    console().print(f"on sessions that did not choose, the best stood in the lower half {chance:.0%} of the time")
