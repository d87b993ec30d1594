"""`gamma compliance`: the rules of a dated profile over a ledger, a file of trades, or an evaluation on a card."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gamma.cli.chosen import configuration
from gamma.cli.output import DEFAULT_CONFIG, FAILED, AsJson, ConfigPath, console, print_json
from gamma.cli.wording import clock, words
from gamma.errors import ConfigInvalid, InputInvalid

if TYPE_CHECKING:
    from rich.text import Text

    from gamma.cli.judged import Judged
    from gamma.compliance import Finding, Report
    from gamma.config import Config
    from gamma.profiles import Profile

STYLES: Final = {"pass": "green", "fail": "red", "not evaluable": "yellow"}
Which = Annotated[
    str,
    typer.Option("--profile", "-p", help="A profile by its name, or FILE.toml.", metavar="NAME", show_default=False),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compliance")(compliance)


def compliance(
    *,
    profile: Which = "",
    phase: Annotated[str, typer.Option("--phase", help="evaluation or funded.", metavar="PHASE")] = "",
    trades: Annotated[
        Path | None, typer.Option("--trades", help="A CSV of round trips in place of the ledger.", metavar="FILE")
    ] = None,
    evaluation: Annotated[
        str, typer.Option("--evaluation", help="A checkpoint's card in place of the ledger.", metavar="CARD")
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option("--certificate", help="Write a PDF here, if every rule passes.", metavar="FILE")
    ] = None,
    on: Annotated[str, typer.Option("--on", help="Judge as of this day; today by default.", metavar="DATE")] = "",
    path: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check the rules of a prop account's dated profile, one by one, over what an account did.

    A rule that cannot be looked at is not evaluable, which is no pass. Exit code 0 only where every rule passes and
    the profile is fresh; 1 otherwise. Nothing is written but the certificate.

    Example: gamma compliance --profile topstep_50k --phase evaluation --trades trades.csv
    """
    from gamma.cli import judged

    if trades is not None and evaluation:
        raise InputInvalid("--trades and --evaluation are two records; give one of them")
    if certificate is not None and certificate.exists():
        raise InputInvalid(f"--certificate {certificate} is there already; give another name, or move it away")
    config = _config(path, needed=trades is None and not evaluation)
    chosen, day = _profile(config, profile, phase), _day(on)
    if trades is not None:
        found = judged.trade_file(trades, chosen, day, config)
    elif evaluation:
        found = judged.card(evaluation, chosen, day, config)
    else:
        found = judged.ledger(_needed(config), chosen, day)
    refused = _write(certificate, found) if certificate is not None else ""
    if as_json:
        print_json(_shape(found, None if refused else certificate))
    else:
        _show(found, certificate, refused)
    if not found.report.passed:
        raise typer.Exit(FAILED)


def _config(path: Path, *, needed: bool) -> "Config | None":
    """The configuration; a file of trades and a card can do without one."""
    return configuration(path) if needed or path != DEFAULT_CONFIG or path.exists() else None


def _needed(config: "Config | None") -> "Config":
    assert config is not None  # noqa: S101 - it was asked for
    return config


def _profile(config: "Config | None", name: str, phase: str) -> "Profile":
    """The profile that was named, or the account's own; its overrides hold for it alone."""
    from gamma.profiles import load_profile, read_profile

    if phase not in ("", "evaluation", "funded"):
        raise InputInvalid(f"--phase {phase!r} is neither evaluation nor funded")
    overrides: dict[str, object] = {"phase": phase} if phase else {}
    own = config.account.profile if config is not None else ""
    if not (name or own):
        raise ConfigInvalid("no profile: give --profile NAME, or set [account] profile")
    if name.endswith(".toml"):
        return read_profile(Path(name), overrides)
    if config is not None and name in ("", own):
        overrides = {**config.account.overrides, **overrides}
    return load_profile(name or own, overrides)


def _day(text: str) -> date:
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputInvalid(f"--on {text!r} is no day; write it as YYYY-MM-DD") from None


def _write(path: Path, found: "Judged") -> str:
    """Write the certificate; or why there is none."""
    from gamma.compliance.certificate import certificate, why_not

    if not found.report.passed:
        return why_not(found.report)
    path.write_bytes(certificate(found.report, found.subject))
    return ""


def _shape(found: "Judged", certificate: Path | None) -> dict[str, Any]:
    report = found.report
    return {
        "profile": report.profile.name,
        "title": report.profile.title,
        "phase": report.profile.phase,
        "on": report.on_date.isoformat(),
        "passed": report.passed,
        "stale": report.stale,
        "record": dict(found.subject.told),
        "hashes": dict(found.subject.hashes),
        "rules": [_rule(one, report) for one in report.findings],
        "certificate": None if certificate is None else str(certificate),
    }


def _rule(one: "Finding", report: "Report") -> dict[str, Any]:
    return {
        "name": one.rule,
        "outcome": str(one.outcome),
        "asked": one.asked,
        "found": one.found,
        "margin": one.margin,
        "ts_utc_ns": one.where.ts_utc_ns or None,
        "row": one.where.row,
        "optimistic": None if one.optimistic is None else str(one.optimistic),
        "optimistic_found": one.optimistic_found,
        "sources": [_source(field, report) for field in one.fields],
    }


def _source(field: str, report: "Report") -> Mapping[str, Any]:
    return {"field": field, **report.profile.rules[field].model_dump(mode="json")}


def _show(found: "Judged", certificate: Path | None, refused: str) -> None:
    from rich.text import Text

    from gamma.cli.tables import table

    report, out = found.report, console()
    out.print(Text(f"{report.profile.title} ({report.profile.name}), {report.profile.phase}", style="bold"))
    out.print(Text(", ".join(text for _, text in found.subject.told), style="dim"))
    out.print()
    rows = [(words(one.rule), _outcome(one), _told(one)) for one in report.findings]
    out.print(table(("rule", "outcome", "what was found, and what is asked"), rows, out.width))
    out.print()
    if report.stale:
        out.print(Text(report.stale, style="yellow"))
    if report.passed:
        out.print("[green]every rule passes[/]" + ("" if certificate else "; --certificate FILE writes that as a PDF"))
    if certificate is not None:
        out.print(Text(f"no certificate: {refused}" if refused else f"certificate: {certificate}"))


def _outcome(one: "Finding") -> "Text":
    from rich.text import Text

    return Text(one.outcome.upper() if one.outcome != "pass" else "pass", style=STYLES[one.outcome])


def _told(one: "Finding") -> str:
    lines = [one.found]
    if one.rule == "profile_fresh" and one.outcome == "fail":
        lines = ["STALE: see below"]
    if one.where.ts_utc_ns:
        lines.append(f"first: {clock(one.where.ts_utc_ns)}, {one.where.row}")
    if one.optimistic is not None:
        lines.append(f"in the kinder order within each bar: {one.optimistic}; {one.optimistic_found}")
    return "\n".join([*lines, f"asked: {one.asked}"])
