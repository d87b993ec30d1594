"""A ledger of its own for each test: a SQLite file, and where a server is named, a database of PostgreSQL's too.

GAMMA_TEST_POSTGRESQL=postgresql+psycopg://user@host/postgres names a server on which databases may be made.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from gamma.ledger import Ledger
from tests.gamma.ledger.facts import T0

SERVER = os.environ.get("GAMMA_TEST_POSTGRESQL", "")
_numbers = itertools.count()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """Where this test's file lies."""
    return f"sqlite:///{tmp_path}/gamma.db"


@pytest.fixture(params=["sqlite", "postgresql"] if SERVER else ["sqlite"])
def url(request: pytest.FixtureRequest, file_url: str) -> Iterator[str]:
    """Where this test's ledger lies, on each database in turn."""
    if request.param == "sqlite":
        yield file_url
        return
    name = f"gamma_test_{os.getpid()}_{next(_numbers)}"
    server = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as db:
        db.exec_driver_sql(f"CREATE DATABASE {name}")
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
        db.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


def _held(url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(url, account="DU1234", mode="paper", clock_ns=lambda: T0)
    yield ledger
    ledger.close()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """An open ledger."""
    yield from _held(url)


@pytest.fixture
def file_ledger(file_url: str) -> Iterator[Ledger]:
    """An open ledger in a SQLite file."""
    yield from _held(file_url)
