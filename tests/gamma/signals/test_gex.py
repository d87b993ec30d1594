"""The rule by the pin: which spread it sells where, and when it sells none."""

import math
from typing import Any

import pytest

from gamma.errors import ConfigInvalid
from gamma.events import Leg, Manage, ManageWanted, SignalMade
from gamma.feeds.chain_tape import ChainTape
from gamma.markets import market
from gamma.params import parse
from gamma.ports import Surroundings
from gamma.signals.gex import DEFAULTS, GexParams, GexSource, plan, width_points
from gamma.signals.otm_spread import OtmParams, OtmSpread
from gamma.signals.otm_spread import plan as otm_plan
from gamma.signals.spreads import SELLING, over
from gamma.structures import Wing
from gamma.views import Situation
from tests.gamma.signals.spx import bar_at, surroundings
from tests.option_case import chain_at, minutes

SPX, NDX = market("SPX"), market("NDX")
PARAMS = parse(GexParams, {"selling": SELLING}, "gex")


def sold(wings: tuple[Wing, ...]) -> list[tuple[str, float, float]]:
    return [(w.right, float(w.short_strike_points), float(w.long_strike_points)) for w in wings]


@pytest.mark.parametrize(
    ("spot", "vix", "wings"),
    [
        (6_000, 14, [("put", 5_980, 5_975), ("call", 6_020, 6_025)]),
        (6_006, 14, [("put", 5_980, 5_975), ("call", 6_020, 6_025)]),
        (5_994, 19, [("put", 5_980, 5_970), ("call", 6_020, 6_030)]),
        (6_010, 14, [("call", 6_020, 6_025)]),  # the further of 6,015 and 6,018
        (5_990, 14, [("put", 5_980, 5_975)]),  # the further of 5,985 and 5,982
        (6_007, 15, [("call", 6_015, 6_025)]),  # of 6,015 and 6,015; the width of 10 begins at a VIX of 15
        (6_020, 14, [("call", 6_030, 6_035)]),  # of 6,025 and 6,032
        (5_955, 14, [("put", 5_945, 5_940)]),  # of 5,975 and 5,943
        (6_051, 14, []),
        (6_000, 20, []),
        (6_000, math.nan, []),
    ],
)
def test_the_rule_sells_what_its_bands_say(spot: float, vix: float, wings: list[Any]) -> None:
    assert sold(plan(chain_at(minutes(30), spot, vix=vix), PARAMS).wings) == wings


def test_ndx_has_five_times_the_points() -> None:
    params = parse(GexParams, over({"selling": SELLING}, DEFAULTS["NDX"]), "gex")
    chain = chain_at(minutes(30), 20_050, pin=20_000, vix=14, step=25)
    assert sold(plan(chain, params).wings) == [("call", 20_100, 20_125)]  # the further of 20,075 and 20,090


def test_without_a_pin_nothing_is_sold() -> None:
    chain = chain_at(minutes(30), 6_000)
    against = chain.rows(~chain.call)
    assert plan(against, PARAMS).wings == ()
    assert otm_plan(against, OtmParams()).wings == ()


def test_the_width_is_that_of_the_first_vix_above() -> None:
    widths = ((15.0, 5.0), (20.0, 10.0))
    assert [width_points(widths, vix) for vix in (14.99, 15, 19.99, 20)] == [5, 10, 10, 0]


def test_far_out_of_the_money_means_so_many_deviations_of_the_time_that_is_left() -> None:
    """2.5 * 6,010 * 14 % * sqrt(6 h of 8,760) = 55.05 points above: 6,065.05, and the next step is 6,070."""
    assert sold(otm_plan(chain_at(minutes(30), 6_010), OtmParams()).wings) == [("call", 6_070, 6_080)]
    assert sold(otm_plan(chain_at(minutes(30), 5_990), OtmParams()).wings) == [("put", 5_935, 5_925)]
    assert otm_plan(chain_at(minutes(30), 6_010, vix=20), OtmParams()).wings == ()
    assert (
        otm_plan(chain_at(minutes(30), 6_010, iv=0.14).rows(chain_at(minutes(30), 6_010).iv > 1), OtmParams()).wings
        == ()
    )


def flat(**more: Any) -> Situation:
    return Situation(ts_event_utc_ns=0, balance_microusd=0, equity_microusd=0, **more)


def source(*chains: Any, kind: Any = GexSource, **params: Any) -> Any:
    opened = kind.open(params, strategy="pin", market=SPX, surroundings=surroundings(ChainTape(chains)))
    opened.warm_up([bar_at(0, 6_000)])
    return opened


def test_after_a_time_of_its_own_it_sells_at_what_is_bid_for_what_it_can_lose() -> None:
    chain = chain_at(minutes(10), 6_010)
    made = source(chain).decide(bar_at(10, 6_010), flat())
    assert isinstance(made, SignalMade)
    short, long = (chain.option(chain.row(f"SPXW260303C0{strike}000") or 0) for strike in (6020, 6030))
    credit = short.bid_points - long.ask_points
    assert (made.side, made.price_ticks) == (-1, round(credit * 20))
    assert made.credit_ticks == round((short.mid_points - long.mid_points) * 20)
    assert made.width_ticks == 200
    assert made.risk_microusd_per_lot == round((10 - credit) * 100e6) + 2 * 1_300_000
    assert made.legs == (Leg(symbol=short.symbol, ratio=1), Leg(symbol=long.symbol, ratio=-1))
    assert (made.notes["pin_points"], made.notes["vix"], made.notes["spot_points"]) == (6_000, 16, 6_010)


def test_between_its_times_it_sells_nothing() -> None:
    seller = source(*(chain_at(minutes(n), 6_010) for n in (10, 15)))
    assert seller.decide(bar_at(10, 6_010), flat()) is not None
    assert seller.decide(bar_at(15, 6_010), flat()) is None
    assert seller.decide(bar_at(15, 6_010), flat()) is None


def test_why_nothing_was_looked_for_is_told_when_it_was_time() -> None:
    seller = source(chain_at(minutes(14), 6_010))
    told = []
    for close_min in (10, 25, 30, 60):
        assert seller.decide(bar_at(close_min, 6_010), flat()) is None
        told.append(seller.why_none)
    assert told == ["no_chain", "", "stale_chain", "stale_chain"]


@pytest.mark.parametrize(
    ("params", "late_min"),
    [
        ({}, 16),
        ({"selling": {"credit_min_frac": 0.9}}, 0),
        ({"selling": {"days_max": 0.01}}, 0),
        ({"vix_max": 16}, 0),
    ],
)
def test_a_stale_chain_too_little_credit_or_nothing_that_settles_soon_sells_nothing(
    params: dict[str, Any], late_min: int
) -> None:
    chain = chain_at(minutes(30 - late_min), 6_010)
    assert source(chain, **params).decide(bar_at(30, 6_010), flat()) is None


def test_a_strike_that_is_not_listed_or_not_bid_sells_nothing() -> None:
    chain = chain_at(minutes(30), 6_010)
    assert source(chain.rows(chain.strike_points != 6_030)).decide(bar_at(30, 6_010), flat()) is None
    assert source(chain_at(minutes(30), 6_010, iv=0.005)).decide(bar_at(30, 6_010), flat()) is None


def held(**more: Any) -> Situation:
    """A call spread of 6,020 and 6,030 that was sold for 2.00."""
    legs = (("SPXW260303C06020000", 1), ("SPXW260303C06030000", -1))
    return flat(**({"side": -1, "lots": 1, "entry_ticks": 40.0, "legs": legs} | more))


def why(seller: Any, after_open: float, spot: float, situation: Situation | None = None) -> str:
    answer = seller.decide(bar_at(after_open, spot), situation or held())
    if answer is None:
        return ""
    assert isinstance(answer, ManageWanted)
    assert answer.manage is Manage.CLOSE
    return answer.why


def test_what_was_sold_is_bought_back_at_target_and_stop() -> None:
    """Far below, the spread costs next to nothing; far above it costs 10."""
    assert why(source(chain_at(minutes(60), 5_960)), 60, 5_960) == "target"
    assert why(source(chain_at(minutes(60), 6_060)), 60, 6_060) == "stop"
    assert why(source(chain_at(minutes(60), 6_013)), 60, 6_013) == ""


def test_part_of_the_best_is_locked_in() -> None:
    seller = source(chain_at(minutes(60), 6_003), chain_at(minutes(65), 6_007), selling={"exits": {"target_frac": 0.9}})
    assert why(seller, 60, 6_003) == ""
    assert why(seller, 65, 6_007) == "lock"


def test_the_best_is_known_after_a_restart_from_the_chains_since() -> None:
    chains = (chain_at(minutes(55), 6_010), chain_at(minutes(60), 6_003), chain_at(minutes(65), 6_007))
    terms = {"selling": {"exits": {"target_frac": 0.9}}}
    again = source(*chains, **terms)
    again.warm_up([bar_at(n, 6_003) for n in (50, 55, 60)])
    assert why(again, 65, 6_007, held(bars_held=2)) == "lock"
    younger = source(*chains, **terms)  # sold after the bar at 60 minutes
    younger.warm_up([bar_at(n, 6_003) for n in (50, 55, 60)])
    assert why(younger, 65, 6_007, held(bars_held=1)) == ""


def test_what_has_ended_is_left_to_settle() -> None:
    assert why(source(), 390, 6_060) == ""


def test_half_an_hour_before_the_close_it_is_left_with_or_without_a_chain() -> None:
    assert why(source(), 355, 6_013) == ""
    assert why(source(), 360, 6_013) == "time"
    assert why(source(chain_at(minutes(360), 6_013)), 360, 6_013) == "time"


def test_what_is_being_left_is_not_left_again() -> None:
    assert why(source(), 375, 6_013, held(leaving=True)) == ""


def test_an_entry_that_does_not_fill_is_taken_back_after_two_bars() -> None:
    seller, working = source(), flat(side=-1)
    assert [why(seller, n, 6_010, working) for n in (15, 20)] == ["", "unfilled"]


def test_far_out_of_the_money_sells_by_the_same_terms() -> None:
    made = source(chain_at(minutes(30), 6_010), kind=OtmSpread).decide(bar_at(30, 6_010), flat())
    assert made is None or isinstance(made, SignalMade)
    cheap = source(chain_at(minutes(30), 6_010), kind=OtmSpread, selling={"credit_min_frac": 0.001}, sd_mult=1.5)
    made = cheap.decide(bar_at(30, 6_010), flat())
    assert [leg.symbol for leg in made.legs] == ["SPXW260303C06045000", "SPXW260303C06055000"]


@pytest.mark.parametrize("kind", [GexSource, OtmSpread])
def test_it_needs_chains_and_a_market_with_spreads(kind: Any) -> None:
    with pytest.raises(ConfigInvalid, match="sees no option chain; name files"):
        kind.open({}, strategy="pin", market=SPX, surroundings=surroundings(None))
    with pytest.raises(ConfigInvalid, match="MNQ has no option spreads"):
        kind.open({}, strategy="pin", market=market("MNQ"), surroundings=surroundings(ChainTape([])))


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"near_points": 20}, "near_points < far_points < pin_max_points must hold"),
        ({"widths": ((20, 10), (15, 5))}, "widths must rise with the VIX"),
        ({"selling": {"entry_times": ("noon",)}}, "'noon' is no time; write it as 09:36"),
        ({"vix": 20}, "vix"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigInvalid, match=error):
        source(**params)


def test_what_a_table_leaves_out_stays_as_it_was() -> None:
    given = over({"selling": SELLING}, {"selling": {"reading": {"rate": 0.05}}})
    reading = parse(GexParams, given, "gex").selling.reading
    assert (reading.rate, reading.days_max) == (0.05, 1.0)


def test_other_surroundings_need_no_chains() -> None:
    assert isinstance(surroundings(None), Surroundings)
