"""Run by alembic, on the connection that `gamma.ledger.schema` hands over."""

from alembic import context

from gamma.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
