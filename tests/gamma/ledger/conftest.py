"""A ledger file of its own for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gamma.ledger import Ledger

Open = Callable[[], Ledger]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where this test's ledger lies."""
    return f"sqlite:///{tmp_path}/gamma.db"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An open ledger."""
    held = Ledger.open(url, account="DU1234", mode="paper", clock_ns=lambda: 1_700_000_000_000_000_000)
    yield held
    held.close()
