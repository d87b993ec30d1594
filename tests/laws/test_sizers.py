"""Laws of every installed sizer, ours and strangers'; `--sizer NAME` holds one of them alone to the laws."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any, Final

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import models.pytrees
from gamma.numeric import tolerance
from gamma.reasons import Reason
from gamma.sizing import Sizer, chain_lots, size
from gamma.views import View
from sizers.fixed import Fixed
from tests.laws.views import enriched, numbers, views, with_number

# A NaN that says something: an order at the market has no limit.
MEANT: Final = {"signal.price_points"}
# Parameters beside the defaults that are held to the laws too.
FURTHER: Final[Mapping[str, list[dict[str, Any]]]] = {
    "half_kelly": [{"min_lots": 0, "max_lots": 1_000, "on_no_edge": "stand_aside"}],
    "atr_risk": [{"drawdown_scale": {}, "include_costs": False}],
    "contract_cap": [{"family_minis_max": 5.0, "markets": {"ANY": 3}}, {"family_minis_max": 5.0}],
    "liquidity_cap": [{"volume_in": "usd"}, {"depth_frac": 0, "assumed_price_points": 50.0}],
    "bayes_kelly": [{"quantile": None}],
    "bounded_kelly": [{"tail_prob": 0.0, "block_trades": 1}],
    "size_picker": [{"by": "return", "ruin_max": 0.01}, {"liquidation": "margin"}],
    "floor_picker": [{"by": "size"}],
}
ODD: Final = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e6])
BATCH: Final = 6


def _built(name: str, kind: Any) -> Iterator[tuple[str, Sizer]]:
    example = dict(getattr(kind, "example", {}))
    if "require_floor" in getattr(kind, "model_fields", {}):
        example["require_floor"] = True  # a floor that is not known is else no floor at all
    for index, params in enumerate([{}, *FURTHER.get(name, [])]):
        yield f"{name} {index}" if index else name, kind(**example, **params)


@pytest.fixture(scope="session")
def sizers(request: pytest.FixtureRequest) -> dict[str, Sizer]:
    """Every installed sizer, or the one that was asked for."""
    wanted = request.config.getoption("--sizer")
    found = [e for e in sorted(entry_points(group="gamma.sizers")) if wanted in ("", e.name)]
    assert found, f"no sizer {wanted!r} is installed"
    return {name: sizer for entry in found for name, sizer in _built(entry.name, entry.load())}


@given(view=views(), incoming=st.integers(1, 1_000))
def test_in_a_chain_it_is_within_nothing_and_what_came_in(sizers: dict[str, Sizer], view: View, incoming: int) -> None:
    for name, sizer in sizers.items():
        alone, after = chain_lots([sizer], view), chain_lots([Fixed(lots=incoming), sizer], view)
        assert alone == math.floor(alone) >= 0, name
        assert after == math.floor(after) >= 0, name
        assert after <= incoming, name


@given(view=views())
def test_its_answer_is_the_views_alone_and_explained(sizers: dict[str, Sizer], view: View) -> None:
    for name, sizer in sizers.items():
        found = size([(name, sizer)], view)
        assert found.fault == "", name
        assert repr(size([(name, sizer)], view)) == repr(found), name
        assert found.lots == chain_lots([sizer], view) or found.invalid, name
        step = found.steps[0]
        assert step.reason in list(Reason), name
        assert all(isinstance(value, float | int | str) for value in step.facts.values()), name
        assert step.lots_after > 0 or step.reason != Reason.OK, name


@given(view=views(), by_usd=st.integers(1, 100_000))
def test_more_equity_never_means_fewer_lots(sizers: dict[str, Sizer], view: View, by_usd: int) -> None:
    for name, sizer in sizers.items():
        assert chain_lots([sizer], enriched(view, by_usd)) >= chain_lots([sizer], view), name


@given(view=views(), by_usd=st.integers(1, 10_000))
def test_more_room_never_means_fewer_lots(sizers: dict[str, Sizer], view: View, by_usd: int) -> None:
    roomier = replace(view, account=replace(view.account, floor_usd=view.account.floor_usd - by_usd))
    for name, sizer in sizers.items():
        assert chain_lots([sizer], roomier) >= chain_lots([sizer], view), name


@given(view=views(), data=st.data())
def test_a_number_that_is_unknown_closes_or_was_not_looked_at(
    sizers: dict[str, Sizer], view: View, data: st.DataObject
) -> None:
    for path in data.draw(st.lists(st.sampled_from(sorted(set(numbers(view)) - MEANT)), max_size=8, unique=True)):
        unknown = with_number(view, path, math.nan)
        for name, sizer in sizers.items():
            chain = [Fixed(lots=1_000), sizer]
            assert chain_lots(chain, unknown) in (0, chain_lots(chain, view)), f"{name}: {path}"


@given(view=views(), data=st.data())
def test_whatever_the_numbers_it_neither_faults_nor_gives_more_than_a_size(
    sizers: dict[str, Sizer], view: View, data: st.DataObject
) -> None:
    odd = view
    for path in data.draw(st.lists(st.sampled_from(sorted(numbers(view))), min_size=1, max_size=5, unique=True)):
        odd = with_number(odd, path, data.draw(ODD))
    for name, sizer in sizers.items():
        found = size([(name, sizer)], odd)
        assert found.fault == "", name
        assert 0 <= found.lots < math.inf, name


@given(view=views())
def test_what_it_proposes_stays_within_its_budget(sizers: dict[str, Sizer], view: View) -> None:
    for name, sizer in sizers.items():
        found = size([(name, sizer)], view)
        facts = found.steps[0].facts
        if "budget_usd" not in facts or facts.get("bootstrap") or found.lots <= getattr(sizer, "min_lots", 0):
            continue
        budget, risk = float(facts["budget_usd"]), float(facts["risk_usd_per_lot"])
        assert found.lots * risk <= budget + tolerance(budget) * (budget + risk), name


@given(view=views())
def test_all_lots_at_the_stop_with_costs_lose_no_more_than_the_rules_allow(
    sizers: dict[str, Sizer], view: View
) -> None:
    if "atr_risk" in sizers:
        lots = chain_lots([sizers["atr_risk"]], view)
        multiplier = view.market.multiplier_usd_per_point
        stop_points = min(1.5 * view.market.atr_points, 500.0 / multiplier)
        loss_usd = lots * (stop_points * multiplier + view.market.cost_usd_per_lot)
        allowed_usd = min(0.01 * view.account.balance_usd, 500.0, 0.9 * max(view.account.room_usd, 0.0))
        assert loss_usd <= allowed_usd * (1 + 2e-9) + 1e-6


@pytest.fixture(scope="module")  # 64 bits are for these tests alone
def traced(sizers: dict[str, Sizer]) -> Iterator[dict[str, Any]]:
    """Every sizer compiled, once over a batch by mapping and once by its own batch axis."""
    assert models.pytrees.PARTS

    def compiled(sizer: Sizer) -> Any:
        def lots(batch: View) -> Any:
            return jax.vmap(lambda view: chain_lots([sizer], view))(batch), chain_lots([sizer], batch)

        return jax.jit(lots)

    with jax.enable_x64(True):
        yield {name: compiled(sizer) for name, sizer in sizers.items()}


@settings(max_examples=max(settings.default.max_examples // 2, 1) if settings.default else 25)
@given(rows=st.lists(views(), min_size=BATCH, max_size=BATCH))
def test_live_and_traced_it_gives_the_same_lots(
    sizers: dict[str, Sizer], traced: dict[str, Any], rows: list[View]
) -> None:
    for name, sizer in sizers.items():
        # Text is static under tracing: all rows of a batch have the same.
        alike = [_texts(row, ruin=getattr(sizer, "ruin", "")) for row in rows]
        batch = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *alike)
        live = [chain_lots([sizer], row) for row in alike]
        mapped, batched = traced[name](batch)
        assert np.broadcast_to(mapped, BATCH).tolist() == live, name
        assert np.broadcast_to(batched, BATCH).tolist() == live, name


def _texts(view: View, ruin: str) -> View:
    assert view.curve is not None
    return replace(view, market=replace(view.market, family=""), curve=replace(view.curve, ruin=ruin))
