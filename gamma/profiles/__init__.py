"""Rules of prop accounts as dated data: every field has its value, its source, and when it was verified.

The files beside this module hold what the firms ask; no rule of a firm stands in code. A field that was
never verified, or too long ago, is stale, and no certificate is issued from it.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Generic, Literal, TypeVar, final

from pydantic import BaseModel, Field, ValidationError

from gamma.complaints import shown
from gamma.errors import ConfigInvalid
from gamma.floor import FloorRule, TrailsOn
from gamma.markets import MICRO

VERIFIED_AGE_MAX_DAYS: Final = 60

T = TypeVar("T")
Usd = Annotated[float, Field(ge=0.01, le=1e9)]
Frac = Annotated[float, Field(gt=0, le=1)]
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Phase = Literal["evaluation", "funded"]


class _Record(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    pass


class Dated(_Record, Generic[T]):
    """One rule: what it says, who says so, and since when that is known and holds.

    `verified_on` is `unverified` where nobody has, and `own` where the account's owner sets the rule.
    """

    value: T
    source: Annotated[str, Field(min_length=1)]
    verified_on: date | Literal["unverified", "own"]
    effective_from: date | Literal["unknown", "own"]


@final
class Tier(_Record):
    """From this balance on, so many e-minis (ten micros are one)."""

    from_usd: Annotated[float, Field(ge=0)]
    minis: Annotated[float, Field(gt=0)]


Tiers = Annotated[tuple[Tier, ...], Field(min_length=1)]


@final
class Profile(_Record):
    """The rules of one account at one firm; `phase` is the account's own and chooses between two values.

    `lock_*_usd` is where the floor stops rising. `daily_loss_effect` is `soft` where the day ends and the account
    lives on, `hard` where the account ends with it, `optional` where the trader may choose such a limit. `products`
    empty allows all.
    """

    name: str
    title: str
    phase: Phase = "evaluation"
    start_balance_usd: Dated[Usd]
    drawdown_usd: Dated[Usd]
    trails_on: Dated[TrailsOn]
    lock_evaluation_usd: Dated[Usd | Literal["none"]]
    lock_funded_usd: Dated[Usd | Literal["none"]]
    daily_loss_usd: Dated[Usd | Literal["none"]]
    daily_loss_effect: Dated[Literal["soft", "hard", "optional", "none"]]
    minis_evaluation: Dated[Tiers]
    minis_funded: Dated[Tiers]
    trading_days_min: Dated[Annotated[int, Field(ge=0)]]
    consistency_frac: Dated[Frac | Literal["none"]]
    consistency_at: Dated[Literal["evaluation", "payout", "none"]]
    target_usd: Dated[Usd | Literal["none"]]
    automation: Dated[Literal["allowed", "own_machine", "banned"]]
    flat_by_new_york: Dated[ClockTime]
    overnight: Dated[bool]
    hedging: Dated[Literal["allowed", "banned"]]
    products: Dated[tuple[str, ...]]
    news_window_s: Dated[Annotated[float, Field(ge=0)]]

    @property
    def rules(self) -> Mapping[str, Dated[object]]:
        """Every dated rule by its name."""
        return {name: rule for name in Profile.model_fields if isinstance(rule := getattr(self, name), Dated)}

    @property
    def floor_rule(self) -> FloorRule:
        """How the account's floor moves, in its phase."""
        lock_usd = (self.lock_funded_usd if self.phase == "funded" else self.lock_evaluation_usd).value
        return FloorRule(
            drawdown_microusd=_microusd(self.drawdown_usd.value),
            trails_on=self.trails_on.value,
            lock_microusd=None if isinstance(lock_usd, str) else _microusd(lock_usd),
        )

    @property
    def day_loss_max_usd(self) -> float:
        """The loss at which the firm ends the day [usd]; infinite where it has none, or only an optional one."""
        limit_usd = self.daily_loss_usd.value
        if isinstance(limit_usd, str) or self.daily_loss_effect.value not in ("soft", "hard"):
            return float("inf")
        return limit_usd

    @property
    def best_day_max_frac(self) -> float:
        """The most of the whole profit that one day may bring [1]; infinite where the account's phase has no limit."""
        limit, asked_in = self.consistency_frac.value, {"evaluation": "evaluation", "payout": "funded"}
        if isinstance(limit, str) or asked_in.get(self.consistency_at.value) != self.phase:
            return float("inf")
        return limit

    @property
    def minis_tiers(self) -> tuple[tuple[float, float], ...]:
        """In the account's phase: from this balance [usd] on, so many e-minis held and working (ten micros are one)."""
        tiers = (self.minis_funded if self.phase == "funded" else self.minis_evaluation).value
        return tuple((tier.from_usd, tier.minis) for tier in tiers)


def profile_names() -> tuple[str, ...]:
    """The profiles that ship with gamma."""
    found = (path.name for path in files(__name__).iterdir() if path.name.endswith(".toml"))
    return tuple(sorted(name.removesuffix(".toml") for name in found))


def load_profile(name: str, overrides: Mapping[str, object] | None = None) -> Profile:
    """The profile of that name, with the values that the config overrides.

    An overridden rule of a firm counts as unverified: nobody but the operator says so.

    Raises: ConfigInvalid, which names the profile, the field and its value, and what is known.
    """
    if name not in profile_names():
        raise ConfigInvalid(f"[account] profile {name!r} does not exist; known: {', '.join(profile_names())}")
    return _with(name, _shipped(name), overrides)


def read_profile(path: Path, overrides: Mapping[str, object] | None = None) -> Profile:
    """A profile from a file of the shipped ones' form, in which somebody has verified the rules anew.

    Raises: ConfigInvalid, which names the file, the field and its value, and what is known.
    """
    try:
        rules = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(f"profile {path}: cannot be read as TOML: {error}") from None
    try:
        _validated(path.stem, rules)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        wrong = "" if first["type"] == "missing" else f" = {shown(first['input'])}"
        raise ConfigInvalid(f"profile {path}: {where}{wrong}: {first['msg'].lower()}") from None
    return _with(path.stem, rules, overrides)


def _with(name: str, told: Mapping[str, object], overrides: Mapping[str, object] | None) -> Profile:
    rules = dict(told)
    for field, value in (overrides or {}).items():
        rules[field] = _overridden(name, rules, field, value)
    try:
        return _validated(name, rules)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        raise ConfigInvalid(
            f"[account.overrides] {field} = {shown((overrides or {}).get(field))}: {first['msg'].lower()}"
        ) from None


def _validated(name: str, rules: Mapping[str, object]) -> Profile:
    # Strict, so that neither `true` nor "3" is a number; by way of JSON, where a date is a text.
    return Profile.model_validate_json(json.dumps({"name": name, **rules}, default=str), strict=True)


@cache
def _shipped(name: str) -> Mapping[str, object]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def stale(profile: Profile, on_date: date, max_age_days: int = VERIFIED_AGE_MAX_DAYS) -> tuple[str, ...]:
    """The rules that were never verified, or not within `max_age_days` before `on_date`; the owner's own never age."""
    return tuple(name for name, rule in profile.rules.items() if not _fresh(rule, on_date, max_age_days))


def stale_text(profile: Profile, on_date: date, max_age_days: int = VERIFIED_AGE_MAX_DAYS) -> str:
    """One line that tells what is stale; empty where nothing is."""
    old = stale(profile, on_date, max_age_days)
    if not old:
        return ""
    told = (f"{name} ({_verified(profile.rules[name])})" for name in old)
    return f"STALE: {profile.name}: no certificate while these are not verified anew: {', '.join(told)}"


def passes_consistency(best_day_microusd: int, total_microusd: int, limit_frac: float) -> bool:
    """Whether the best day is at most `limit_frac` of the total profit; without a profit it is not."""
    # In millionths, so that 300 of 1,000 at 30 % is an exact comparison.
    return total_microusd > 0 and best_day_microusd * MICRO <= round(limit_frac * MICRO) * total_microusd


def _microusd(usd: float) -> int:
    return round(usd * MICRO)


def _overridden(name: str, rules: Mapping[str, object], field: str, value: object) -> object:
    if field == "phase":
        return value
    rule = rules.get(field)
    if not isinstance(rule, dict):
        known = ", ".join(["phase", *(key for key, found in rules.items() if isinstance(found, dict))])
        raise ConfigInvalid(f"[account.overrides] {name} has no field {field!r}; known: {known}")
    own = rule["verified_on"] == "own"
    source = rule["source"] if own else f"the operator's override of: {rule['source']}"
    return {**rule, "value": value, "source": source, "verified_on": "own" if own else "unverified"}


def _fresh(rule: Dated[object], on_date: date, max_age_days: int) -> bool:
    verified = rule.verified_on
    return verified == "own" if isinstance(verified, str) else 0 <= (on_date - verified).days <= max_age_days


def _verified(rule: Dated[object]) -> str:
    verified = rule.verified_on
    return verified if isinstance(verified, str) else f"verified {verified.isoformat()}"
