"""Any report generator's text against its evidence: the guard as a function of plain data.

>>> check(Draft("Right pleural effusion. The bones are intact.", "Right pleural effusion."),
...       read_evidence("+Effusion@left_lower_zone")).faults[0].kind
'side'
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from core.findings import BY_NAME
from core.reporting.errors import DraftError
from core.reporting.guard.case import Case
from core.reporting.guard.editing import mended
from core.reporting.guard.examination import examine_case
from core.reporting.guard.intake import read_evidence
from core.reporting.guard.reading import read
from core.reporting.guard.sentence import judge
from core.reporting.guard.text import divide
from core.reporting.guard.verdict import NOT_CHECKED, Draft, Violation

Outside = Literal["shown", "removed"]
"""What becomes of words that are not checked: ``shown`` and listed as such, or ``removed``."""

Silent = Literal["set_apart", "refused"]
"""What becomes of a place, a mild degree or a shape of a called finding of which the evidence says nothing:
``set_apart`` with what is not checked, or ``refused``. What worries (large, severe, tension, several nodules) is
refused in any case, and so is what the evidence says otherwise."""

Standing = Literal["kept", "refused", "not_checked"]


@dataclass(frozen=True)
class JudgedSentence:
    """A sentence of a draft, judged.

    Attributes:
        section: where it stands.
        text: as written.
        standing: ``kept``: it says something of the 14 findings, and the evidence bears it out; ``refused``: it
            contradicts the evidence, or cannot be read; ``not_checked``: it lies outside the 14 findings.
        faults: why it is refused.
        not_checked: parts of it, or all of it, that are not checked.
        covered: whether it says something of the 14 findings.
    """

    section: Literal["findings", "impression"]
    text: str
    standing: Standing
    faults: tuple[Violation, ...]
    not_checked: tuple[str, ...]
    covered: bool


@dataclass(frozen=True)
class Check:
    """What the guard says of a draft.

    Attributes:
        faults: all that contradicts the evidence or cannot be read; empty if the draft is accepted.
        not_checked: sentences, or parts of them, that lie outside the 14 findings or on which the evidence is silent,
            in reading order; where they are removed, what was taken out.
        draft: the text that may be shown if it is accepted.
        sentences: of ``draft``, each with its standing.
    """

    faults: tuple[Violation, ...]
    not_checked: tuple[str, ...]
    draft: Draft
    sentences: tuple[JudgedSentence, ...]

    @property
    def verdict(self) -> Literal["accepted", "refused"]:
        """``accepted`` where nothing speaks against the draft."""
        return "refused" if self.faults else "accepted"


def check(draft: Draft, case: Case, *, outside: Outside = "shown", silent: Silent = "set_apart") -> Check:
    """Read a draft against its evidence.

    Args:
        draft: Findings and Impression.
        case: what may be said, from ``read_evidence`` or ``Case.of(evidence)``.
        outside: whether sentences about bones, devices, earlier examinations and the like stay in the text. They are
            never a reason to refuse it.
        silent: whether places and degrees on which the evidence is silent are such a reason.
    """
    found = examine_case(draft, case)
    listed = _aside(found, silent)
    if outside == "removed":
        shorter = (_without_outside(text, case, silent) for text in (draft.findings, draft.impression))
        draft = Draft(*shorter)
        found = examine_case(draft, case)
    faults = tuple(one for one in found if _refuses(one, silent))
    return Check(faults, listed, draft, tuple(_judged(draft, found, silent)))


def _refuses(one: Violation, silent: Silent) -> bool:
    return one.refuses or (one.kind == "silent" and silent == "refused")


def _aside(found: Iterable[Violation], silent: Silent) -> tuple[str, ...]:
    """The sentences, or parts of them, that are not checked."""
    aside = [one for one in found if one.kind in NOT_CHECKED and one.sentence and not _refuses(one, silent)]
    whole = {one.sentence for one in aside if not one.words}
    listed = (one.words if one.words and one.sentence not in whole else one.sentence for one in aside)
    return tuple(dict.fromkeys(listed))


def _judged(draft: Draft, found: Iterable[Violation], silent: Silent) -> Iterator[JudgedSentence]:
    of: dict[str, list[Violation]] = {}
    for one in found:
        of.setdefault(one.sentence, []).append(one)
    texts: tuple[tuple[Literal["findings", "impression"], str], ...] = (
        ("findings", draft.findings),
        ("impression", draft.impression),
    )
    for section, paragraph in texts:
        for text in divide(paragraph):
            own = of.get(text, [])
            faults = tuple(one for one in own if _refuses(one, silent))
            reading = read(text)
            covered = bool(reading.statements) or any(
                one.observation in BY_NAME or one.implied for one in reading.claims
            )
            standing: Standing = "refused" if faults else "kept" if covered else "not_checked"
            yield JudgedSentence(section, text, standing, faults, _aside(own, silent), covered)


def check_object(
    item: Mapping[str, Any], *, outside: Outside = "shown", silent: Silent = "set_apart"
) -> dict[str, Any]:
    """``check`` from plain data to plain data, as files and the HTTP interface have it.

    Args:
        item: ``{"id", "evidence", "findings", "impression"}``; ``evidence`` as ``read_evidence`` takes it, ``id`` any
            text or number, or left out.
        outside, silent: as for ``check``; with ``removed`` the answer also has the text that is left.

    Returns:
        ``{"id", "verdict": "accepted"|"refused", "faults": [{"kind", "sentence", "why"}], "not_checked": [...]}``.

    Raises:
        DraftError: the item lacks a field, or one is of the wrong kind.
    """
    if not isinstance(item, Mapping):
        raise DraftError("A draft should be an object with evidence, findings and impression.")
    if outside not in get_args(Outside):
        raise DraftError(f"What lies outside is either shown or removed, not {outside!r}.")
    if silent not in get_args(Silent):
        raise DraftError(f"Where the evidence is silent, words are set_apart or refused, not {silent!r}.")
    for name in ("evidence", "findings", "impression"):
        if name not in item:
            raise DraftError(f"The draft has no {name!r}; it needs evidence, findings and impression.")
    for name in ("findings", "impression"):
        if not isinstance(item[name], str):
            raise DraftError(f"{name!r} should be text.")
    identifier = item.get("id")
    if identifier is not None and not isinstance(identifier, (str, int, float)):
        raise DraftError("'id' should be text or a number.")
    draft = Draft(item["findings"], item["impression"])
    result = check(draft, read_evidence(item["evidence"]), outside=outside, silent=silent)
    answer: dict[str, Any] = {
        "id": identifier,
        "verdict": result.verdict,
        "faults": [{"kind": one.kind, "sentence": one.sentence, "why": one.message} for one in result.faults],
        "not_checked": list(result.not_checked),
    }
    if outside == "removed":
        answer |= {"findings": result.draft.findings, "impression": result.draft.impression}
    return answer


def _without_outside(paragraph: str, case: Case, silent: Silent) -> str:
    """The sentences without what is not checked; what is at fault stays, so that it is still found."""
    kept = []
    for sentence in divide(paragraph):
        found = judge(sentence, case)
        if any(one.kind in NOT_CHECKED for one in found) and not any(_refuses(one, silent) for one in found):
            shorter = mended(sentence, lambda candidate: not judge(candidate, case))
            # A finding that is called may not be lost with the words around it.
            if shorter is None and any(claim.called for claim in read(sentence).claims):
                shorter = sentence
            if shorter is not None:
                kept.append(shorter)
        else:
            kept.append(sentence)
    return " ".join(kept)
