"""The commands. What one command needs is loaded by that command, so that `gamma --help` is quick."""

from typing import Annotated

import typer

from gamma.cli import (
    account,
    accounts,
    backtest,
    bars,
    bench,
    brokers,
    chaos,
    compare,
    compliance,
    config,
    dashboard,
    database,
    deadman,
    doctor,
    evaluating,
    feed,
    gex,
    init,
    markets,
    models,
    montecarlo,
    operate,
    replay,
    report,
    run,
    service,
    size,
    size_picker,
    status,
    train,
    tune,
)
from gamma.cli.output import group

app = group("Position sizing and live trading: the right number of contracts, and you can see why.")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"gamma {version('gamma-daemon')}")
        raise typer.Exit


@app.callback()
def _gamma(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Position sizing and live trading: the right number of contracts, and you can see why."""


init.add_to(app)
run.add_to(app)
backtest.add_to(app)
tune.add_to(app)
size.add_to(app)
status.add_to(app)
accounts.add_to(app)
account.add_to(app)
operate.add_to(app)
dashboard.add_to(app)
replay.add_to(app)
report.add_to(app)
compliance.add_to(app)
compare.add_to(app)
montecarlo.add_to(app)
doctor.add_to(app)
deadman.add_to(app)
chaos.add_to(app)
markets.add_to(app)
gex.add_to(app)
app.add_typer(train.app, name="train")
app.add_typer(size_picker.app, name="size-picker")
app.add_typer(bench.app, name="bench")
app.add_typer(config.app, name="config")
app.add_typer(brokers.app, name="brokers")
app.add_typer(database.app, name="db")
app.add_typer(feed.app, name="feed")
app.add_typer(bars.app, name="bars")
app.add_typer(models.app, name="models")
app.add_typer(service.app, name="service")
app.add_typer(evaluating.app, name="evaluate")


def main() -> None:
    """Entry point of the `gamma` command."""
    app(prog_name="gamma")
