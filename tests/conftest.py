"""What all tests share.

How hard the property tests look: `ci` by default, `deep` by HYPOTHESIS_PROFILE=deep.

Tests of PostgreSQL start a server of their own, if its programs are installed, and are skipped if not; with
GAMMA_NEED_POSTGRESQL set they fail then. GAMMA_TEST_POSTGRESQL=postgresql+psycopg://user@host/postgres names
a server on which databases may be made, to be used instead.
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
    from sqlalchemy import URL

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


@pytest.fixture(scope="session")
def server() -> "Iterator[URL]":
    """A PostgreSQL server on which databases may be made."""
    from sqlalchemy import make_url

    from gamma.chaos.races import postgresql

    if named := os.environ.get("GAMMA_TEST_POSTGRESQL"):
        yield make_url(named)
        return
    programs = postgresql.binaries()
    if programs is None:
        need = "PostgreSQL's programs are not installed (Debian: apt install postgresql)"
        if os.environ.get("GAMMA_NEED_POSTGRESQL"):
            pytest.fail(need)
        pytest.skip(need)
    with postgresql.serving(programs) as started:
        yield started.url
