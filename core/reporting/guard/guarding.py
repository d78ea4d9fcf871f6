"""The choice between drafts of a writer and the template."""

from collections.abc import Iterable

from core.reporting.evidence import Evidence
from core.reporting.guard.examination import examine
from core.reporting.guard.linking import link
from core.reporting.guard.repairing import repair
from core.reporting.guard.verdict import Action, Attempt, Draft, Verdict
from core.reporting.report import Report


def guarded(drafts: Iterable[Draft], evidence: Evidence, template: Report) -> tuple[Report, Verdict]:
    """Show the first draft that the evidence supports, else the best of them repaired, else the template.

    Args:
        drafts: taken one at a time and only as long as none may be shown, since each costs time to write; may be empty.
        evidence: what the report may say.
        template: the template's report on the same evidence.

    Returns:
        The report, of source ``vlm`` with the template's Technique and View, or the template itself; and the record.
    """
    attempts: list[Attempt] = []
    for draft in drafts:
        attempts.append(Attempt(draft, examine(draft, evidence)))
        if not attempts[-1].violations:
            action: Action = "accepted" if len(attempts) == 1 else "regenerated"
            return _shown(draft, evidence, template), Verdict(action, tuple(attempts))
    if attempts:
        best = min(attempts, key=lambda attempt: len(attempt.violations))
        mended = repair(best.draft, evidence)
        attempts.append(Attempt(mended, examine(mended, evidence)))
        if not attempts[-1].violations:
            return _shown(mended, evidence, template), Verdict("repaired", tuple(attempts))
    return template, Verdict("fallback", tuple(attempts))


def _shown(draft: Draft, evidence: Evidence, template: Report) -> Report:
    head = tuple(sentence for sentence in template.sentences if sentence.section in ("technique", "view"))
    return Report("vlm", (*head, *link(draft, evidence)))
