import math

import pytest

from gamma.actions import Base, decode, encode
from gamma.errors import InputInvalid
from sizers.encoded_size import EncodedSize
from tests.sizers.sized import facts, in_market, sized

LOTS = [0, 5, 10, 20, 50, 100, 5, 10, 20, 50, 100, 5, 10, 20, 50, 100, 5, 10, 20, 50, 100]


@pytest.mark.parametrize("action", range(21))
def test_each_action_carries_its_size(action: int) -> None:
    found = sized(in_market("KXINX-26", signal={"action": action}), EncodedSize())
    assert found.lots == LOTS[action]
    assert found.steps[0].reason == ("ok" if action else "no_signal")


@pytest.mark.parametrize(
    ("action", "base", "size_index"),
    [
        (0, Base.HOLD, 0),
        (1, Base.BUY_YES, 0),
        (5, Base.BUY_YES, 4),
        (6, Base.SELL_YES, 0),
        (13, Base.BUY_NO, 2),
        (20, Base.SELL_NO, 4),
    ],
)
def test_an_action_is_a_base_and_a_size(action: int, base: Base, size_index: int) -> None:
    assert decode(action) == (base, size_index)


@pytest.mark.parametrize("action", range(21))
def test_encoding_is_the_inverse_of_decoding(action: int) -> None:
    assert encode(*decode(action)) == action


@pytest.mark.parametrize("action", [-1, 21, 1.5, 1_000])
def test_an_action_that_is_none_raises_and_closes(action: float) -> None:
    with pytest.raises(InputInvalid, match=r"must be a whole number of 0\.\.20"):
        decode(action)  # type: ignore[arg-type]
    found = sized(in_market("KXINX-26", signal={"action": action}), EncodedSize())
    assert (found.lots, found.steps[0].reason) == (0, "input_invalid")


@pytest.mark.parametrize(("base", "size_index", "said"), [(5, 0, "base = 5"), (0, 1, "base = 0"), (-1, 0, "base = -1")])
def test_a_base_that_is_none_cannot_be_encoded(base: int, size_index: int, said: str) -> None:
    with pytest.raises(InputInvalid, match=said):
        encode(base, size_index)


@pytest.mark.parametrize("size_index", [-1, 5])
def test_a_size_that_is_none_cannot_be_encoded(size_index: int) -> None:
    with pytest.raises(InputInvalid, match=f"size_index = {size_index}"):
        encode(Base.BUY_YES, size_index)


def test_no_action_closes_as_missing() -> None:
    found = sized(in_market("KXINX-26", signal={"action": math.nan}), EncodedSize())
    assert (found.lots, found.steps[0].reason) == (0, "input_missing")


def test_it_names_the_order() -> None:
    view = in_market("KXINX-26", signal={"action": 9})
    assert facts(view, EncodedSize()) == {"action": 9, "base": "sell_yes", "encoded_lots": 50, "reason": "ok"}
