import math

import pytest

from gamma.errors import InputInvalid
from gamma.whatif import Stakes, curve, log_growth

FAIR = (1.0, -1.0)
WINNER = (1.0, 1.0, 1.0, -1.0, -1.0)


def ruin(p: float, room: int, trades: int) -> float:
    """P(a walk of steps +1 with p, else -1, is `room` below its start within `trades`), by summing over states."""
    alive, ruined = {0: 1.0}, 0.0
    for _ in range(trades):
        after: dict[int, float] = {}
        for at, mass in alive.items():
            after[at + 1] = after.get(at + 1, 0.0) + mass * p
            if at - 1 <= -room:
                ruined += mass * (1 - p)
            else:
                after[at - 1] = after.get(at - 1, 0.0) + mass * (1 - p)
        alive = after
    return ruined


@pytest.mark.parametrize(("record", "p"), [(FAIR, 0.5), (WINNER, 0.6)])
@pytest.mark.parametrize("room", [1, 3, 10])
def test_the_chance_of_touching_the_floor_is_the_gamblers_ruin(record: tuple[float, ...], p: float, room: int) -> None:
    stakes = Stakes(equity_usd=100.0, floor_usd=100.0 - room, risk_usd_per_lot=1.0, pnl_usd_per_lot=record)
    point = curve(stakes, 1, paths=20_000)[1]
    # Four standard deviations of a share of 20,000 paths.
    assert point.touch_prob == pytest.approx(ruin(p, room, 100), abs=4 * math.sqrt(0.25 / 20_000))


def test_the_gamblers_ruin_of_the_test_agrees_with_its_closed_form() -> None:
    # With no horizon P(ruin) = (q/p)^room = (2/3)^3 = 8/27; 2,000 trades leave nothing of it out.
    assert ruin(0.6, 3, 2_000) == pytest.approx(8 / 27, abs=1e-9)


def test_no_lots_risk_nothing() -> None:
    point = curve(Stakes(equity_usd=100.0, floor_usd=90.0, risk_usd_per_lot=1.0, pnl_usd_per_lot=FAIR), 3)[0]
    assert (point.worst_loss_usd, point.touch_prob, point.log_growth) == (0.0, 0.0, 0.0)


def test_no_lots_risk_nothing_even_where_the_risk_is_unknown() -> None:
    first, second = curve(Stakes(equity_usd=100.0, floor_usd=90.0, risk_usd_per_lot=math.nan), 1)
    assert first.worst_loss_usd == 0.0
    assert math.isnan(second.worst_loss_usd)


def test_a_larger_size_never_looks_safer() -> None:
    stakes = Stakes(equity_usd=2_500.0, floor_usd=2_000.0, risk_usd_per_lot=50.0, pnl_usd_per_lot=(60, -50, 20, -45))
    chances = [p.touch_prob for p in curve(stakes, 12)]
    assert chances == sorted(chances, key=lambda c: c or 0.0)
    assert chances[-1] is not None
    assert chances[-1] > 0


def test_an_account_at_its_floor_has_touched_it() -> None:
    stakes = Stakes(equity_usd=100.0, floor_usd=100.0, risk_usd_per_lot=1.0, pnl_usd_per_lot=FAIR)
    assert [p.touch_prob for p in curve(stakes, 2)] == [1.0, 1.0, 1.0]


def test_the_same_case_gives_the_same_curve() -> None:
    stakes = Stakes(equity_usd=100.0, floor_usd=95.0, risk_usd_per_lot=1.0, pnl_usd_per_lot=WINNER)
    assert curve(stakes, 5) == curve(stakes, 5)


def test_without_a_record_only_the_worst_loss_is_known() -> None:
    point = curve(Stakes(equity_usd=100.0, floor_usd=0.0, risk_usd_per_lot=12.5), 2)[2]
    assert (point.worst_loss_usd, point.touch_prob, point.log_growth) == (25.0, None, None)


def test_growth_is_that_of_the_kelly_bet() -> None:
    # Even money at p = 0.6: Kelly's f = 0.2 grows by 0.0201355 a bet, and at 0.389391 growth is zero again.
    assert log_growth(WINNER, 0.2) == pytest.approx(0.0201355, abs=5e-8)
    assert log_growth(WINNER, 0.389391) == pytest.approx(0.0, abs=1e-6)


def test_a_trade_that_can_lose_everything_has_no_growth() -> None:
    stakes = Stakes(equity_usd=2.0, floor_usd=0.0, risk_usd_per_lot=1.0, pnl_usd_per_lot=WINNER)
    assert curve(stakes, 2)[2].log_growth == -math.inf


@pytest.mark.parametrize("equity_usd", [0.0, -1.0, math.nan, math.inf])
def test_an_account_without_equity_is_refused(equity_usd: float) -> None:
    with pytest.raises(InputInvalid, match="equity"):
        curve(Stakes(equity_usd=equity_usd, floor_usd=0.0, risk_usd_per_lot=1.0), 1)
