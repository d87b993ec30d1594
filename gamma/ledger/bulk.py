"""Rows that wait in memory and are written many at once, where nothing is at stake: what is lost is made again."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from gamma.ledger import tables
from gamma.ledger.indexes import Row

ROWS_MAX: Final = 20_000
# The events first, for all else refers to them.
_ORDER: Final = ("events", *(table.name for table in tables.INDEXES))


@final
class Bulk:
    """What was appended and is not in the database yet."""

    def __init__(self, inserts: Mapping[str, str]) -> None:
        self._inserts = inserts
        self._rows: dict[str, list[Row]] = {name: [] for name in _ORDER}
        self._count = 0

    def add(self, rows: Sequence[tuple[str, Row]]) -> bool:
        """Keep rows; whether there are so many now that they are to be written."""
        for table, row in rows:
            self._rows[table].append(row)
        self._count += len(rows)
        return self._count >= ROWS_MAX

    def write(self, raw: Any) -> None:
        """Write all that waits, into the transaction that is open; SQLite's connection can, of others a cursor."""
        many = getattr(raw, "executemany", None) or raw.cursor().executemany
        for table, rows in self._rows.items():
            if rows:
                many(self._inserts[table], rows)
                rows.clear()
        self._count = 0
