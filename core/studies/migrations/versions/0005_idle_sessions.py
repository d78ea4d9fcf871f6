"""When a session was last used."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Sessions that are open count as used at their next request."""
    op.add_column("sessions", sa.Column("last_used", sa.DateTime(timezone=True)))
