"""The inspector looks after every fact, and tells of what is wrong once."""

from dataclasses import replace

from gamma.chaos.simulation.inspector import Inspector
from tests.engine_case import Case


def test_a_book_in_which_something_does_not_hold_is_told_once() -> None:
    case, told = Case(), list[str]()
    case.enter()
    inspector = Inspector(told.append)
    inspector.recorded(case.facts[-1], case.book)
    assert told == []
    for _ in range(2):
        inspector.recorded(case.facts[-1], replace(case.book, executions=("x1", "x1")))
    assert told == ["I3: execution x1 was booked twice"]
