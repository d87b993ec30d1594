"""What a rule found: pass, fail, or not evaluable, which is no pass."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from gamma.compliance.conduct import NOWHERE, Conduct, Where
from gamma.profiles import Dated, Profile, stale_text


class Outcome(StrEnum):
    """What is known of a rule; where it could not be looked at, it was not kept as far as anybody knows."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    NOT_EVALUABLE = "not evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is judged: an account's conduct by a profile, as of a day.

    `attested` where the operator says that the firm allows automation on this account.
    """

    profile: Profile
    conduct: Conduct
    on_date: date
    attested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule: what the profile asks, what was found, and where it was first broken.

    `margin` is what was left to the limit where it was nearest, or what is left to do; empty where nothing is measured.
    `fields` are the profile's that it rests on. `optimistic` is what the kinder order of high and low within each
    bar gives, where the two could differ; `outcome` is always the worse.
    """

    rule: str
    outcome: Outcome
    asked: str
    found: str
    where: Where = NOWHERE
    fields: tuple[str, ...] = ()
    optimistic: Outcome | None = None
    optimistic_found: str = ""
    margin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All rules of a profile over an account's conduct."""

    profile: Profile
    on_date: date
    findings: tuple[Finding, ...] = field(default=())

    @property
    def stale(self) -> str:
        """One line that tells which rules of the profile are not verified, or too long ago; "" where none is."""
        return stale_text(self.profile, self.on_date)

    @property
    def passed(self) -> bool:
        """Whether every rule passes; only then, and only from a fresh profile, there is a certificate."""
        return bool(self.findings) and all(one.outcome is Outcome.PASS for one in self.findings) and not self.stale

    @property
    def sources(self) -> dict[str, Dated[object]]:
        """The dated rules of the profile that the findings rest on, by name."""
        used = {name for one in self.findings for name in one.fields}
        return {name: rule for name, rule in self.profile.rules.items() if name in used}
