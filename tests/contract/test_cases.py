"""No point is left out of sight: each broker proves it, or says why it is none of its own."""

import ast
from pathlib import Path

from tests.contract import matrix
from tests.contract.cases import CASES
from tests.contract.points import Point

HERE = Path(__file__).parent


def proved() -> set[Point]:
    """The points that some test is marked with."""
    trees = [ast.parse(path.read_text()) for path in HERE.glob("test_*.py")]
    names = {
        node.attr
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Point"
    }
    return {Point[name] for name in names if name in Point.__members__}


def test_a_point_that_no_test_proves_is_lacked_by_every_broker_with_a_reason() -> None:
    for point in set(Point) - proved():
        assert all(case.lacks.get(point) for case in CASES), point


def test_there_are_fourteen_points_and_each_broker_stands_once() -> None:
    assert len(Point) == 14
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_page_shows_what_the_suite_proves() -> None:
    page = (HERE.parents[1] / "docs/brokers.md").read_text(encoding="utf-8")
    shown = page.partition(matrix.BEGIN)[2].partition(matrix.END)[0].strip()
    assert shown == matrix.table(), "put what `python -m tests.contract.matrix` prints on the page"
