"""Compliance: the rules of the account's profile over its ledger, each with what is asked, found and left."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from dash import html
from dash.development.base_component import Component

from gamma.compliance import Finding, Outcome, Report
from gamma.compliance.ledgers import conduct_of, judged
from gamma.config import Config
from gamma.dashboard import parts
from gamma.dashboard.aside import PATIENCE_S, Made
from gamma.dashboard.sight import Query, Sight
from gamma.dashboard.wording import wrapped
from gamma.ledger import Reader
from gamma.profiles import Dated, Profile, load_profile

_KINDS: Final = {Outcome.PASS: "good", Outcome.FAIL: "bad", Outcome.NOT_EVALUABLE: "warn"}
_SAID: Final = {Outcome.PASS: "pass", Outcome.FAIL: "breach", Outcome.NOT_EVALUABLE: "not evaluable"}
_FIRST: Final = ("breach", "not evaluable", "not reached", "pass")
_GOALS: Final = ("target", "trading_days", "consistency")
# What is not reached yet is no breach, though there is no certificate before it is.
_REACHED: Final = ("target", "trading_days")


def show(sight: Sight, _: Query) -> Any:
    """What is broken first; then the way to the target, and where each rule comes from."""
    if not sight.config.account.profile:
        return parts.notice(
            "This account is under no profile: there are no rules to keep. Set [account] profile in the configuration; "
            "own_50k is your own account, and gamma config show tells what is in effect."
        )
    made = ahead(sight)
    if made is None:
        return parts.notice(
            "The rules are being looked at; of a long ledger that takes a while. This page fills itself."
        )
    if made.value is None:
        return parts.notice(made.error, "bad")
    return shown(sight, made.value, made)


def ahead(sight: Sight, *, patience_s: float = PATIENCE_S) -> Made[Report] | None:
    """Have the rules looked at, where there are any; what was found last."""
    config, today = sight.config, datetime.now(UTC).date()
    if not config.account.profile:
        return None

    def make(reader: Reader) -> Report:
        return report_of(config, reader, today)

    return sight.aside.ask("compliance", sight.head_seq, make, patience_s=patience_s)


def report_of(config: Config, reader: Reader, on_date: date) -> Report:
    """Every rule of the account's own profile over its ledger, as of a day.

    Raises: ConfigInvalid when there is no such profile; InputInvalid when it begins with another balance; InputMissing
    when no day has begun in the ledger.
    """
    profile = load_profile(config.account.profile, config.account.overrides)
    return judged(conduct_of(config, reader), profile, on_date, config)


def shown(sight: Sight, report: Report, made: Made[Report]) -> list[Component]:
    """The page of a report."""
    profile = report.profile
    rules = sorted(report.findings, key=lambda one: _FIRST.index(_standing(one)[0]))
    return [
        _verdict(report),
        parts.card(
            f"{profile.title} ({profile.name}), {profile.phase}",
            parts.table(("rule", "?>margin", "now, and why", "?limit"), [_line(sight, one) for one in rules]),
            html.P(
                f"As of event {made.seq:,}, {parts.when(made.ts_utc_ns)}; it took {made.took_s:,.1f} s. Within a bar "
                "the order of high and low is unknown: the worse one counts.",
                className="quiet",
            ),
            wide=True,
            id="rules",
        ),
        *_goals(report),
        _certificate(sight, report),
        parts.card("Where the rules come from", _sources(profile), wide=True),
    ]


def _verdict(report: Report) -> Component:
    said: dict[str, list[str]] = {}
    for one in report.findings:
        said.setdefault(_standing(one)[0], []).append(parts.words(one.rule))
    if broken := said.get("breach"):
        return parts.notice(f"{len(broken)} of {len(report.findings)} rules breached: {', '.join(broken)}.", "bad")
    left = {what: rules for what, rules in said.items() if what != "pass"}
    if left:
        told = "; ".join(f"{what}: {', '.join(rules)}" for what, rules in left.items())
        return parts.notice(f"No rule is breached. {told[:1].upper()}{told[1:]}.")
    return parts.notice(f"All {len(report.findings)} rules are kept.", "good")


def _standing(one: Finding) -> tuple[str, str]:
    """The outcome in a word, and its colour."""
    if one.outcome is Outcome.FAIL and one.rule in _REACHED:
        return "not reached", "warn"
    return _SAID[one.outcome], _KINDS[one.outcome]


def _line(sight: Sight, one: Finding) -> tuple[parts.Cell, ...]:
    why: list[Any] = [one.found]
    if one.where.ts_utc_ns:
        why += [html.Br(), html.Small([f"first: {parts.when(one.where.ts_utc_ns)}, ", _row(sight, one.where.row)])]
    if one.optimistic is not None and one.optimistic is not one.outcome:
        why += [html.Br(), html.Small(f"in the kinder order within each bar: {one.optimistic_found}")]
    if one.margin:
        why.append(html.Small(f"margin: {one.margin}", className="narrow"))
    return (
        wrapped(parts.words(one.rule), html.Br(), parts.badge(*_standing(one))),
        wrapped(one.margin or "-"),
        wrapped(*why),
        wrapped(one.asked),
    )


def _row(sight: Sight, row: str) -> parts.Cell:
    """What shows it; an event of the ledger leads to it."""
    kind, _, number = row.partition(" ")
    return parts.link(row, sight.link("/logs", of=number)) if kind == "event" else row


def _goals(report: Report) -> list[Component]:
    """What is still to be reached, where the profile asks for anything; payouts hang on the same rules."""
    profile = report.profile
    if isinstance(profile.target_usd.value, str) and isinstance(profile.consistency_frac.value, str):
        return []
    rows: list[tuple[str, parts.Cell]] = [
        (parts.words(one.rule), f"{one.found}; asked: {one.asked}") for one in report.findings if one.rule in _GOALS
    ]
    share = profile.consistency_frac.value
    if not isinstance(share, str):
        rows.append(
            ("payout", f"asked at {profile.consistency_at.value}: the best day at most {share:.0%} of the profit")
        )
    return [parts.card("Target and payouts", parts.figures(rows), wide=True, id="goals")]


def _certificate(sight: Sight, report: Report) -> Component:
    command = html.Code(sight.typed("gamma compliance --certificate certificate.pdf"))
    if report.passed:
        return parts.card("Certificate", html.P(["Every rule passes. In a terminal, type: ", command]), wide=True)
    why = report.stale or "there is one only where every rule passes"
    return parts.card("Certificate", html.P([f"None now: {why}. When there can be one: ", command]), wide=True)


def _sources(profile: Profile) -> Component:
    rows = [_source(name, rule) for name, rule in profile.rules.items()]
    return html.Details(
        [
            html.Summary(f"{len(rows)} rules, each with its source and when it was verified"),
            parts.table(("rule", "value", "?source", "verified", "?holds from"), rows),
        ]
    )


def _source(name: str, rule: Dated[object]) -> tuple[parts.Cell, ...]:
    told = rule.model_dump(mode="json")
    told_by = wrapped(rule.source)
    return (parts.words(name), wrapped(_value(told["value"])), told_by, told["verified_on"], told["effective_from"])


def _value(value: Any) -> str:
    if isinstance(value, list):
        tiers: Sequence[Any] = value
        return (
            ", ".join(
                f"{one['minis']:g} e-minis from {one['from_usd']:,.0f}" if isinstance(one, dict) else str(one)
                for one in tiers
            )
            or "any"
        )
    return parts.number(value) if not isinstance(value, str) else value
