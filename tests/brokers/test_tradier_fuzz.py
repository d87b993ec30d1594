"""Answers of Tradier's that went wrong on their way; `python -m tests.brokers.fuzz N` tries more of them."""

from tests.brokers.fuzz import fuzz


def test_a_mutated_answer_gives_a_typed_error_or_what_it_plainly_says() -> None:
    kinds, wrong = fuzz(1, 6_000)
    assert wrong == []
    assert {"Transient", "ConfigInvalid", "Lost", "Rejected", "Accepted", "Found", "read"} <= set(kinds)
