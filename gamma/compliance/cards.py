"""What the figures on a checkpoint's card say of the rules: little, for they have no path. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from gamma import floor as floors
from gamma import markets
from gamma.compliance.findings import Finding, Outcome, Report
from gamma.compliance.permissions import allowed_by, freshness_of
from gamma.errors import InputMissing
from gamma.profiles import Profile

NO_PATH: Final = "a card has figures, and no path: gamma backtest on the same bars gives a ledger that has one"
UNKNOWN: Final = ("daily_loss", "consistency", "flat_by", "nothing_working", "hedging", "stop_present", "news_window")
UNASKED: Final = "not asked for"


def of_card(card: Mapping[str, Any], traded: Sequence[str], profile: Profile, on_date: date) -> Report:
    """The rules over the last evaluation of a card, of a policy that trades these markets.

    Raises: InputMissing when the card has no evaluation.
    """
    if not card.get("evaluations"):
        raise InputMissing("this card has no evaluation: make one with gamma models promote")
    figures = {one["name"]: float(one["value"]) for one in card["evaluations"][-1]["figures"]}
    found = (
        _floor(profile, figures),
        _target(profile, figures),
        _days(profile),
        _size(profile, figures, traded),
        _products(profile, traded),
        allowed_by(profile, "rehearsal", attested=False),
        _costs(figures),
        *(_without_path(profile, rule) for rule in UNKNOWN),
        freshness_of(profile, on_date),
    )
    return Report(profile=profile, on_date=on_date, findings=found)


def _without_path(profile: Profile, rule: str) -> Finding:
    """A rule of which figures tell nothing; where the profile does not ask for it, it is kept."""
    asked = {
        "daily_loss": profile.day_loss_max_usd < float("inf"),
        "consistency": profile.best_day_max_frac < float("inf"),
        "hedging": profile.hedging.value == "banned",
        "news_window": profile.news_window_s.value > 0,
        "flat_by": not profile.overnight.value,
    }.get(rule, True)
    if not asked:
        return Finding(rule=rule, outcome=Outcome.PASS, asked=UNASKED, found=UNASKED)
    return Finding(rule=rule, outcome=Outcome.NOT_EVALUABLE, asked="asked for", found=NO_PATH)


def _floor(profile: Profile, figures: Mapping[str, float]) -> Finding:
    """Above the deepest fall no floor is touched; below it one is, where it trails equity and never stops."""
    rule, depth = profile.floor_rule, figures.get("drawdown_max_usd")
    limit = profile.drawdown_usd.value
    outcome, found = Outcome.NOT_EVALUABLE, NO_PATH
    if depth is not None:
        found = f"equity fell {depth:,.2f} usd from its highest"
        if depth < limit:
            outcome = Outcome.PASS
        elif rule.trails_on is floors.TrailsOn.INTRADAY and rule.lock_microusd is None:
            outcome = Outcome.FAIL
    return Finding(
        rule="floor",
        outcome=outcome,
        asked=f"a floor {limit:,.0f} usd below",
        found=found,
        fields=("drawdown_usd", "trails_on"),
    )


def _target(profile: Profile, figures: Mapping[str, float]) -> Finding:
    goal, made = profile.target_usd.value, figures.get("net_pnl_usd")
    if isinstance(goal, str) or profile.phase == "funded":
        return Finding(rule="target", outcome=Outcome.PASS, asked="no target", found=UNASKED)
    outcome = Outcome.NOT_EVALUABLE if made is None else Outcome.PASS if made >= goal else Outcome.FAIL
    return Finding(
        rule="target",
        outcome=outcome,
        asked=f"a profit of {goal:,.0f} usd",
        found=NO_PATH if made is None else f"made {made:,.2f} usd",
        fields=("target_usd",),
    )


def _days(profile: Profile) -> Finding:
    least = profile.trading_days_min.value
    return Finding(
        rule="trading_days",
        outcome=Outcome.NOT_EVALUABLE if least else Outcome.PASS,
        asked=f"trading on at least {least} days" if least else "no least number of days",
        found=NO_PATH if least else UNASKED,
        fields=("trading_days_min",),
    )


def _size(profile: Profile, figures: Mapping[str, float], traded: Sequence[str]) -> Finding:
    most = max(minis for _, minis in profile.minis_tiers)
    lots = figures.get("lots_max", 0.0)
    minis = lots * max((markets.market(symbol).mini_equivalent for symbol in traded), default=0.0)
    over = minis > most
    return Finding(
        rule="size",
        outcome=Outcome.FAIL if over else Outcome.NOT_EVALUABLE,
        asked=f"at most {most:g} e-minis with working orders",
        found=f"held {minis:g} e-minis" if over else f"held {minis:g} e-minis at most; {NO_PATH}",
        fields=("minis_funded" if profile.phase == "funded" else "minis_evaluation",),
    )


def _products(profile: Profile, traded: Sequence[str]) -> Finding:
    allowed = profile.products.value
    others = sorted(set(traded) - set(allowed)) if allowed else []
    return Finding(
        rule="products",
        outcome=Outcome.FAIL if others else Outcome.PASS,
        asked=f"only {', '.join(allowed)}" if allowed else "any market",
        found=f"{', '.join(others)} was traded" if others else f"{', '.join(traded)} was traded",
        fields=("products",),
    )


def _costs(figures: Mapping[str, float]) -> Finding:
    paid = figures.get("fees_usd", 0.0)
    return Finding(
        rule="costs",
        outcome=Outcome.PASS if paid > 0 else Outcome.NOT_EVALUABLE,
        asked="results net of commissions and fees",
        found=f"{paid:,.2f} usd of fees were paid" if paid > 0 else "the card tells of no fees",
    )
