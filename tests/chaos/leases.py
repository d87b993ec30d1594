"""Leases that do not hold what they promise, to see that the judge of the races finds out."""

from typing import final

from sqlalchemy import Connection

from gamma.ledger import lease
from gamma.ledger.connections import open_writer
from gamma.ledger.lease import Lease, Unshared


def anybody(url: str) -> tuple[Lease, Connection]:
    """No lease at all: two leaders."""
    return Unshared(), open_writer(url)


def never_asked(url: str) -> tuple[Lease, Connection]:
    """A lease on a session of its own, at which nobody looks again: the writer goes on when that session is gone."""
    held, beside = lease.hold(url)
    return _Beside(held, beside), open_writer(url)


@final
class _Beside:
    def __init__(self, held: Lease, db: Connection) -> None:
        self.held, self.db = held, db

    def check(self) -> None: ...

    def close(self) -> None:
        self.held.close()
        self.db.close()
