from collections.abc import Iterator
from pathlib import Path

import pytest

from gamma import plugins
from tests.picker import oracle


@pytest.fixture
def oracles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that checkpoints of the oracle go into, which is installed."""
    site = tmp_path / "site"
    site.mkdir()
    oracle.install(site)
    monkeypatch.syspath_prepend(site)
    plugins.find.cache_clear()
    yield tmp_path / "models"
    plugins.find.cache_clear()
