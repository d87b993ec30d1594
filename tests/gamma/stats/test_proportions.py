import pytest
from scipy import stats

from gamma.errors import InputInvalid
from gamma.stats.proportions import clopper_pearson


@pytest.mark.parametrize(
    ("count", "of"), [(0, 1), (0, 50), (1, 1), (3, 10), (5, 1_000), (100, 1_000), (9_999, 10_000), (20_000, 200_000)]
)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_interval_of_a_share_is_scipys(count: int, of: int, level: float) -> None:
    due = stats.binomtest(count, of).proportion_ci(confidence_level=level, method="exact")
    assert clopper_pearson(count, of, level) == pytest.approx((due.low, due.high), rel=1e-8, abs=1e-12)


def test_a_fraction_of_a_count_has_the_quantiles_of_its_beta_distribution() -> None:
    low, high = clopper_pearson(2.5, 80.25)
    assert low == pytest.approx(stats.beta.ppf(0.025, 2.5, 78.75), rel=1e-8)
    assert high == pytest.approx(stats.beta.ppf(0.975, 3.5, 77.75), rel=1e-8)


def test_none_of_no_tries_may_be_any_share() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("count", "of"), [(-1, 10), (11, 10), (float("nan"), 10), (1, float("nan"))])
def test_what_is_no_share_is_refused(count: float, of: float) -> None:
    with pytest.raises(InputInvalid, match="is no share"):
        clopper_pearson(count, of)
