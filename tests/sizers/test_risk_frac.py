import math

import pytest

from sizers.risk_frac import RiskFrac
from tests.sizers.sized import facts, sized, traded


@pytest.mark.parametrize(
    ("balance", "frac", "risk", "lots"),
    [
        (20_000.0, 0.01, 250.0, 0),  # 0.8 of a lot
        (25_000.0, 0.01, 250.0, 1),
        (20_000.0, 0.05, 250.0, 4),
        (3.0, 0.1, 0.1, 3),  # 0.3 / 0.1 is 2.9999999999999996 in floats
        (0.0, 0.01, 250.0, 0),
    ],
)
def test_the_lots_are_the_fraction_over_the_risk(balance: float, frac: float, risk: float, lots: int) -> None:
    view = traded([], account={"balance_usd": balance}, signal={"risk_usd_per_lot": risk})
    assert sized(view, RiskFrac(frac=frac)).lots == lots


def test_it_tells_the_budget() -> None:
    assert facts(traded([]), RiskFrac()) == {
        "balance_usd": 20_000.0,
        "risk_frac": 0.01,
        "budget_usd": 200.0,
        "risk_usd_per_lot": 250.0,
        "raw_lots": 0.8,
        "reason": "budget",
    }
    assert facts(traded([]), RiskFrac(frac=0.02))["reason"] == "ok"


@pytest.mark.parametrize("risk", [math.nan, 0.0, -1.0, math.inf])
def test_a_senseless_risk_is_named(risk: float) -> None:
    found = sized(traded([], signal={"risk_usd_per_lot": risk}), RiskFrac())
    assert (found.lots, found.invalid.split(" ")[0]) == (0, "signal.risk_usd_per_lot")
