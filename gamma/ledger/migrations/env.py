"""Run by alembic, on the connection that `gamma.ledger.schema` hands over."""

from alembic import context

# Names are written out in each revision: without the tables' metadata no convention is laid over them.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
