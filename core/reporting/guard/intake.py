"""Evidence as it comes from elsewhere, to the guard's case: the API's findings list, or a short form in one line."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from core.anatomy import Place
from core.findings import LABELS
from core.reporting.certainty import Certainty, certainty_of
from core.reporting.errors import DraftError
from core.reporting.evidence import DECISIONS, Decision
from core.reporting.guard.case import Case, Expected, Severity

_SIGNS: dict[str, Decision] = {"+": "present", "?": "possible", "0": "absent"}
_HINT = "write it like +Effusion@left_lower_zone ?Pneumonia 0Hernia, or give the findings list of the API"


def read_evidence(evidence: str | Sequence[Mapping[str, Any]]) -> Case:
    """What may be said of each finding.

    Args:
        evidence: the findings list of ``GET /api/studies/<id>``, or the short form ``+Effusion@left_lower_zone
            ?Pneumonia 0Hernia``: ``+`` is present (stated without doubt), ``?`` possible (stated with doubt), ``0`` not
            called, as is every finding left out. Several places are joined by commas, or stand in several tokens. In
            the list, ``certainty`` decides where it is given; else decision and probability do. There ``severity`` may
            be mild, moderate or severe, and ``several`` true or false. Of what is left out, nothing is said.

    Raises:
        DraftError: it is neither, or names an unknown finding, place, decision or certainty.

    >>> case = read_evidence("+Effusion@left_lower ?Pneumonia")
    >>> case.decisions["Effusion"], case.doubtful("Pneumonia"), case.decisions["Hernia"]
    ('present', True, 'absent')
    """
    if isinstance(evidence, str):
        return Case(_from_short_form(evidence))
    if isinstance(evidence, Sequence) and all(isinstance(item, Mapping) for item in evidence):
        return Case(_from_findings(cast(Sequence[Mapping[str, Any]], evidence)))
    raise DraftError(f"The evidence is neither text nor a list of findings: {_HINT}.")


def _from_short_form(text: str) -> dict[str, Expected]:
    expected = {name: Expected("absent", None, ()) for name in LABELS}
    for token in text.split():
        name, _, places = token[1:].partition("@")
        if token[0] not in _SIGNS or name not in expected:
            raise DraftError(f"{token!r} is no finding of the evidence: {_HINT}.")
        decision = _SIGNS[token[0]]
        if expected[name].decision not in ("absent", decision):
            raise DraftError(f"{name} is both {expected[name].decision} and {decision} in the evidence.")
        where = tuple(map(_place, filter(None, places.split(","))))
        if expected[name].decision == decision:
            where = tuple(dict.fromkeys((*expected[name].places, *where)))
        expected[name] = Expected(decision, certainty_of(decision, None), where)
    return expected


def _from_findings(items: Sequence[Mapping[str, Any]]) -> dict[str, Expected]:
    expected: dict[str, Expected] = {}
    for item in items:
        name, decision = item.get("name"), item.get("decision")
        if name not in LABELS:
            raise DraftError(f"There is no finding {name!r}; the 14 names are {', '.join(LABELS)}.")
        if decision not in DECISIONS:
            raise DraftError(f"The decision on {name} is {decision!r}; it should be one of {', '.join(DECISIONS)}.")
        probability, places = item.get("probability"), item.get("places") or ()
        if probability is not None and not isinstance(probability, (int, float)):
            raise DraftError(f"The probability of {name} is {probability!r}; it should be a number or null.")
        if isinstance(places, str) or not isinstance(places, Sequence):
            raise DraftError(f"The places of {name} should be a list, such as ['left_lower_zone'].")
        band = _certainty(name, item.get("certainty")) or certainty_of(decision, probability)
        called = decision in ("present", "possible")
        several = item.get("several")
        if several is not None and not isinstance(several, bool):
            raise DraftError(f"Whether there are several of {name} is {several!r}; it should be true, false or null.")
        severity = item.get("severity")
        if severity is not None and severity not in get_args(Severity):
            raise DraftError(
                f"The severity of {name} is {severity!r}; it should be one of {', '.join(get_args(Severity))}."
            )
        expected[name] = Expected(
            cast(Decision, decision),
            band if called else None,
            tuple(map(_place, places)) if called else (),
            severity if called else None,
            several if called else None,
        )
    return expected


def _certainty(name: str, value: Any) -> Certainty | None:
    if value is not None and value not in get_args(Certainty):
        raise DraftError(f"The certainty of {name} is {value!r}; it should be one of {', '.join(get_args(Certainty))}.")
    return cast(Certainty | None, value)


def _place(text: Any) -> Place:
    """A place by its key or its words; raises ValueError where it is none."""
    if isinstance(text, Mapping):
        return Place(text.get("side"), text.get("zone"))
    return Place.from_key(re.sub(r"s?$", "", str(text).strip().lower().replace(" ", "_")))
