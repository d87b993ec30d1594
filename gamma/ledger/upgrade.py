"""`upgrade`: bring a ledger to this code's schema, with a backup taken first."""

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gamma.ledger import schema
from gamma.ledger.backup import backup
from gamma.ledger.connections import file_of
from gamma.ledger.lease import hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgraded:
    """From which schema to which, and where the copy from before lies; None where there was nothing to copy."""

    before: str | None
    after: str
    backup: Path | None


def upgrade(url: str) -> Upgraded:
    """Bring the ledger to the schema that this code writes; one that is there already is left as it is.

    Raises: ConfigInvalid when a daemon holds the ledger, or its schema is newer; Corrupt when the backup
    fails its check, and then nothing was changed.
    """
    with ExitStack() as held:
        lease, db = hold(url)
        held.callback(lease.close)
        held.callback(db.close)
        before = schema.version(db)
        if before is not None and before >= schema.HEAD:
            schema.check(before)
            return Upgraded(before=before, after=schema.HEAD, backup=None)
        kept = _keep(url, before) if before is not None else None
        schema.migrate(db)
        schema.check(schema.version(db))
        return Upgraded(before=before, after=schema.HEAD, backup=kept)


def _keep(url: str, before: str) -> Path | None:
    """Copy the file beside itself; a database server's own backups are its owner's."""
    path = file_of(url)
    if path is None:
        return None
    names = (path.with_name(f"{path.name}.{before}{'.' if n else ''}{n or ''}.backup") for n in count())
    target = next(name for name in names if not name.exists())
    backup(url, target, rows=False)
    return target
