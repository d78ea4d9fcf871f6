"""The job ``analyse``: from an upload to findings, heatmaps and report."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.anatomy import Admitted, admit
from core.classifier import SHIPPED, Classifier
from core.classifier.importing import checkpoint_folder
from core.imaging import read_safely
from core.reporting import assess
from core.studies import results, worklist
from core.studies.errors import Gone
from core.studies.jobs import Claim
from core.studies.studies import Studies
from core.studies.tables import Job, Study, now

log = logging.getLogger(__name__)


class Analysis:
    """Does one analysis after another.

    Args:
        studies: whose settings name the checkpoint and the policy.

    Attributes:
        idle: set while nothing is analysed.

    Raises:
        CheckpointError: the classifier cannot be loaded, or lacks the policy.
    """

    def __init__(self, studies: Studies) -> None:
        self._studies, self._settings = studies, studies.settings
        self.idle = threading.Event()
        self.idle.set()
        self._classifier = Classifier(checkpoint_folder(self._settings.checkpoint or SHIPPED))
        self._classifier.config.policy(self._settings.policy)

    def prepare(self) -> None:
        """Nothing: the classifier is loaded at the start, so that a fault in it is told then."""

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Analyse a study; what is returned writes its rows.

        Raises:
            ImagingError: the upload cannot be judged.
            Gone: the study was deleted.
            Unavailable: files cannot be stored at the moment.
        """
        self.idle.clear()
        try:
            return self._run(claim)
        finally:
            self.idle.set()

    def _run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        storage, study_id = self._studies.storage, claim.study_id
        admitted = self._admitted(study_id)
        self._studies.jobs.progress(claim, 0.4)
        assessment = assess(admitted, self._classifier, self._settings.policy)
        results.write_result(storage, study_id, admitted, assessment)
        storage.remove(study_id, results.DECODED)
        if not self._settings.keep_identifiers:
            storage.remove(study_id, results.UPLOAD)
        evidence = assessment.evidence

        def apply(session: Session) -> list[Job]:
            worklist.keep_calls(session, study_id, evidence.findings, undoubted=evidence.undoubted)
            created = session.execute(select(Study.created).where(Study.id == study_id)).scalar_one()
            session.execute(
                update(Study)
                .where(Study.id == study_id)
                .values(
                    status="done",
                    progress=1.0,
                    summary={
                        decision: [item.finding.name for item in evidence.decided(decision)]
                        for decision in worklist.CALLED
                    },
                    total_ms=round((now() - created).total_seconds() * 1000),
                )
            )
            return [Job(study_id=study_id, kind="rewrite")] if self._settings.writer else []

        return apply

    def _admitted(self, study_id: str) -> Admitted:
        storage = self._studies.storage
        try:
            return results.read_decoded(storage, study_id)
        except Gone:
            pass  # it was not left, or the study is gone, which the next line tells
        except (ValueError, KeyError, OSError):
            log.info("what was decoded of study %s cannot be used; the upload is decoded again", study_id)
        radiograph = read_safely(storage.read(study_id, results.UPLOAD))
        admitted = admit(radiograph, force=self._studies.find(study_id).forced)
        results.write_identifiers(storage, study_id, self._studies.kept(admitted))
        return admitted
