"""Jobs as rows, an owner for each study, what was marked by files before, and the audit log."""

import sqlalchemy as sa
from alembic import op

from core.studies.kept_rows import AUDIT_LOG_IS_KEPT

revision = "0002"
down_revision = "0001"

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Studies that are there keep layout 1 until ``core.studies.upgrade`` has converted their files."""
    for column in (
        sa.Column("owner_id", sa.Integer),
        sa.Column("owner_group", sa.String(64)),
        sa.Column("forced", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("upload_key", sa.String(64)),
        sa.Column("upload_sha256", sa.String(64)),
        sa.Column("layout", sa.Integer, nullable=False, server_default="1"),
    ):
        op.add_column("studies", column)
    op.create_index("ix_studies_owner_id", "studies", ["owner_id"])
    op.create_index("ix_studies_owner_group", "studies", ["owner_group"])
    op.create_index("ix_studies_upload_key", "studies", ["upload_key"], unique=True)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error_message", sa.String(500)),
        sa.Column("claimed_by", sa.String(128)),
        sa.Column("lease_until", _MOMENT),
        sa.Column("not_before", _MOMENT, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("partial", sa.JSON),
        sa.UniqueConstraint("study_id", "kind"),
    )
    op.create_index("ix_jobs_state_not_before", "jobs", ["state", "not_before"])
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", _MOMENT, nullable=False),
        sa.Column("actor_id", sa.Integer),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("study_id", sa.String(32), index=True),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    connection = op.get_bind()
    for statement in AUDIT_LOG_IS_KEPT.get(connection.dialect.name, ()):
        op.execute(statement)
