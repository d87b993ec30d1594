"""Answers of Tradier's that went wrong on their way; `python -m tests.brokers.fuzz N` tries more of them."""

import pytest

from tests.brokers.fuzz import fuzz


@pytest.mark.parametrize("seed", range(3))
def test_a_mutated_answer_gives_a_typed_error_or_what_it_plainly_says(seed: int) -> None:
    kinds, wrong = fuzz(seed, 1_500)
    assert wrong == []
    assert {"Transient", "Lost", "Rejected", "Accepted", "Found", "read"} <= set(kinds)
