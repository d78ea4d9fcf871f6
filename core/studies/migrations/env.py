"""Runs the revisions on the connection, and in the transaction, that ``core.studies.database`` gives."""

from alembic import context

from core.studies.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    # The transaction is that of the caller, who holds the lock in it.
    transactional_ddl=False,
)
context.run_migrations()
