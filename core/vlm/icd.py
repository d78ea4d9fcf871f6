"""ICD-10-CM codes of a study: each exists, and says which finding or which line of the record it rests on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from core.findings import FINDINGS
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.exports.codes import icd10cm_code

# Conditions of a record, the code where nothing more is known, and the words by which records name them.
_CONDITIONS: tuple[tuple[str, str, str], ...] = (
    ("COPD", "J44.9", r"copd|chronic obstructive"),
    ("asthma", "J45.909", r"asthma"),
    ("interstitial lung disease", "J84.9", r"interstitial lung|\bild\b"),
    ("pulmonary hypertension", "I27.20", r"pulmonary hypertension"),
    ("heart failure", "I50.9", r"heart failure|\bchf\b"),
    ("coronary artery disease", "I25.10", r"coronary|\bcad\b"),
    ("atrial fibrillation", "I48.91", r"atrial fib|\bafib\b"),
    ("hypertension", "I10", r"(?<!pulmonary )hypertension|\bhtn\b"),
    ("diabetes", "E11.9", r"diabet|\bdm2?\b|\bt2dm\b"),
    ("chronic kidney disease", "N18.9", r"chronic kidney|\bckd\b"),
    ("cirrhosis", "K74.60", r"cirrhosis"),
    ("lung cancer", "C34.90", r"lung cancer"),
    ("dementia", "F03.90", r"dementia"),
    ("HIV", "B20", r"\bhiv\b"),
)
_CODE = re.compile(r"\b[A-TV-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?\b")


@dataclass(frozen=True)
class CodeSuggestion:
    """One code.

    Attributes:
        code, meaning: as ICD-10-CM has them.
        findings: names of the findings of the image that it rests on; empty for what the record says.
        reason: one plain sentence.
        author: whether a ``rule`` suggests it from the evidence, or a ``model`` named it and the evidence bears it out.
    """

    code: str
    meaning: str
    findings: tuple[str, ...]
    reason: str
    author: Literal["rule", "model"] = "rule"

    def as_object(self) -> dict[str, Any]:
        """The suggestion as plain data."""
        return {
            "code": self.code,
            "meaning": self.meaning,
            "findings": list(self.findings),
            "reason": self.reason,
            "author": self.author,
        }


def suggested_codes(evidence: Evidence) -> list[CodeSuggestion]:
    """Codes of the findings that are present, most probable first, each code once; doubtful ones are not coded."""
    codes: dict[str, list[FindingEvidence]] = {}
    for item in evidence.decided("present"):
        codes.setdefault(icd10cm_code(item.finding).value, []).append(item)
    return [
        CodeSuggestion(
            code,
            icd10cm_code(items[0].finding).meaning,
            tuple(item.finding.name for item in items),
            f"{_listed(items)} is called present in the image.",
        )
        for code, items in codes.items()
    ]


def candidates(evidence: Evidence, record: Mapping[str, Any] | None) -> list[CodeSuggestion]:
    """All codes that a model may choose among: of the 14 findings, and of the conditions that the record names."""
    found: dict[str, CodeSuggestion] = {one.code: one for one in suggested_codes(evidence)}
    for finding in FINDINGS:
        code = icd10cm_code(finding)
        if code.value not in found:
            found[code.value] = CodeSuggestion(code.value, code.meaning, (), "")
    for one in _of_record(record):
        found.setdefault(one.code, one)
    return list(found.values())


def supported(code: str, evidence: Evidence, record: Mapping[str, Any] | None) -> CodeSuggestion | str:
    """A code that a model named, with what it rests on; or the sentence that says why it is refused."""
    code = normal_form(code)
    if (meaning := meaning_of(code)) is None:
        return f"{code} is no code of ICD-10-CM."
    if not _billable(code):
        return f"{code} is a heading of ICD-10-CM, not a code that may be given."
    known = [*suggested_codes(evidence), *_of_record(record)]
    for one in known:
        if one.code == code:
            return CodeSuggestion(code, meaning, one.findings, one.reason, "model")
    for one in known:
        if one.code[:3] == code[:3]:
            return f"{code} ({meaning}) says something else than the evidence gives, which bears out {one.code}."
    return f"{code} ({meaning}) rests on no finding that is called present and on nothing in the record."


def codes_in(text: str) -> list[str]:
    """What looks like a code in free text, each once."""
    return list(dict.fromkeys(normal_form(one) for one in _CODE.findall(text)))


def normal_form(code: str) -> str:
    """Upper case, with the dot behind the third character."""
    plain = code.strip().upper().replace(".", "")
    return plain if len(plain) <= 3 else f"{plain[:3]}.{plain[3:]}"


@lru_cache(maxsize=512)
def meaning_of(code: str) -> str | None:
    """What a code of ICD-10-CM stands for; None if there is no such code."""
    # Reads the whole classification, which takes seconds.
    import simple_icd_10_cm

    if not _CODE.fullmatch(code) or not simple_icd_10_cm.is_valid_item(code):
        return None
    return str(simple_icd_10_cm.get_description(code))


def _billable(code: str) -> bool:
    import simple_icd_10_cm

    return bool(simple_icd_10_cm.is_leaf(code))


def _of_record(record: Mapping[str, Any] | None) -> Iterable[CodeSuggestion]:
    stated = "; ".join(map(str, (record or {}).get("Chronic_conditions") or ()))
    for name, code, words in _CONDITIONS:
        if re.search(words, stated, re.IGNORECASE):
            yield CodeSuggestion(code, name.capitalize() if name.islower() else name, (), f"The record names {name}.")


def _listed(items: list[FindingEvidence]) -> str:
    names = [item.finding.phrase for item in items]
    text = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return text[0].upper() + text[1:]
