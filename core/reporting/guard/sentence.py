"""One sentence against the evidence."""

import itertools
import re
from collections.abc import Iterator

from core.findings import BY_NAME, display_name
from core.reporting.evidence import Evidence
from core.reporting.guard.case import Case, Site, bare
from core.reporting.guard.claims import Claim
from core.reporting.guard.reading import Reading, read
from core.reporting.guard.verdict import Violation, ViolationKind

# Words that only the template uses.
_TEMPLATE = re.compile(r"operating point|probability|this model|model attention|is called|^uncertain:", re.IGNORECASE)


def examine_sentence(sentence: str, evidence: Evidence) -> tuple[Violation, ...]:
    """All that can be judged of one sentence alone; empty if nothing speaks against it.

    A sentence that the template itself writes from this evidence, word for word, may speak of probabilities, operating
    points, the model and its attention, which the writer may not; what it says of the 14 findings is judged like
    anything else.
    """
    return judge(sentence, Case(evidence))


def judge(sentence: str, case: Case) -> tuple[Violation, ...]:
    """``examine_sentence`` for a case that is at hand."""
    reading = read(sentence)
    if _TEMPLATE.search(sentence) and bare(sentence) in case.template:
        own = (_labelled(sentence, claim, False, case) for claim in reading.claims if claim.observation in BY_NAME)
        return tuple(itertools.chain.from_iterable(own))
    found = [Violation(kind, sentence, (), message) for kind, message in reading.faults]
    for index, claim in enumerate(reading.claims):
        if claim.observation in BY_NAME:
            # "Atelectasis or consolidation" leaves open which of them it is.
            found.extend(_labelled(sentence, claim, reading.hedged or index in reading.alternatives, case))
        else:
            found.extend(_further(sentence, claim, _left_aside(reading, index in reading.rest, case), case))
    found.extend(_statements(sentence, reading, case))
    found.extend(_details(sentence, reading))
    found.extend(_places(sentence, reading, case))
    return tuple(dict.fromkeys(found))


def supporting(claim: Claim, case: Case) -> tuple[str, ...]:
    """The findings that a claim rests on: itself, or those that a further observation follows from."""
    if claim.observation in BY_NAME:
        return (claim.observation,)
    if claim.implied is None:
        return ()
    if claim.presence == "absent":
        return claim.implied.denied_by
    return case.having(claim.implied.asserted_by, "present" if claim.presence == "present" else "possible")


def _labelled(sentence: str, claim: Claim, doubted: bool, case: Case) -> Iterator[Violation]:
    name = claim.observation
    shown = display_name(name)
    decision, said = case.decisions[name], claim.presence
    if said == "not mentioned":
        return
    kind: ViolationKind | None = None
    message = ""
    if decision == "unknown":
        kind, message = "added", f"{shown} is spoken of, and this model does not assess it."
    elif decision == "absent" and said != "absent":
        kind, message = "added", f"{shown} is called {said}, and the evidence has it absent."
    elif decision in ("present", "possible") and said == "absent":
        kind, message = "flipped", f"{shown} is denied, and the evidence has it {decision}."
    elif decision in ("present", "possible") and not case.doubted(name) and said == "uncertain":
        kind, message = "made_uncertain", f"{shown} is put in doubt, and it is more likely there than not."
    elif decision in ("present", "possible") and case.doubted(name) and said == "present" and not doubted:
        kind, message = "made_certain", f"{shown} is called certain, and it is less likely there than not."
    if kind:
        yield Violation(kind, sentence, (name,), message)


def _left_aside(reading: Reading, rest: bool, case: Case) -> frozenset[str]:
    """The findings that a statement about the rest of the chest says nothing of.

    They are those that its sentence calls. A sentence that calls none, such as "the lungs are otherwise clear", looks
    back at the sentences before it, which must name all that is called; an exception must name what it excepts.
    """
    if not rest:
        return frozenset()
    called = {name for claim in reading.claims if claim.called for name in supporting(claim, case)}
    return frozenset(called) if called or reading.exception else frozenset(BY_NAME)


def _further(sentence: str, claim: Claim, aside: frozenset[str], case: Case) -> Iterator[Violation]:
    shown = display_name(claim.observation)
    if claim.presence == "not mentioned":
        return
    # A normal silhouette is judged by the heart; other words for the mediastinum are outside the vocabulary.
    if claim.observation == "Enlarged_Cardiomediastinum" and claim.presence == "absent":
        return
    if claim.implied is None:
        yield Violation("outside", sentence, (), f"{shown} follows from none of the findings.")
    elif claim.presence == "absent":
        called = _without(case.having(claim.implied.denied_by, "present", "possible"), aside)
        if called:
            yield Violation(
                "contradiction", sentence, called, f"{shown} is denied, and the evidence has {_listed(called)}."
            )
        if unknown := case.having(claim.implied.denied_by, "unknown"):
            yield Violation(
                "added", sentence, unknown, f"{shown} is denied, and this model does not assess {_listed(unknown)}."
            )
    elif not supporting(claim, case):
        if called := case.having(claim.implied.asserted_by, "present", "possible"):
            kind: ViolationKind = "made_certain" if claim.presence == "present" else "made_uncertain"
            message = f"{shown} is called {claim.presence}, unlike {_listed(called)} in the evidence."
            yield Violation(kind, sentence, called, message)
        else:
            yield Violation("added", sentence, (), f"{shown} is called {claim.presence}, and no finding supports it.")


def _statements(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    for one in reading.statements:
        if one.findings == ("Cardiomegaly",) and any(claim.observation == "Cardiomegaly" for claim in reading.claims):
            continue
        words = sentence[one.start : one.end]
        called = case.having(one.findings, "present", "possible")
        if called := _without(called, _left_aside(reading, one.rest, case)):
            message = f"“{words}” contradicts the evidence, which has {_listed(called)}."
            yield Violation("contradiction", sentence, called, message)
        if unknown := case.having(one.findings, "unknown"):
            message = f"“{words}” says more than is known: this model does not assess {_listed(unknown)}."
            yield Violation("added", sentence, unknown, message)


def _details(sentence: str, reading: Reading) -> Iterator[Violation]:
    for word, indices in reading.details:
        if names := [reading.claims[index].observation for index in indices if reading.claims[index].called]:
            known = tuple(name for name in names if name in BY_NAME)
            yield Violation("severity", sentence, known, f"“{word}” is said of a finding, and the evidence does not.")


def _places(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    called = [claim for claim in reading.claims if claim.called]
    if not reading.sides and not reading.levels and not any(claim.side for claim in called):
        return
    sites = []
    misplaced = set()
    beyond = set()
    for claim in called:
        where = [case.site(name) for name in supporting(claim, case)]
        sites += where
        if not where:
            continue
        # A side that is named once in a sentence is read as that of all that it calls.
        side = claim.side or (_other_side(reading.sides, where) if claim.sided else None)
        if side and all(site.side != side for site in where):
            misplaced.add(side)
            message = _place_message(display_name(claim.observation), side, where[0].words)
            yield Violation("side", sentence, _only(claim.observation), message)
        for level in sorted(claim.levels):
            if not _has_level(where, level):
                beyond.add(level)
                yield _no_level(sentence, level, _only(claim.observation))
    denies = bool(reading.statements) or any(claim.presence == "absent" for claim in reading.claims)
    given = {site.side for site in sites}
    for side in sorted(reading.sides):
        if side in given | misplaced or ("bilateral" in given and {"left", "right"} <= reading.sides):
            continue
        if side == "bilateral" and denies:
            continue
        yield Violation("side", sentence, (), f"“{side}” is stated, and the evidence gives no such side.")
    if sites:
        for level in sorted(reading.levels - beyond):
            if not _has_level(sites, level):
                yield _no_level(sentence, level, ())


def _other_side(sides: frozenset[str], where: list[Site]) -> str | None:
    """The one side that a sentence names, where the evidence has what it calls on the other."""
    other = {"left": "right", "right": "left"}
    side = next(iter(sides)) if len(sides) == 1 else ""
    return side if side in other and any(site.side == other[side] for site in where) else None


def _has_level(sites: list[Site], level: str) -> bool:
    return any(level in site.levels for site in sites)


def _no_level(sentence: str, level: str, names: tuple[str, ...]) -> Violation:
    message = f"A place at the {level} level is stated, and the evidence gives none."
    return Violation("side", sentence, names, message)


def _without(names: tuple[str, ...], aside: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in aside)


def _only(name: str) -> tuple[str, ...]:
    return (name,) if name in BY_NAME else ()


def _place_message(shown: str, side: str, words: str) -> str:
    where = f"the evidence has it in the {words}" if words else "the evidence gives no place"
    return f"{shown} is placed {'on both sides' if side == 'bilateral' else f'on the {side}'}, and {where}."


def _listed(names: tuple[str, ...]) -> str:
    shown = [display_name(name).lower() for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
