"""Tables that are too long for one answer, made by jobs that belong to no study."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Every job that is there belongs to a study."""
    op.create_table(
        "exports",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner_id", sa.Integer, index=True),
        sa.Column("viewer", sa.JSON),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("query", sa.JSON, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("written", sa.Integer, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    with op.batch_alter_table("jobs") as jobs:
        jobs.alter_column("study_id", existing_type=sa.String(32), nullable=True)
        jobs.add_column(sa.Column("export_id", sa.String(32)))
        jobs.create_foreign_key("fk_jobs_export_id", "exports", ["export_id"], ["id"], ondelete="CASCADE")
        jobs.create_unique_constraint("uq_jobs_export_id", ["export_id"])
