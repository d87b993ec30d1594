"""Each test of the suite belongs to a point, and runs for each broker to which the point applies."""

from pathlib import Path

import pytest

from tests.contract.cases import CASES
from tests.contract.points import Point
from tests.contract.rig import Case, Rig, Trader, WireRig


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    """A broker; a point that does not apply to it is skipped, and the report says why."""
    case: Case = request.param
    marker = request.node.get_closest_marker("point")
    assert marker is not None, "which of the points does this test prove?"
    point = Point(marker.args[0])
    if point in case.lacks:
        pytest.skip(f"{case.name}: {case.lacks[point]}")
    return case.open(tmp_path)


@pytest.fixture
def wired(rig: Rig) -> WireRig:
    """A broker that is spoken to over HTTP; what only such a one can do is no point of the others."""
    if not isinstance(rig, WireRig):
        pytest.skip("nothing is sent over HTTP")
    return rig


@pytest.fixture
def trader(rig: Rig) -> Trader:
    """Who trades there."""
    return Trader(rig)
