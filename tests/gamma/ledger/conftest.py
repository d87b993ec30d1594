"""A ledger of its own for each test: a SQLite file, and then a database of PostgreSQL's."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from gamma.chaos.races.postgresql import database
from gamma.ledger import Ledger, upgrade
from tests.gamma.ledger.facts import T0

_numbers = itertools.count()


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    """Where this test's file lies."""
    return f"sqlite:///{tmp_path}/gamma.db"


@pytest.fixture(scope="session")
def migrated(server: URL) -> Iterator[str]:
    """The name of a database on the server that holds a ledger's tables, and that nobody is connected to."""
    with database(server, f"gamma_tables_{os.getpid()}") as url:
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture
def empty_server_url(server: URL) -> Iterator[str]:
    """A database of this test's own on the server, with nothing in it."""
    with database(server, f"gamma_test_{os.getpid()}_{next(_numbers)}") as url:
        yield url


@pytest.fixture
def server_url(server: URL, migrated: str) -> Iterator[str]:
    """A database of this test's own on the server, with the tables in it: to make them takes a third of a second."""
    with database(server, f"gamma_test_{os.getpid()}_{next(_numbers)}", template=migrated) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """Where this test's ledger lies, on each database in turn."""
    where: str = request.getfixturevalue("file_url" if request.param == "sqlite" else "server_url")
    return where


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Where there is no ledger yet, on each database in turn."""
    where: str = request.getfixturevalue("file_url" if request.param == "sqlite" else "empty_server_url")
    return where


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
