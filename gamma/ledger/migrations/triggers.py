"""What keeps rows as they were written: triggers that refuse updates and deletes, in each database's own words."""

from alembic import op

_FUNCTION = """CREATE FUNCTION gamma_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"""


def prepare() -> None:
    """Once in a database, before the first table is guarded."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute(_FUNCTION)


def guard(table: str, *, columns: tuple[str, ...] = (), when: str = "") -> None:
    """Refuse deletes, and updates: of `columns` alone where some are named, and only `when`, where that is given."""
    update = f"BEFORE UPDATE{' OF ' if columns else ''}{', '.join(columns)} ON {table}"
    if op.get_bind().dialect.name == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update {update}{f' WHEN {when}' if when else ''} {refuse}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}")
        return
    refuse = "EXECUTE FUNCTION gamma_append_only()"
    condition = f" WHEN ({when})" if when else ""
    op.execute(f"CREATE TRIGGER {table}_no_update {update} FOR EACH ROW{condition} {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}")
