"""Messages of TWS that went wrong on their way; `python -m tests.brokers.fuzz_ibkr` puts more of them."""

import pytest

from tests.brokers.fuzz_ibkr import fuzz


@pytest.mark.slow
def test_a_message_that_went_wrong_is_never_taken_for_more_than_it_says() -> None:
    kinds, wrong = fuzz(7, 300)
    assert not wrong
    assert {"Accepted", "Lost", "Transient", "read"} <= set(kinds)
