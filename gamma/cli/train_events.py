"""`gamma train events`: policies for event contracts, at the sizes that the configured sizers leave whole."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli import training_run
from gamma.cli.chosen import chosen_account
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ports import EventTrainingOrder


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(events)


def events(  # noqa: PLR0913 - each option is a parameter
    *,
    market: Annotated[
        str, typer.Option("--market", "-m", help="A series of questions.", metavar="TICKER")
    ] = "KXBTC15M",
    markets: Annotated[int, typer.Option(help="Simulated markets; 0 for recorded ones alone.", min=0)] = 10_000,
    recordings: Annotated[
        list[Path] | None,
        typer.Option("--recordings", help="A recording of order books; may be given again.", metavar="FOLDER"),
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="variable, or the only size of its orders: 5, 10, 20, 50 or 100.", metavar="SIZES")
    ] = "variable",
    strategy: Annotated[
        str, typer.Option("--strategy", "-s", help="Whose sizers; the caps for events by default.")
    ] = "",
    balance: Annotated[float, typer.Option(help="Usd in the account when a market opens.", min=1)] = 1_000.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder; runs/... by default.", metavar="FOLDER")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the run of this folder.", metavar="FOLDER")
    ] = None,
    begin_from: Annotated[
        Path | None, typer.Option("--from", help="Begin with this checkpoint's weights.", metavar="CHECKPOINT")
    ] = None,
    steps: Annotated[int, typer.Option(help="Decisions in all environments of a seed.", min=1)] = 5_000_000,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0, max=2**32 - 1)] = 1,
    seeds: Annotated[int, typer.Option(help="Policies trained side by side, a seed each.", min=1, max=64)] = 1,
    held_out: Annotated[
        float, typer.Option(help="Share of the markets, the last ones, that is not learned from.", min=0, max=0.9)
    ] = 0.2,
    checkpoint_every: Annotated[int, typer.Option(help="Updates from one checkpoint to the next.", min=1)] = 50,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Train a policy for event contracts that chooses what to do, and how many contracts, in one action.

    Without --recordings it learns in simulated markets alone, and what it earns there says nothing of real ones.
    Ctrl-C stops it, and --resume FOLDER goes on as if nothing had been.

    Example: gamma train events --steps 3000000 --sizes variable
    """
    from gamma.cli.event_order import Asked, order_of
    from gamma.cli.training_order import configured, new_run_id

    if resume is not None:
        order, config = _resumed(resume)
    else:
        run_id = new_run_id("events")
        asked = Asked(
            market=market,
            markets=markets,
            recordings=tuple(str(folder.absolute()) for folder in recordings or ()),
            sizes=sizes,
            strategy=strategy,
            balance_usd=balance,
            begin_from=str(begin_from.absolute()) if begin_from else "",
            steps=steps,
            seeds=tuple(range(seed, seed + seeds)),
            held_out_frac=held_out,
            checkpoint_updates=checkpoint_every,
            config=str(path.absolute()) if path != DEFAULT_CONFIG or path.exists() else "",
            account=chosen_account(),
        )
        config = configured(path)
        order = order_of(asked, config, out or training_run.RUNS / run_id, run_id)
    training_run.run(order, config, wording_of(order), as_json=as_json)


def _resumed(folder: Path) -> "tuple[EventTrainingOrder, Config]":
    from gamma.cli.event_order import Asked, order_of
    from gamma.cli.training_order import configured

    told, run_id = training_run.asked_of(folder, training_run.EVENTS)
    try:
        asked: Asked = Asked.model_validate(told)
    except ValueError as error:  # what does not validate
        raise InputInvalid(f"--resume {folder}: no run is in it ({error}); name the folder that --out made") from None
    config = configured(Path(asked.config) if asked.config else DEFAULT_CONFIG, asked.account)
    return order_of(asked, config, folder, run_id, resume=True), config


def wording_of(order: "EventTrainingOrder") -> training_run.Wording:
    """How the run is told of."""
    from gamma.cli.event_view import COLOURS, ROWS, print_rivals

    simulated = [f"simulator {order.market.symbol} seed {order.simulated_seed}"] if order.simulated else []
    sizes = ", ".join(map(str, order.sizes_lots))
    return training_run.Wording(
        kind=training_run.EVENTS,
        title=f"events {order.market.symbol}, sizes {sizes}",
        rows=ROWS,
        colours=COLOURS,
        held_out=[*simulated, *(f"recording {one.name}" for one in order.recordings)] if order.held_out_frac else [],
        print_rivals=print_rivals,
        standing="paper only",
        shape={"sizes": list(order.sizes_lots)},
    )
