"""What all tests share.

How hard the property tests look: `ci` by default, `deep` by HYPOTHESIS_PROFILE=deep.
"""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

settings.register_profile("ci", max_examples=50, deadline=None)
settings.register_profile("deep", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _log_of_its_own() -> Iterator[None]:
    """A test that sets the log up writes to a stream that is closed when it ends."""
    yield
    structlog.reset_defaults()
