"""Laws of the sizers that ask a size picker, through the whole way from the view over the picker to the lots."""

from dataclasses import replace
from typing import Final

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gamma.codec import decode, encode
from gamma.curves import By
from gamma.picks import Asking
from gamma.sizing import chain_lots, size
from gamma.views import View
from sizers.floor_picker import FloorPicker
from sizers.size_picker import SizePicker
from tests.picker.gold import SHA256, gold_view, picking_of

EQUITY: Final = st.floats(10.0, 20_000.0)
VOL: Final = st.floats(0.002, 0.5)
MEAN: Final = st.floats(-0.01, 0.05)
LIMIT: Final = st.sampled_from([0.001, 0.01, 0.05, 0.10])
BY: Final = st.sampled_from(["growth", "return", "size"])


def sizers(ruin_max: float, by: By) -> list[Asking]:
    common = {"checkpoint": "oracle", "sha256": SHA256, "ruin_max": ruin_max, "by": by}
    return [
        SizePicker.model_validate(common),
        SizePicker.model_validate(common | {"liquidation": "margin"}),
        FloorPicker.model_validate(common),
    ]


def judged(equity_usd: float, sizer: Asking, vol_frac: float, mean_frac: float) -> View:
    """Gold at 2,000 by an account of so much, a tenth of which is above its floor."""
    view = gold_view(equity_usd, account={"floor_usd": 0.9 * equity_usd})
    return replace(view, curve=picking_of(sizer, vol_frac=vol_frac, mean_frac=mean_frac).curve(view))


@given(equity=EQUITY, vol=VOL, mean=MEAN, ruin_max=LIMIT, by=BY)
def test_no_size_is_above_the_limit_or_beyond_margin(
    equity: float, vol: float, mean: float, ruin_max: float, by: By
) -> None:
    for sizer in sizers(ruin_max, by):
        view = judged(equity, sizer, vol, mean)
        lots = int(chain_lots([sizer], view))
        assert view.curve is not None
        assert 0 <= lots <= 30
        assert lots == 0 or view.curve.ruin_prob[lots] <= ruin_max
        assert lots * view.market.margin_usd_per_lot <= equity * (1 + 1e-9)


@given(equity=EQUITY, more=st.floats(0.0, 20_000.0), vol=VOL, mean=MEAN, rule=st.tuples(LIMIT, BY))
def test_where_growth_has_one_peak_more_equity_never_means_fewer_lots(
    equity: float, more: float, vol: float, mean: float, rule: tuple[float, By]
) -> None:
    for sizer in sizers(*rule):
        poorer, richer = (chain_lots([sizer], judged(usd, sizer, vol, mean)) for usd in (equity, equity + more))
        assert richer >= poorer, sizer.ruin


@given(equity=EQUITY, vol=VOL, mean=MEAN, limits=st.lists(LIMIT, min_size=2, max_size=2), by=BY)
def test_a_looser_limit_never_means_fewer_lots(
    equity: float, vol: float, mean: float, limits: list[float], by: By
) -> None:
    low, high = sorted(limits)
    for tight, loose in zip(sizers(low, by), sizers(high, by), strict=True):
        lots = [chain_lots([one], judged(equity, one, vol, mean)) for one in (tight, loose)]
        assert lots[0] <= lots[1], tight.ruin


@given(equity=EQUITY, vol=VOL, mean=MEAN, ruin_max=LIMIT, by=BY)
def test_of_the_recorded_view_it_is_decided_again_bit_for_bit(
    equity: float, vol: float, mean: float, ruin_max: float, by: By
) -> None:
    for sizer in sizers(ruin_max, by):
        view = judged(equity, sizer, vol, mean)
        again = decode(View, encode(view))
        chain = [("picker", sizer)]
        assert [encode(step) for step in size(chain, again).steps] == [encode(s) for s in size(chain, view).steps]
        assert size(chain, again).lots == size(chain, view).lots


@given(equity=EQUITY, less=st.floats(0.0, 5_000.0), vol=VOL, mean=MEAN)
def test_what_was_judged_with_more_equity_is_no_answer(equity: float, less: float, vol: float, mean: float) -> None:
    for sizer in sizers(0.10, "growth"):
        view = judged(equity, sizer, vol, mean)
        poorer = replace(view, account=replace(view.account, equity_usd=np.nextafter(equity - less, 0.0)))
        assert chain_lots([sizer], poorer) == 0
