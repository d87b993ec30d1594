"""Whether an account kept the rules of its profile: each rule by itself, on the worse of what may have happened."""

from gamma.compliance.check import RULES, check
from gamma.compliance.conduct import Conduct, Stand, Working, of_trades
from gamma.compliance.findings import Case, Finding, Outcome, Report

__all__ = [
    "RULES",
    "Case",
    "Conduct",
    "Finding",
    "Outcome",
    "Report",
    "Stand",
    "Working",
    "check",
    "of_trades",
]
