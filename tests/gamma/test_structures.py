"""Credit structures: risk by hand, and against the payoff at expiry summed over their legs."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamma.errors import InputInvalid
from gamma.markets import market
from gamma.structures import CreditStructure, Leg, Right, Wing

SPX = market("SPX")


def call(short: str, long: str) -> Wing:
    return Wing(right=Right.CALL, short_strike_points=Decimal(short), long_strike_points=Decimal(long))


def put(short: str, long: str) -> Wing:
    return Wing(right=Right.PUT, short_strike_points=Decimal(short), long_strike_points=Decimal(long))


def sold(credit: str, *wings: Wing) -> CreditStructure:
    return CreditStructure(market=SPX, wings=wings, credit_points=Decimal(credit))


def payoff_points(structure: CreditStructure, settlement: Decimal) -> Decimal:
    def worth(leg: Leg) -> Decimal:
        above = settlement - leg.strike_points
        return max(above if leg.right is Right.CALL else -above, Decimal(0))

    return structure.credit_points + sum(leg.side * worth(leg) for leg in structure.legs)


@pytest.mark.parametrize(
    ("structure", "risk_usd"),
    [
        (sold("2.50", call("6000", "6005")), 250),
        (sold("2.50", put("6000", "5995")), 250),
        (sold("1.00", put("5900", "5890")), 900),
        (sold("2.70", put("5950", "5945"), call("6050", "6055")), 230),
        (sold("2.70", put("5950", "5945"), call("6050", "6060")), 730),
        (sold("2.70", put("5950", "5940"), call("6050", "6055")), 730),
    ],
    ids=["call spread", "put spread", "single-sided", "condor 5/5", "condor 5/10", "condor 10/5"],
)
def test_one_lot_can_lose_its_widest_wing_less_the_credit(structure: CreditStructure, risk_usd: int) -> None:
    assert structure.risk_usd_per_lot() == risk_usd
    assert structure.risk_microusd_per_lot() == risk_usd * 1_000_000


def test_fees_add_to_the_risk_to_the_micro_dollar() -> None:
    assert sold("2.50", call("6000", "6005")).risk_microusd_per_lot(fees_microusd=2_600_001) == 252_600_001


def test_a_condor_sells_the_inner_options_and_buys_the_outer_ones() -> None:
    condor = sold("2.70", put("5950", "5945"), call("6050", "6060"))
    assert [(leg.side, leg.right.value, int(leg.strike_points)) for leg in condor.legs] == [
        (-1, "put", 5950),
        (1, "put", 5945),
        (-1, "call", 6050),
        (1, "call", 6060),
    ]


wing_widths = st.integers(1, 40).map(lambda n: n * 5)


@given(wing_widths, wing_widths, st.integers(0, 100), st.data())
def test_the_worst_settlement_loses_exactly_the_risk(
    put_width: int, call_width: int, gap: int, data: st.DataObject
) -> None:
    low, high = 6000, 6000 + 5 * gap
    credit_ticks = data.draw(st.integers(1, 20 * max(put_width, call_width) - 1))
    condor = sold(
        str(Decimal(credit_ticks) / 20),
        put(str(low), str(low - put_width)),
        call(str(high), str(high + call_width)),
    )
    # The payoff is linear between strikes, so its least value lies at one of them.
    worst_points = min(payoff_points(condor, leg.strike_points) for leg in condor.legs)
    assert -worst_points * 100 * 1_000_000 == condor.risk_microusd_per_lot()


@pytest.mark.parametrize("credit", ["5", "5.05", "0", "-0.05", "2.51", "NaN", "Infinity"])
def test_a_credit_that_no_market_pays_is_refused(credit: str) -> None:
    with pytest.raises(InputInvalid, match=rf"credit_points = {credit}: "):
        sold(credit, call("6000", "6005"))


def test_the_credit_of_a_condor_must_be_below_its_widest_wing() -> None:
    with pytest.raises(InputInvalid, match="below the width of 10 points"):
        sold("10", put("5950", "5945"), call("6050", "6060"))


@pytest.mark.parametrize(
    ("wings", "field"),
    [
        ((call("6005", "6000"),), "long_strike_points = 6000: the call bought must lie above"),
        ((call("6000", "6000"),), "long_strike_points = 6000: the call bought must lie above"),
        ((put("5995", "6000"),), "long_strike_points = 6000: the put bought must lie below"),
        ((call("6000.01", "6005"),), "short_strike_points = 6000.01: "),
        ((call("6000", "NaN"),), "long_strike_points = NaN: "),
        ((put("5", "0"),), "long_strike_points = 0: strikes are above 0"),
        ((), "wings = "),
        ((call("6050", "6055"), put("5950", "5945")), "wings = call, put: "),
        ((put("5950", "5945"), put("5940", "5935")), "wings = put, put: "),
        ((put("5950", "5945"), call("6050", "6055"), call("6060", "6065")), "wings = put, call, call: "),
        ((put("6051", "6046"), call("6050", "6055")), "short_strike_points = 6051: the put sold must not lie above"),
    ],
)
def test_wings_that_do_not_bound_the_loss_are_refused(wings: tuple[Wing, ...], field: str) -> None:
    with pytest.raises(InputInvalid) as refused:
        sold("1.00", *wings)
    assert field in str(refused.value)


def test_wings_may_touch_as_in_an_iron_butterfly() -> None:
    assert sold("4.00", put("6000", "5995"), call("6000", "6005")).risk_usd_per_lot() == 100


def test_a_future_has_no_credit_structures() -> None:
    with pytest.raises(InputInvalid, match="market = MES: "):
        CreditStructure(market=market("MES"), wings=(call("6000", "6005"),), credit_points=Decimal(1))


def test_negative_fees_are_refused() -> None:
    with pytest.raises(InputInvalid, match="fees_microusd = -1: "):
        sold("1.00", call("6000", "6005")).risk_microusd_per_lot(fees_microusd=-1)
