"""A draft that may not be shown, mended sentence by sentence."""

from core.findings import LABELS
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.guard.case import Case, side_of
from core.reporting.guard.editing import mended
from core.reporting.guard.reading import LONGEST, read
from core.reporting.guard.sentence import judge
from core.reporting.guard.statements import LUNG
from core.reporting.guard.text import divide
from core.reporting.guard.verdict import Draft
from core.reporting.templater import clear_findings, listed


def repair(draft: Draft, evidence: Evidence) -> Draft:
    """Keep what may stand, cut what may not, and state what is missing in plain words.

    Sentences that may not be shown lose the offending words or clause where the rest can stand, and are dropped where
    it cannot; sentences that only repeat are dropped. Each finding that Findings, or for a present one Impression, no
    longer names gets a plain sentence in front. A section that is left with nothing gets a normal statement that the
    evidence supports. The result may still be at fault: examine it again.
    """
    case = Case.of(evidence)
    findings = _kept(draft.findings, case)
    impression = _kept(draft.impression, case)
    findings = [*_missing(findings, evidence.decided("present", "possible"), case), *findings]
    if not any(_normal(sentence) for sentence in findings):
        findings += _normal_statements(case, evidence)
    called = evidence.decided("present")
    if not (called or impression) or any(one.rest for sentence in impression for one in read(sentence).statements):
        called = evidence.decided("present", "possible")
    impression = [*_missing(impression, called, case), *impression]
    if not impression:
        whole = len(case.having(LABELS, "absent")) == len(LABELS)
        impression = ["No acute cardiopulmonary abnormality."] if whole else _normal_statements(case, evidence)
    return Draft(" ".join(findings), " ".join(impression))


def _kept(paragraph: str, case: Case) -> list[str]:
    kept: dict[str, str] = {}
    called: set[tuple[str, str | None]] = set()
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
        again = said and said <= called and len(said) == len(reading.claims) and not reading.statements
        if not again:
            kept.setdefault(text.lower(), text)
            called |= said | {(name, None) for name, _ in said}
    return list(kept.values())


def _missing(sentences: list[str], called: list[FindingEvidence], case: Case) -> list[str]:
    named = {claim.observation for sentence in sentences for claim in read(sentence).claims if claim.called}
    return [_plain(item, case) for item in called if item.finding.name not in named]


def _plain(item: FindingEvidence, case: Case) -> str:
    """The finding in the fewest words: "Left pleural effusion.", "Possible cardiomegaly."."""
    side = side_of(case.places(item.finding.name))
    text = f"{side} {item.finding.phrase}" if side in ("left", "right") else item.finding.phrase
    if case.doubtful(item.finding.name):
        text = f"possible {text}"
    return f"{text[0].upper()}{text[1:]}{' on both sides' if side == 'bilateral' else ''}."


def _normal(sentence: str) -> bool:
    reading = read(sentence)
    return bool(reading.statements) or any(claim.presence == "absent" for claim in reading.claims)


def _normal_statements(case: Case, evidence: Evidence) -> list[str]:
    if len(case.having(LUNG, "absent")) == len(LUNG):
        return ["The lungs are clear."]
    clear = clear_findings(evidence)
    # The first few say enough; the whole list is the template's.
    pleura = [item for item in clear if item.finding.name in ("Pneumothorax", "Effusion")]
    shown = pleura or clear[:2]
    return [f"No {listed(shown)}."] if shown else []
