"""What the daemon asks of every size is what a picker was trained on: the sizer's words beside the broker's."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.size_picker.accounts import terms_of
from models.size_picker.broker import Reading, Terms, lots_allowed, ruin_frac
from sizers.floor_picker import FloorPicker
from sizers.size_picker import SizePicker
from tests.picker.gold import SHA256, gold_view
from tests.sizers.sized import in_market

SAYS: dict[Reading, Literal["equity", "margin"]] = {"A": "equity", "B": "margin"}


@given(st.floats(10, 50_000), st.floats(300, 6_000), st.sampled_from([-1, 1]), st.sampled_from(["A", "B"]))
@example(200.0, 2_000.0, 1, "A")
@example(450.0, 2_000.0, 1, "B")
@example(449.99, 2_000.0, -1, "A")
def test_every_size_is_asked_as_the_broker_would_have_it(
    equity_usd: float, price_usd: float, side: int, reading: Reading
) -> None:
    equity_usd, price_usd = round(equity_usd, 2), round(price_usd, 2)
    terms = Terms(reading=reading)
    sizer = SizePicker(checkpoint="gold", sha256=SHA256, liquidation=SAYS[reading])
    sizes = sizer.sizes(gold_view(equity_usd, price_usd, side))
    assert sizes.side == side
    np.testing.assert_array_equal(sizes.lots, np.arange(31))
    np.testing.assert_allclose(sizes.leverage, terms.ounces * price_usd / equity_usd, rtol=1e-9)
    allowed = np.arange(31) <= lots_allowed(equity_usd, price_usd, terms)
    # A margin is kept to a millionth of a usd: at the very edge of what it bears the two may differ by that.
    edge = np.abs(terms.ounces * price_usd / terms.leverage - equity_usd) < 1e-4
    np.testing.assert_array_equal(np.asarray(sizes.allowed)[~edge], allowed[~edge])
    told, said = np.asarray(sizes.ruin_frac)[allowed], ruin_frac(equity_usd, price_usd, terms)[allowed]
    assert told[0] == said[0] == np.inf
    np.testing.assert_allclose(told[1:], said[1:], rtol=1e-7)


@pytest.mark.parametrize(("equity_usd", "lots"), [(200.0, 13), (450.0, 30), (449.99, 29), (14.99, 0), (15.0, 1)])
def test_leverage_allows_the_same_lots_at_its_exact_edges(equity_usd: float, lots: int) -> None:
    allowed = SizePicker(checkpoint="gold", sha256=SHA256).sizes(gold_view(equity_usd)).allowed
    assert np.flatnonzero(allowed)[-1] == lots == lots_allowed(equity_usd, 2_000.0, Terms())


def test_a_floor_is_asked_as_the_broker_of_a_floor_has_it() -> None:
    view = in_market("MNQ", account={"equity_usd": 51_000.0, "balance_usd": 51_000.0, "floor_usd": 49_500.0})
    sizes = FloorPicker(checkpoint="index", sha256=SHA256).sizes(view)
    lots = np.asarray(sizes.lots, dtype=np.int64)
    terms = terms_of("MNQ", {})
    said = ruin_frac(51_000.0, view.market.price_points, terms, 49_500.0)[lots]
    assert view.account.room_usd == 1_500.0
    np.testing.assert_allclose(sizes.leverage, terms.ounces[lots] * view.market.price_points / 51_000.0, rtol=1e-9)
    assert lots_allowed(51_000.0, view.market.price_points, terms) == terms.lots_max >= lots[-1]
    np.testing.assert_allclose(sizes.ruin_frac, said, rtol=1e-7)
