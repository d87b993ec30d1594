"""`gamma train`: policies learn to trade, at the size at which the configured strategy would."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gamma.cli import train_events, training_run
from gamma.cli.chosen import chosen_account
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, group, print_json
from gamma.cli.training_run import RUNS
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.ports import TrainingOrder

app = group("Train policies, and look at what was trained.")


@app.callback()
def _train() -> None:
    """Train policies, and look at what was trained."""


@app.command()
def futures(  # noqa: PLR0913 - each option is a parameter
    *,
    market: Annotated[
        list[str] | None,
        typer.Option("--market", "-m", help="A market to learn; may be given again.", metavar="SYMBOL"),
    ] = None,
    bars: Annotated[
        list[str] | None,
        typer.Option("--bars", "-b", help="CSV or Parquet, oldest first; simulated without.", metavar="[MARKET=]FILE"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run's folder; runs/... by default.", metavar="FOLDER")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the run of this folder.", metavar="FOLDER")
    ] = None,
    begin_from: Annotated[
        Path | None, typer.Option("--from", help="Begin with this checkpoint's weights.", metavar="CHECKPOINT")
    ] = None,
    strategy: Annotated[
        str, typer.Option("--strategy", "-s", help="Whose sizers; each market's own strategy by default.")
    ] = "",
    phase: Annotated[int, typer.Option(help="1: entries. 2: positions are managed too.", min=1, max=2)] = 2,
    steps: Annotated[int, typer.Option(help="Decisions in all environments of a seed.", min=1)] = 5_000_000,
    seed: Annotated[int, typer.Option(help="The first seed.", min=0, max=2**32 - 1)] = 1,
    seeds: Annotated[int, typer.Option(help="Policies trained side by side, a seed each.", min=1, max=64)] = 1,
    window: Annotated[int, typer.Option(help="Bars that are seen.", min=1, max=500)] = 20,
    days: Annotated[int, typer.Option(help="Simulated sessions, where no --bars are given.", min=2)] = 2_500,
    held_out: Annotated[
        float, typer.Option(help="Share of the sessions, the last ones, that is not learned from.", min=0, max=0.9)
    ] = 0.2,
    entry_bonus: Annotated[
        float, typer.Option(help="Usd that phase 2's boot camp adds for an entry; it fades out.", min=0)
    ] = 10.0,
    manage_bonus: Annotated[float, typer.Option(help="And for an action that manages a position.", min=0)] = 5.0,
    checkpoint_every: Annotated[int, typer.Option(help="Updates from one checkpoint to the next.", min=1)] = 50,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Train a policy for index futures; its trades are sized by the strategy's own chain of sizers.

    The run's folder has a checkpoint every 50 updates, the figures of each update, and the state to go on from:
    Ctrl-C stops it, and --resume FOLDER goes on as if nothing had been. Without --bars it learns on simulated ones.

    Example: gamma train futures --market MNQ --phase 2
    """
    from gamma.cli.training_order import Asked, configured, new_run_id, order_of

    if resume is not None:
        order, config = _resumed(resume)
    else:
        run_id = new_run_id()
        asked = Asked(
            markets=tuple(market or ()),
            bars=tuple(_absolute(text) for text in bars or ()),
            strategy=strategy,
            phase=phase,
            steps=steps,
            seeds=tuple(range(seed, seed + seeds)),
            window=window,
            begin_from=str(begin_from.absolute()) if begin_from else "",
            days=days,
            held_out_frac=held_out,
            entry_bonus_usd=entry_bonus,
            manage_bonus_usd=manage_bonus,
            checkpoint_updates=checkpoint_every,
            config=str(path.absolute()) if path != DEFAULT_CONFIG or path.exists() else "",
            account=chosen_account(),
        )
        config = configured(path)
        order = order_of(asked, config, out or RUNS / run_id, run_id)
    training_run.run(order, config, _wording(order), as_json=as_json)


train_events.add_to(app)


@app.command()
def picture(
    folder: Annotated[Path, typer.Argument(help="A run's folder, or that of one of its seeds.", metavar="FOLDER")],
    *,
    as_json: AsJson = False,
) -> None:
    """Draw the learning curves of a run: reward and return, actions, losses, drawdown.

    Example: gamma train picture runs/mnq
    """
    drawn = training_run.trainer(training_run.kind_of(folder)).picture(folder)
    if as_json:
        print_json({"picture": str(drawn)})
        return
    console().print(f"[green]✓[/] {drawn}")


@app.command()
def runs(*, path: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what was ever trained, as the ledger has it, and count the trials.

    Every seed of every run is a trial, whatever became of it. The deflated Sharpe ratio asks how many there were.

    Example: gamma train runs
    """
    from gamma.cli.run_table import print_runs, told_of
    from gamma.cli.training_order import configured

    told = told_of(configured(path))
    if as_json:
        print_json(told)
        return
    print_runs(told)


def _wording(order: "TrainingOrder") -> training_run.Wording:
    from gamma.cli import run_registry, training_view
    from gamma.cli.run_table import print_rivals

    markets = ", ".join(order.symbols)
    return training_run.Wording(
        kind=training_run.FUTURES,
        title=f"futures phase {order.phase} {markets}",
        rows=training_view.ROWS,
        colours=training_view.COLOURS,
        held_out=[run_registry.span_of(of.market.symbol, bars) for of in order.markets for bars in of.held_out],
        print_rivals=print_rivals,
        shape={"phase": order.phase},
    )


def _absolute(text: str) -> str:
    market, equals, file = text.rpartition("=")
    return f"{market}{equals}{Path(file).absolute()}"


def _resumed(folder: Path) -> "tuple[TrainingOrder, Config]":
    from gamma.cli.training_order import Asked, configured, order_of

    told, run_id = training_run.asked_of(folder, training_run.FUTURES)
    try:
        asked = Asked.model_validate(told)
    except ValueError as error:  # what does not validate
        raise InputInvalid(f"--resume {folder}: no run is in it ({error}); name the folder that --out made") from None
    config = configured(Path(asked.config) if asked.config else DEFAULT_CONFIG, asked.account)
    return order_of(asked, config, folder, run_id, resume=True), config
