"""Accounts, their sessions and tokens; one study of a sample for all who see each other's studies."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOMENT = sa.DateTime(timezone=True)


def _of_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.id", ondelete="CASCADE")


def upgrade() -> None:
    """Studies that are there have no owner: admins see them."""
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("full_name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("group_name", sa.String(64)),
        sa.Column("password", sa.String(255)),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("issuer", sa.String(255)),
        sa.Column("subject", sa.String(255)),
        sa.UniqueConstraint("issuer", "subject"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.Integer, _of_user(), index=True),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("expires", _MOMENT, nullable=False, index=True),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, _of_user(), nullable=False, index=True),
        sa.Column("title", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("expires", _MOMENT),
        sa.Column("last_used", _MOMENT),
    )
    # SQLite cannot change a primary key.
    op.drop_index("ix_sample_studies_study_id", "sample_studies")
    op.rename_table("sample_studies", "sample_studies_before")
    op.create_table(
        "sample_studies",
        sa.Column("sample_id", sa.String(32), primary_key=True),
        sa.Column("audience", sa.String(80), primary_key=True),
        sa.Column(
            "study_id", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False, index=True
        ),
    )
    op.execute(
        "INSERT INTO sample_studies (sample_id, audience, study_id) "
        "SELECT sample_id, '', study_id FROM sample_studies_before"
    )
    op.drop_table("sample_studies_before")
