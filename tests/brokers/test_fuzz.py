"""Answers of brokers that went wrong on their way; `python -m tests.brokers.fuzz NAME N` tries more of them."""

import os

import pytest

from tests.brokers.fuzz import BROKERS, fuzz

# How many answers of each broker.
ANSWERS = int(os.environ.get("GAMMA_FUZZ", "1500"))


@pytest.mark.parametrize("broker", BROKERS)
def test_a_mutated_answer_gives_a_typed_error_or_what_it_plainly_says(broker: str) -> None:
    kinds, wrong = fuzz(broker, 1, ANSWERS)
    assert wrong == []
    assert {"Transient", "Lost", "Rejected", "Accepted", "Found", "read"} <= set(kinds)
