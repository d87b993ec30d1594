from alembic import op

from gamma.ledger.tables import guards, metadata, positions_view

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    db = op.get_bind()
    metadata.create_all(db)
    for statement in (positions_view(), *guards(db.dialect.name)):
        db.exec_driver_sql(statement)
