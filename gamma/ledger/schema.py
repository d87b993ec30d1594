"""The schema and its versions: alembic's migrations, made into a configuration here, without an ini file."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from gamma.errors import ConfigInvalid

HEAD: Final = "0001"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


def version(db: Connection) -> str | None:
    """The version of the schema; None where there is none yet."""
    if not inspect(db).has_table("alembic_version"):
        return None
    found: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def check(found: str | None) -> None:
    """Refuse a schema that is not the one this code writes.

    Raises: ConfigInvalid saying what to do.
    """
    if found is None:
        raise ConfigInvalid("database: no ledger is in it; start the daemon once, or name the right file")
    if found < HEAD:
        raise ConfigInvalid(f"database: its schema is {found}, this gamma writes {HEAD}; run: gamma db upgrade")
    if found > HEAD:
        raise ConfigInvalid(f"database: its schema is {found}, newer than this gamma's {HEAD}; install a newer gamma")


def migrate(db: Connection) -> None:
    """Bring the schema to `HEAD`, in the transaction that is open."""
    from alembic import command  # noqa: PLC0415  (slow to load, and needed once in a ledger's life)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = db
    command.upgrade(config, "head")
