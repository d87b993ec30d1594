"""`gamma report`: what an account did, as one HTML page and one PDF."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.chosen import chosen_account
from gamma.cli.output import DEFAULT_CONFIG, AsJson, ConfigPath, console, print_json, working
from gamma.errors import InputInvalid

if TYPE_CHECKING:
    from gamma.config import Config
    from gamma.report import Section, Subject

OUT: Final = Path("report")
PAGE: Final = "report.html"
PICTURE_DPI: Final = 130
DOCUMENT: Final = "report.pdf"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(  # noqa: PLR0913 - each option is a parameter
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where both are written; report by default.", metavar="FOLDER")
    ] = None,
    ledger: Annotated[str, typer.Option(help="A ledger; the configuration's by default.", metavar="URL")] = "",
    trades: Annotated[
        Path | None, typer.Option(help="A CSV of round trips in place of a ledger.", metavar="FILE")
    ] = None,
    start_usd: Annotated[
        float | None, typer.Option(help="With --trades: what the account began with.", metavar="USD")
    ] = None,
    bars: Annotated[
        list[str] | None,
        typer.Option(
            "--bars", "-b", help="CSV or Parquet, for regimes and baselines; repeatable.", metavar="[MARKET=]FILE"
        ),
    ] = None,
    bar_s: Annotated[int | None, typer.Option(help="Merge finer bars up to this length.", metavar="SECONDS")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows of bars out.")] = False,
    pictures: Annotated[bool, typer.Option("--pictures", help="Write each picture as a PNG too.")] = False,
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write report.html and report.pdf: equity, months, trades, sizing, halts, figures with intervals.

    Both stand alone: no script, nothing from the network. The same data makes the same files, byte for byte.

    Example: gamma report --bars MNQ=NQ_5m.parquet --out report
    """
    from gamma.cli import reported
    from gamma.report import document, page, sections

    out = OUT / chosen_account() if out is None else out  # of several accounts each has its own
    if out.exists() and not out.is_dir():
        raise InputInvalid(f"--out {out} is a file; name a folder, which is made where there is none")
    with working("reading ..."):
        subject, config = _read(ledger, trades, start_usd, path)
    if bars:
        with working("regimes and baselines ..."):
            first = config.strategies[0].market if config else _first_market(subject)
            subject = reported.with_bars(subject, config, reported.bars_of(bars, first, bar_s, skip_bad=skip_bad))
    with working("drawing ..."):
        told = sections(subject)
        files = {
            "page": _write(out / PAGE, page(subject, told).encode()),
            "document": _write(out / DOCUMENT, document(subject, told)),
        }
        drawn = _drawn(told, out) if pictures else []
    if as_json:
        print_json({**files, "pictures": drawn, **_shape(subject)})
        return
    for name in (*files.values(), *drawn):
        console().print(f"[green]✓[/] {name}")


def _read(ledger: str, trades: Path | None, start_usd: float | None, path: Path) -> "tuple[Subject, Config | None]":
    from gamma.cli import reported

    if trades is None:
        if start_usd is not None:
            raise InputInvalid("--start-usd goes with --trades; a ledger knows what its account began with")
        return reported.of_ledger(ledger, path)
    if ledger:
        raise InputInvalid("--trades and --ledger were both given; a report is of one of them")
    if start_usd is None:
        raise InputInvalid("--trades needs --start-usd, the balance that the account began with")
    return reported.of_trades(trades, start_usd, path)


def _first_market(subject: "Subject") -> str:
    return subject.history.trades[0].market


def _shape(subject: "Subject") -> dict[str, Any]:
    from dataclasses import asdict

    from gamma.history.figures import figures, trades_sha256
    from gamma.report.event_figures import told_of

    told = subject.history
    found: Sequence[Any] = figures([told])
    regimes = subject.regimes or {}
    return {
        "sessions": len(told.sessions),
        "trades_sha256": trades_sha256(told.trades),
        "figures": [{"name": one.name, "value": one.value, "low": one.low, "high": one.high} for one in found],
        "events": told_of(subject.events) if subject.events else None,
        "regimes": [{"market": market, **asdict(one)} for market, own in regimes.items() for one in own],
        "baselines": [asdict(one) for one in subject.baselines or ()],
        "hashes": subject.hashes,
    }


def _drawn(told: "Sequence[Section]", out: Path) -> list[str]:
    from gamma.pictures import png

    return [
        _write(out / f"{one.name}.png", png(one.figure, one.wide_in, PICTURE_DPI))
        for section in told
        for one in section.pictures
    ]


def _write(path: Path, content: bytes) -> str:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
    return str(path)
