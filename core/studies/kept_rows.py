"""Rows that the database itself keeps as they are: its triggers, by the kind of database.

Revisions make them, too, so that none changes here: another one gets a name of its own, and a revision.
"""

REVIEWS_ARE_KEPT = {
    "sqlite": (
        """
        CREATE TRIGGER review_events_stay BEFORE UPDATE ON review_events
        BEGIN SELECT RAISE(ABORT, 'entries of a review are never changed'); END
        """,
        """
        CREATE TRIGGER review_events_are_kept BEFORE DELETE ON review_events
        WHEN EXISTS (SELECT 1 FROM studies WHERE id = OLD.study_id)
        BEGIN SELECT RAISE(ABORT, 'entries of a review are deleted only with their study'); END
        """,
    ),
    "postgresql": (
        """
        CREATE OR REPLACE FUNCTION chestlens_keep_review_event() RETURNS trigger AS $$
        BEGIN
            IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM studies WHERE id = OLD.study_id) THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'entries of a review are never changed, and deleted only with their study';
        END
        $$ LANGUAGE plpgsql
        """,
        """
        CREATE TRIGGER review_events_are_kept BEFORE UPDATE OR DELETE ON review_events
        FOR EACH ROW EXECUTE FUNCTION chestlens_keep_review_event()
        """,
    ),
}
"""Entries of a review never change, and are deleted only with their study."""

AUDIT_LOG_IS_KEPT = {
    "sqlite": (
        """
        CREATE TRIGGER audit_log_stays BEFORE UPDATE ON audit_log
        BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END
        """,
        """
        CREATE TRIGGER audit_log_is_kept BEFORE DELETE ON audit_log
        BEGIN SELECT RAISE(ABORT, 'the audit log is only ever added to'); END
        """,
    ),
    "postgresql": (
        """
        CREATE OR REPLACE FUNCTION chestlens_keep_audit_log() RETURNS trigger AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is only ever added to';
        END
        $$ LANGUAGE plpgsql
        """,
        """
        CREATE TRIGGER audit_log_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION chestlens_keep_audit_log()
        """,
    ),
}
"""Entries of the audit log are only ever added."""
