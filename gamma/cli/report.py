"""`gamma report`: what an account did, as one HTML page and one PDF."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.history import History
    from gamma.report import Subject
    from gamma.report.subject import Floor

OUT: Final = Path("report")
PAGE: Final = "report.html"
DOCUMENT: Final = "report.pdf"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where both are written.", metavar="FOLDER")] = Path(
        "report"
    ),
    ledger: Annotated[str, typer.Option(help="A ledger; the configuration's by default.", metavar="URL")] = "",
    trades: Annotated[
        Path | None, typer.Option(help="A CSV of round trips in place of a ledger.", metavar="FILE")
    ] = None,
    start_usd: Annotated[
        float | None, typer.Option(help="With --trades: what the account began with.", metavar="USD")
    ] = None,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write report.html and report.pdf: equity, months, trades, sizing, figures with intervals.

    Both stand alone: no script, nothing from the network. The same data makes the same files, byte for byte.

    Example: gamma report --out report
    """
    from gamma.history.figures import figures, trades_sha256
    from gamma.report import document, page, sections

    if trades and ledger:
        raise InputInvalid("--trades and --ledger were both given; a report is of one of them")
    with working("reading"):
        subject = _of_trades(trades, start_usd, path) if trades else _of_ledger(ledger, start_usd, path)
    with working("drawing"):
        told = sections(subject)
        written = {
            "page": _write(out / PAGE, page(subject, told).encode()),
            "document": _write(out / DOCUMENT, document(subject, told)),
        }
    if as_json:
        shape = [{"name": f.name, "value": f.value, "low": f.low, "high": f.high} for f in figures([subject.history])]
        print_json(
            {
                **written,
                "sessions": len(subject.history.sessions),
                "trades_sha256": trades_sha256(subject.history.trades),
                "figures": shape,
                "hashes": subject.hashes,
            }
        )
        return
    for name in written.values():
        console().print(f"[green]✓[/] {name}")


def _of_trades(file: Path, start_usd: float | None, path: Path) -> "Subject":
    import hashlib

    from gamma.config import load
    from gamma.history import of_trade_file
    from gamma.report import Subject

    if start_usd is None:
        raise InputInvalid("--trades needs --start-usd, the balance that the account began with")
    told = of_trade_file(file, start_usd)
    config = load(path, os.environ) if path != DEFAULT_CONFIG else None
    return Subject(
        title=f"{file.name}, {_span(told)}",
        source=f"{len(told.trades):,} round trips of {file.name}, from {start_usd:,.2f} usd",
        history=told,
        floor=_floor(config, start_usd) if config else None,
        hashes={file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
    )


def _of_ledger(url: str, start_usd: float | None, path: Path) -> "Subject":
    from gamma.config import load
    from gamma.history import of_ledger
    from gamma.ledger.reader import Reader
    from gamma.report import Subject

    if start_usd is not None:
        raise InputInvalid("--start-usd goes with --trades; a ledger knows what its account began with")
    config = load(path, os.environ)
    with Reader.open(url or config.gamma.database) as reader:
        told = of_ledger(reader, config.strategies[0].market)
        events, head = reader.head
        account, mode = reader.account, reader.mode
    return Subject(
        title=f"Account {account}, {_span(told)}",
        source=f"The ledger of the {mode} account {account}: {events:,} events, {len(told.trades):,} round trips",
        history=told,
        floor=_floor(config, config.account.starting_capital_usd),
        hashes={"ledger": head},
    )


def _floor(config: "Config", start_usd: float) -> "Floor | None":
    from gamma.assembly import profile_of
    from gamma.report.subject import Floor

    profile = profile_of(config)
    return Floor(name=profile.name, rule=profile.floor_rule, start_usd=start_usd) if profile else None


def _span(told: "History") -> str:
    return f"{told.sessions[0]} to {told.sessions[-1]}"


def _write(path: Path, content: bytes) -> str:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
    return str(path)
