"""A draft that may not be shown, mended sentence by sentence."""

from core.findings import LABELS
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.guard.case import Case
from core.reporting.guard.editing import mended
from core.reporting.guard.reading import LONGEST, read
from core.reporting.guard.sentence import judge
from core.reporting.guard.statements import LUNG
from core.reporting.guard.text import divide
from core.reporting.guard.verdict import Draft
from core.reporting.plan import clear_findings
from core.reporting.wording import called, listed, phrases


def repair(draft: Draft, evidence: Evidence) -> Draft:
    """Keep what may stand, cut what may not, and state what is missing in plain words.

    Sentences that may not be shown lose the offending words or clause where the rest can stand, and are dropped where
    it cannot; sentences that only repeat are dropped. Each finding that Findings, or for a likely one Impression, no
    longer names gets a plain sentence in front. A section that is left with nothing gets a normal statement that the
    evidence supports. The result may still be at fault: examine it again.
    """
    case = Case.of(evidence)
    findings = _kept(draft.findings, case)
    impression = _kept(draft.impression, case)
    findings = [*_missing(findings, evidence.decided("present", "possible")), *findings]
    if not any(_normal(sentence) for sentence in findings):
        findings += _normal_statements(case, evidence)
    wanted = evidence.decided("present", "possible")
    if impression and not any(one.rest for sentence in impression for one in read(sentence).statements):
        wanted = [item for item in wanted if not case.doubtful(item.finding.name)]
    impression = [*_missing(impression, wanted), *impression]
    if not impression:
        whole = len(case.having(LABELS, "absent")) == len(LABELS)
        impression = ["No acute cardiopulmonary abnormality."] if whole else _normal_statements(case, evidence)
    return Draft(" ".join(findings), " ".join(impression))


def _kept(paragraph: str, case: Case) -> list[str]:
    kept: dict[str, str] = {}
    stated: set[tuple[str, str | None]] = set()
    for sentence in dict.fromkeys(divide(paragraph)):
        text: str | None = sentence
        if judge(sentence, case):
            short = len(sentence) <= LONGEST
            text = mended(sentence, lambda candidate: not judge(candidate, case)) if short else None
        if text is None:
            continue
        reading = read(text)
        said = {(claim.observation, claim.side) for claim in reading.claims if claim.called}
        # "Left pleural effusion. ... Pleural effusion is present." says it twice.
        again = said and said <= stated and len(said) == len(reading.claims) and not reading.statements
        if not again:
            kept.setdefault(text.lower(), text)
            stated |= said | {(name, None) for name, _ in said}
    return list(kept.values())


def _missing(sentences: list[str], missing: list[FindingEvidence]) -> list[str]:
    named = {claim.observation for sentence in sentences for claim in read(sentence).claims if claim.called}
    return [_plain(item) for item in missing if item.finding.name not in named]


def _plain(item: FindingEvidence) -> str:
    """The finding in the fewest words: "Likely left pleural effusion.", "Possible cardiomegaly."."""
    assert item.certainty is not None
    return called((item.finding.name,), item.places, item.certainty)


def _normal(sentence: str) -> bool:
    reading = read(sentence)
    return bool(reading.statements) or any(claim.presence == "absent" for claim in reading.claims)


def _normal_statements(case: Case, evidence: Evidence) -> list[str]:
    if len(case.having(LUNG, "absent")) == len(LUNG):
        return ["The lungs are clear."]
    clear = clear_findings(evidence)
    # The first few say enough; the whole list is the template's.
    pleura = [name for name in clear if name in ("Pneumothorax", "Effusion")]
    shown = pleura or clear[:2]
    return [f"No {listed(phrases(shown))}."] if shown else []
