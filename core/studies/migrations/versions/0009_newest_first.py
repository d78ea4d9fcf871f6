"""Studies by the time of their arrival, so that the first page takes as long among many of them as among few."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """The newest are found without sorting all."""
    op.create_index("ix_studies_created", "studies", ["created"])
