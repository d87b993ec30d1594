import pytest
from pydantic import ValidationError

from sizers.fixed import Fixed
from tests.sizers.sized import facts, sized
from tests.views_example import example_view


def test_it_proposes_the_same_lots_whatever_it_sees() -> None:
    assert sized(example_view(), Fixed(lots=4)).lots == 4
    assert sized(example_view(account={"equity_usd": float("nan")}), Fixed(lots=4)).lots == 4


def test_it_says_how_many() -> None:
    assert facts(example_view(), Fixed(lots=4)) == {"fixed_lots": 4, "reason": "ok"}


def test_after_another_it_only_caps() -> None:
    assert sized(example_view(), Fixed(lots=2), Fixed(lots=5)).lots == 2


@pytest.mark.parametrize("lots", [0, -1])
def test_less_than_one_lot_is_no_configuration(lots: int) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Fixed(lots=lots)
