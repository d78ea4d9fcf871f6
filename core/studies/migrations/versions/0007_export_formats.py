"""Exports in every format of a single study, beside the one table."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Every export that is there is a table."""
    op.add_column("exports", sa.Column("format", sa.String(16), nullable=False, server_default="table"))
