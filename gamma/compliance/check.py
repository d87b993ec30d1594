"""All rules of a profile over an account's conduct. Pure."""

from collections.abc import Callable
from typing import Final

from gamma.compliance import day_loss, permissions, positions, results, trailing
from gamma.compliance.findings import Case, Finding, Report

RULES: Final[tuple[Callable[[Case], Finding], ...]] = (
    trailing.floor,
    day_loss.daily_loss,
    results.target,
    results.trading_days,
    results.consistency,
    positions.size,
    positions.flat_by,
    positions.nothing_working,
    positions.hedging,
    positions.stop_present,
    permissions.products,
    permissions.news_window,
    permissions.automation,
    results.costs,
    permissions.freshness,
)


def check(case: Case) -> Report:
    """Ask every rule."""
    return Report(profile=case.profile, on_date=case.on_date, findings=tuple(rule(case) for rule in RULES))
