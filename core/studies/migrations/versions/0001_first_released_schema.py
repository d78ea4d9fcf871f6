"""The schema before there were revisions. Databases of that time may lack some of its tables, which came one by one."""

import sqlalchemy as sa
from alembic import op

from core.studies.kept_rows import REVIEWS_ARE_KEPT

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)


def _of_study() -> sa.ForeignKey:
    return sa.ForeignKey("studies.id", ondelete="CASCADE")


_TABLES = (
    sa.Table(
        "studies",
        _METADATA := sa.MetaData(),
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("created", _MOMENT, nullable=False),
        sa.Column("status", sa.String(8), nullable=False, index=True),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("error_code", sa.String(32)),
        sa.Column("error_message", sa.String(500)),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("total_ms", sa.Integer),
    ),
    sa.Table(
        "study_calls",
        _METADATA,
        sa.Column("study_id", sa.String(32), _of_study(), primary_key=True),
        sa.Column("finding", sa.String(32), primary_key=True),
        sa.Column("decision", sa.String(8), nullable=False),
        sa.Column("probability", sa.Float),
        sa.Index("ix_study_calls_finding_decision", "finding", "decision"),
    ),
    sa.Table(
        "study_ratings",
        _METADATA,
        sa.Column("study_id", sa.String(32), _of_study(), primary_key=True),
        sa.Column("level", sa.String(8), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("strength", sa.Float, nullable=False),
        sa.Column("because", sa.JSON, nullable=False),
        sa.Column("sentence", sa.String(1000), nullable=False),
    ),
    sa.Table(
        "sample_studies",
        _METADATA,
        sa.Column("sample_id", sa.String(32), primary_key=True),
        sa.Column("study_id", sa.String(32), _of_study(), nullable=False, index=True),
    ),
    sa.Table(
        "review_events",
        _METADATA,
        sa.Column("study_id", sa.String(32), _of_study(), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("text", sa.JSON, nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("author", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("time", _MOMENT, nullable=False),
        sa.Column("model", sa.JSON, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    ),
)


def upgrade() -> None:
    """Make what is missing."""
    connection = op.get_bind()
    there = sa.inspect(connection).get_table_names()
    for table in _TABLES:
        table.create(connection, checkfirst=True)
    if "review_events" not in there:
        for statement in REVIEWS_ARE_KEPT.get(connection.dialect.name, ()):
            op.execute(statement)
