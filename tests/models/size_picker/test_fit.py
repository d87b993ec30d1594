from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gamma.errors import InputInvalid
from gamma.feeds.series import Series
from gamma.ports import FitOrder, Fitted, MarketFit
from models.size_picker import fit, market
from models.size_picker.fit import GoldFit, clusters, fitted
from models.size_picker.market import MarketShape, shape_of
from models.size_picker.measures import LAGS, Measures, measured
from models.size_picker.simulator import simulate
from tests.models.size_picker.market_case import hours


@pytest.fixture(scope="module")
def known() -> tuple[MarketShape, Measures]:
    """A market with numbers of its own, and ten years of it measured."""
    shape = replace(
        shape_of(), vol_frac=0.003, cluster_sd=(0.3, 0.3, 0.2), cluster_kept=(0.7, 0.97, 0.998), tail=6.0,
        jump_prob=0.0, reach=1.1, drift_vols=0.0, gap_vols=(0.1, 0.5, 1.5), gap_tail=4.0,
    )  # fmt: skip
    return shape, measured(simulate(shape, np.random.default_rng(7), 520, np.array([2_000.0]))[0])


def few(patch: pytest.MonkeyPatch, markets: int) -> None:
    patch.setattr(fit, "MARKETS", markets)
    patch.setattr(fit, "ROUNDS", 1)
    patch.setattr(fit, "DRAWS", 40_000)


@pytest.mark.slow
def test_a_fit_finds_again_what_its_own_simulator_drew_with(
    known: tuple[MarketShape, Measures], monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 12)
    shape, real = known
    found = fitted(real)
    assert found.vol_frac == pytest.approx(shape.vol_frac, rel=0.15)
    np.testing.assert_allclose(found.hours, shape.hours, rtol=0.25)
    assert np.linalg.norm(found.cluster_sd) == pytest.approx(np.linalg.norm(shape.cluster_sd), rel=0.3)
    assert 4 <= found.tail <= 10
    assert found.jump_prob * found.jump_vols**2 < 0.05
    assert found.reach == pytest.approx(1.1, abs=0.05)
    np.testing.assert_allclose(found.gap_vols, shape.gap_vols, rtol=0.3)


def test_a_sum_of_autoregressions_is_taken_apart() -> None:
    lags = np.array(LAGS)
    sizes, kept = clusters(0.09 * 0.5 ** (lags / 3.0) + 0.04 * 0.5 ** (lags / 48.0) + 0.16 * 0.5 ** (lags / 760.0))
    np.testing.assert_allclose(sizes, [0.3, 0.2, 0.4], rtol=1e-6)
    np.testing.assert_allclose(np.log(0.5) / np.log(kept), [3.0, 48.0, 760.0], rtol=1e-6)


def test_a_market_that_does_not_cluster_has_no_clusters() -> None:
    sizes, _ = clusters(np.full(len(LAGS), -0.1))
    assert sizes == [0.0, 0.0, 0.0]


@pytest.mark.slow
def test_a_fit_writes_what_the_simulator_reads_and_says_how_well_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few(monkeypatch, 2)
    fitter: MarketFit = GoldFit()
    out, picture = tmp_path / "gold.toml", tmp_path / "fit.png"
    bars = hours(weeks=60)[0]
    told = list(fitter.fit(FitOrder(bars=(bars,), sources=("hours.csv",), out=out, picture=picture)))[-1]
    assert isinstance(told, Fitted)
    assert market.shape_of(out).vol_frac == pytest.approx(told.shape["vol_frac"], rel=1e-5)
    assert all(np.isfinite([row.real, row.low, row.simulated, row.high]).all() for row in told.rows)
    assert 'sources = ["hours.csv"]' in out.read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("bars", "out", "picture", "said"),
    [
        (hours(weeks=12)[0], "a.toml", None, "1,380 bars of 3600 s: a fit needs 5,000"),
        (hours(weeks=12)[0], "a.json", None, "--out .*a.json: write a name that ends with .toml"),
        (hours(weeks=12)[0], "a.toml", "a.svg", "--picture .*a.svg: write a name that ends with .png"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_name(
    tmp_path: Path, bars: Series, out: str, picture: str | None, said: str
) -> None:
    order = FitOrder(bars=(bars,), sources=("x",), out=tmp_path / out, picture=tmp_path / picture if picture else None)
    with pytest.raises(InputInvalid, match=said):
        list(GoldFit().fit(order))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_market_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "gold.toml"
    path.write_text("[market]\nvol_frac = 1.0\n")
    with pytest.raises(InputInvalid, match="is no market's shape"):
        market.shape_of(path)
