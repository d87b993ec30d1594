"""What event contracts an amount pays for, to the cent, in numbers of 64 and of 32 bits."""

import numpy as np
import pytest

from gamma.markets import event_fee_cents
from gamma.worth import affordable_contracts


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_can_just_be_paid_is_affordable_and_one_cent_less_is_not(dtype: type[np.floating]) -> None:
    pairs = [(lots, price) for lots in (5, 10, 20, 50, 100) for price in range(1, 100)]
    cents = np.array([lots * price + event_fee_cents(lots, price) for lots, price in pairs])
    lots, prices = (np.array(row, dtype) for row in zip(*pairs, strict=True))
    assert (affordable_contracts(cents.astype(dtype) / dtype(100), prices) >= lots).all()
    assert (affordable_contracts((cents - 1).astype(dtype) / dtype(100), prices) < lots).all()


def test_what_is_left_of_an_account_is_as_much_in_32_bits_as_the_cents_that_it_is() -> None:
    cash = np.arange(5_000, 200_000)
    spend = (cash.astype(np.float32) / np.float32(100)) - np.float32(50)
    exact = affordable_contracts((cash - 5_000) / 100.0, 2.0)
    assert (affordable_contracts(spend, np.float32(2)) == exact)[exact <= 100].all()


def test_nothing_can_be_bought_for_nothing_or_for_all_that_it_pays() -> None:
    assert affordable_contracts(100.0, 0.0) == affordable_contracts(100.0, 100.0) == 0.0
    assert np.isnan(affordable_contracts(float("nan"), 50.0))
