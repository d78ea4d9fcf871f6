"""Workers that give signs of life, so that a server without one is told from one that works."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Workers enter themselves."""
    op.create_table(
        "workers",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False, index=True),
    )
