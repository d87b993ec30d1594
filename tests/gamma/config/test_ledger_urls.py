"""A ledger's URL: the database's own reader reads what is taken, and as everybody else does."""

import random
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from gamma.config.schema import Gamma

SCHEMES = ("postgresql://", "postgresql+psycopg://", "sqlite://")
SIGNS = "ab1:@/?#[]%= \",&.é٣\\'"


def drawn(rng: random.Random) -> str:
    def some(most: int) -> str:
        return "".join(rng.choices(SIGNS, k=rng.randint(0, most)))

    whole = f"u{some(1)}:p{some(1)}@h{some(1)}:5{some(1)}/d{some(1)}?x={some(2)}"
    return rng.choice(SCHEMES) + rng.choice((some(9), whole))


def is_taken(url: str) -> bool:
    try:
        Gamma(database=url)
    except ValidationError:
        return False
    return True


def test_what_is_taken_is_read_alike() -> None:
    rng = random.Random(20260302)
    taken = [url for url in (drawn(rng) for _ in range(20_000)) if is_taken(url)]
    assert len(taken) > 2_000
    read = [make_url(url) for url in taken]
    assert [((u.host or "").lower(), u.port or 0) for u in read] == [
        (u.hostname or "", u.port or 0) for u in map(urlsplit, taken)
    ]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///gamma.db",
        "sqlite://",
        "sqlite:////var/lib/a b@c/gamma.db",
        "postgresql://",
        "postgresql+psycopg://gamma:p%40w@host/name",
        "postgresql://user@server:pw@host:5432/name",
        "postgresql://[::1]:5432/name",
        "postgresql:///name?host=/var/run/postgresql",
    ],
)
def test_usual_forms_are_taken(url: str) -> None:
    assert is_taken(url)


@pytest.mark.parametrize("schema", ["apex1", "apex-1", "_x", "2nd", "public"])
def test_a_ledger_may_lie_in_a_schema_of_its_own(schema: str) -> None:
    assert is_taken(f"postgresql://user@host/name?sslmode=require&schema={schema}")


@pytest.mark.parametrize("schema", ["", "pg_toast", "information_schema", "Apex", "a.b", "%22", "a;b", "a" * 64])
def test_a_schema_that_the_server_keeps_or_folds_is_refused(schema: str) -> None:
    assert not is_taken(f"postgresql://user@host/name?schema={schema}")
