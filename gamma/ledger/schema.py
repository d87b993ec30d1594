"""The schema and its versions: alembic's migrations, made into a configuration here, without an ini file."""

from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, inspect, text

from gamma.errors import ConfigInvalid
from gamma.ledger.connections import own_schema, quoted_name
from gamma.ledger.faults import reading

HEAD: Final = "0001"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


def begin_sql(db: Connection) -> str:
    """How a transaction begins that will write."""
    return "BEGIN IMMEDIATE" if db.dialect.name == "sqlite" else "BEGIN"


def version(db: Connection) -> str | None:
    """The version of the schema; None where there is none yet.

    Raises: Corrupt when the database cannot be read; ConfigInvalid when its schema is there and we may not use it.
    """
    with reading():
        if not inspect(db).has_table("alembic_version"):
            _refuse_barred(db, own_schema(db))
            return None
        found: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return found


def check(found: str | None) -> None:
    """Refuse a schema that is not the one this code writes.

    Raises: ConfigInvalid saying what to do.
    """
    if found is None:
        raise ConfigInvalid(
            "database: no ledger is in it, or something else is; start the daemon once, or name the right file"
        )
    if found < HEAD:
        raise ConfigInvalid(f"database: its schema is {found}, this gamma writes {HEAD}; run: gamma db upgrade")
    if found > HEAD:
        raise ConfigInvalid(f"database: its schema is {found}, newer than this gamma's {HEAD}; install a newer gamma")


def create(db: Connection) -> None:
    """Make the tables where there are none, and refuse a version that is not this code's.

    Raises: ConfigInvalid saying what to do.
    """
    found = version(db)
    if found is not None or inspect(db).get_table_names():
        check(found)
    elif db.dialect.name == "sqlite":
        _replay(db)
    else:
        migrate(db)


def _replay(db: Connection) -> None:
    """What the migrations make of an empty SQLite database, without walking them again for each one."""
    db.exec_driver_sql("BEGIN IMMEDIATE")
    for statement in _statements(MIGRATIONS):
        db.exec_driver_sql(statement)
    db.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
    db.exec_driver_sql("COMMIT")


@cache
def _statements(migrations: Path) -> tuple[str, ...]:
    """Every statement of the schema, in the order in which the migrations came to it; walked once in a process."""
    engine = create_engine("sqlite://", connect_args={"isolation_level": None})
    with engine.connect() as db:
        migrate(db, migrations)
        found = db.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        statements = tuple(row[0] for row in found)
    engine.dispose()
    return statements


def migrate(db: Connection, migrations: Path | None = None) -> None:
    """Bring the schema to `HEAD`, in one transaction."""
    from alembic import command  # noqa: PLC0415  (slow to load, and needed once in a ledger's life)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations or MIGRATIONS))
    config.attributes["connection"] = db
    db.exec_driver_sql(begin_sql(db))
    try:
        _make_schema(db, own_schema(db))
        command.upgrade(config, "head")
    except BaseException:
        db.exec_driver_sql("ROLLBACK")
        raise
    db.exec_driver_sql("COMMIT")


def _refuse_barred(db: Connection, name: str) -> None:
    """A schema that the user may not use looks as if nothing were in it."""
    query = text("SELECT has_schema_privilege(nspname, 'USAGE') FROM pg_namespace WHERE nspname = :name")
    if name and db.execute(query, {"name": name}).scalar() is False:
        raise ConfigInvalid(
            f"database: its user may not use the schema {name}; as its owner run: GRANT USAGE ON SCHEMA "
            f"{quoted_name(name)} TO the user, and see docs/accounts.md for what else it needs"
        )


def _make_schema(db: Connection, name: str) -> None:
    """Make the schema of an account that has its own in a server's database; to find it there takes no right."""
    query = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
    if name and not db.execute(query, {"name": name}).scalar():
        db.exec_driver_sql(f"CREATE SCHEMA {quoted_name(name)}")
