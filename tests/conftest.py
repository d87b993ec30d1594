"""What all tests share.

How hard the property tests look: `ci` by default, `deep` by HYPOTHESIS_PROFILE=deep.
"""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import settings

if TYPE_CHECKING:
    from tests.stand import Stand

settings.register_profile("ci", max_examples=50, deadline=None)
settings.register_profile("deep", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the author of a sizer hold it alone to the laws: pytest tests/laws/test_sizers.py --sizer NAME."""
    parser.addoption("--sizer", default="", help="hold only this installed sizer to the laws of sizers")


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A test that sets the log up writes to a stream that is closed when it ends."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    for handler in [h for h in root.handlers if h.get_name() == "gamma"]:
        root.removeHandler(handler)


@pytest.fixture
def make_stand(tmp_path: Path) -> "Iterator[Callable[..., Stand]]":
    """Make an account on real parts in this test's own folder; what it holds open is let go afterwards."""
    from tests.stand import Stand

    made: list[Stand] = []

    def make(**options: Any) -> Stand:
        made.append(Stand(tmp_path, **options))
        return made[-1]

    yield make
    for stand in made:
        stand.crash()
