"""The job ``answer``: what was asked about a study, answered by the writer one after another."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from core.errors import ChestLensError
from core.studies import results
from core.studies.inquiries import Inquiries
from core.studies.jobs import Claim, passes
from core.studies.shared_writer import SharedWriter
from core.studies.studies import Studies
from core.studies.tables import Inquiry, Job

if TYPE_CHECKING:
    from core.vlm.backends import Backend
    from core.vlm.generation import Seen

log = logging.getLogger(__name__)


class Answering:
    """Answers inquiries.

    Args:
        studies: about which they are.
        writer: who is asked.
    """

    def __init__(self, studies: Studies, writer: SharedWriter) -> None:
        self._studies, self._writer = studies, writer
        self._inquiries = Inquiries(studies.database, studies.jobs)

    def prepare(self) -> None:
        """Load the writer."""
        self._writer.open()

    def run(self, claim: Claim) -> Callable[[Session], list[Job]]:
        """Answer all that waits; what is returned has what was asked since answered, too.

        Raises:
            Gone: the study was deleted.
            Unavailable: files cannot be read at the moment.
        """
        seen = None
        while (inquiry := self._inquiries.next(claim.study_id)) is not None:
            seen = seen or self._seen(claim.study_id)
            try:
                with self._writer.turn() as writer:
                    answer = self._answer(inquiry, seen, writer)
            except ChestLensError as error:
                if passes(error):
                    raise
                self._inquiries.end(inquiry, error=str(error))
            else:
                self._inquiries.end(inquiry, answer=answer)
        return lambda session: self._inquiries.go_on(session, claim.study_id)

    def _seen(self, study_id: str) -> "Seen":
        from core.vlm.generation import Seen
        from core.vlm.pictures import picture_of

        storage = self._studies.storage
        result = results.read_result(storage, study_id, rewritten=False)
        return Seen(picture_of(results.read_radiograph(storage, study_id, result)), result.evidence, result.template)

    def _answer(self, inquiry: Inquiry, seen: "Seen", writer: "Backend") -> dict[str, Any]:
        from core.vlm.comparison import compare_records, compare_settings
        from core.vlm.ehr import EhrError, in_one_line
        from core.vlm.pass_settings import PassSettings
        from core.vlm.questions import answer_question

        ehr = self._studies.ehr(inquiry.study_id)
        if inquiry.kind == "question":
            context = in_one_line(ehr or {})
            made = answer_question(inquiry.asked["question"], seen.picture, seen.evidence, writer, context=context)
            return made.as_object()
        mode = inquiry.asked["mode"]
        if inquiry.kind == "settings":
            first, second = (PassSettings(**one) for one in inquiry.asked["settings"])
            return compare_settings(seen, (first, second), writer, record=ehr, mode=mode).as_object()
        if ehr is None:
            raise EhrError("The health record was removed before the reports were written.")
        return compare_records(seen, ehr, writer, mode=mode).as_object()
