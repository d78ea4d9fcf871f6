from datetime import timedelta

import pytest

from core.studies.counts import count
from core.studies.database import Database
from core.studies.tables import Job, Study, now


def test_studies_and_jobs_are_counted_by_state_and_the_oldest_waiting_job_is_timed(database_url: str) -> None:
    database = Database(database_url)
    assert count(database).oldest_wait_s == 0
    with database.session() as session:
        for number, status in enumerate(("done", "done", "failed")):
            session.add(Study(id=str(number), filename="x", created=now(), status=status))
        session.flush()
        session.add(Job(study_id="0", kind="analyse", state="done", not_before=now() - timedelta(hours=1)))
        session.add(Job(study_id="1", kind="rewrite", state="queued", not_before=now() - timedelta(seconds=90)))
        session.add(Job(study_id="2", kind="rewrite", state="queued", not_before=now() + timedelta(hours=1)))
        session.commit()
    counted = count(database)
    assert counted.studies == {"done": 2, "failed": 1}
    assert counted.jobs == {("analyse", "done"): 1, ("rewrite", "queued"): 2}
    assert counted.oldest_wait_s == pytest.approx(90, abs=30)
    database.close()
