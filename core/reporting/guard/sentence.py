"""One sentence against the evidence."""

import itertools
import re
from collections.abc import Iterator

from core.findings import BY_NAME, display_name
from core.reporting.evidence import Evidence
from core.reporting.guard.case import Case, Severity, bare
from core.reporting.guard.claims import Claim
from core.reporting.guard.placing import places
from core.reporting.guard.reading import Reading, read
from core.reporting.guard.statements import LASTING, SELDOM_AIRSPACE, Statement
from core.reporting.guard.verdict import Violation, ViolationKind
from core.reporting.guard.vocabulary import COUNTING_WORDS, DEGREES, NEUTRAL_WORDS

# Findings of which a second one is another illness.
_COUNTED = frozenset(("Nodule", "Mass", "Hernia", "Pneumonia"))
# Words that only the template uses.
_TEMPLATE = re.compile(r"operating point|probability|this model|model attention|is called|^uncertain:", re.IGNORECASE)


def examine_sentence(sentence: str, evidence: Evidence) -> tuple[Violation, ...]:
    """All that can be judged of one sentence alone; empty if nothing speaks against it.

    A sentence that the template itself writes from this evidence, word for word, may speak of probabilities, operating
    points, the model and its attention, which the writer may not; what it says of the 14 findings is judged like
    anything else.
    """
    return judge(sentence, Case.of(evidence))


def judge(sentence: str, case: Case) -> tuple[Violation, ...]:
    """``examine_sentence`` for a case that is at hand."""
    reading = read(sentence)
    if _TEMPLATE.search(sentence) and bare(sentence) in case.template:
        own = (_labelled(sentence, claim, False, case) for claim in reading.claims if claim.observation in BY_NAME)
        return tuple(itertools.chain.from_iterable(own))
    found = [Violation(fault.kind, sentence, (), fault.message, fault.words) for fault in reading.faults]
    for index, claim in enumerate(reading.claims):
        aside = _left_aside(reading, index in reading.rest, case)
        if claim.observation in BY_NAME:
            # "Atelectasis or consolidation" leaves open which of them it is.
            doubted = index in reading.alternatives or reading.doubted
            found.extend(_labelled(sentence, claim, doubted, case))
            found.extend(_lookalikes(sentence, claim, aside, case))
        else:
            found.extend(_further(sentence, claim, reading, aside, case))
        found.extend(_presupposed(sentence, claim, reading, case))
    found.extend(_certain(sentence, reading, case))
    found.extend(_statements(sentence, reading, case))
    found.extend(_details(sentence, reading, case))
    found.extend(_counts(sentence, reading, case))
    found.extend(places(sentence, reading, case))
    return tuple(dict.fromkeys(found))


def supporting(claim: Claim, case: Case) -> tuple[str, ...]:
    """The findings that a claim rests on: itself, or those that a further observation follows from."""
    if claim.observation in BY_NAME:
        return (claim.observation,)
    if claim.implied is None:
        return ()
    if claim.presence == "absent":
        return claim.implied.denied_by
    wanted = claim.presence == "uncertain"
    return tuple(name for name in case.called(claim.implied.asserted_by or ()) if case.doubtful(name) == wanted)


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
        kind, message = "added", f"{shown} is called {said}, and the evidence does not call it."
    elif decision in ("present", "possible") and said == "absent" and claim.presupposed != "another":
        where = case.whereabouts(name, claim.side, claim.levels)
        if where == "there":
            kind, message = "flipped", f"{shown} is denied, and the evidence has it {decision}."
        elif where == "silent":
            kind, message = "silent", f"{shown} is denied for one place, and the evidence does not say where it is."
    elif decision in ("present", "possible") and not case.doubtful(name):
        if said == "uncertain" or (doubted and said == "present"):
            kind, message = "made_uncertain", f"{shown} is put in doubt, and the evidence has it likely."
    elif decision in ("present", "possible") and said == "present":
        kind, message = "made_certain", f"{shown} is stated without doubt, and the evidence has it below one half."
    if kind:
        yield Violation(kind, sentence, (name,), message)


def _lookalikes(sentence: str, claim: Claim, aside: frozenset[str], case: Case) -> Iterator[Violation]:
    """A finding denied beside one that looks like it: "no consolidation" beside a pneumonia."""
    if claim.presence != "absent" or case.decisions[claim.observation] != "absent":
        return
    # "Pleural thickening, but no effusion" is a distinction that radiologists make.
    if BY_NAME[claim.observation].group != "lung":
        return
    called = tuple(
        name for name in case.called(BY_NAME) if claim.observation in BY_NAME[name].resembles and name not in aside
    )
    shown = display_name(claim.observation)
    message = f"{shown} is denied beside {{}}, which looks like it."
    yield from _against(sentence, called, claim, case, message, seldom=SELDOM_AIRSPACE)


def _against(
    sentence: str,
    called: tuple[str, ...],
    said: Claim | Statement,
    case: Case,
    message: str,
    seldom: tuple[str, ...] = (),
) -> Iterator[Violation]:
    """What a denial, or a part called normal, says against called findings: all that may lie where it looks.

    Those of ``seldom`` it need not mean: whether it does cannot be checked.
    """
    by_place: dict[str, list[str]] = {"there": [], "silent": [], "elsewhere": []}
    for name in called:
        where = case.whereabouts(name, said.side, said.levels)
        by_place["silent" if where == "there" and name in seldom else where].append(name)
    if there := tuple(by_place["there"]):
        yield Violation("contradiction", sentence, there, message.format(_listed(there)))
    elif silent := tuple(by_place["silent"]):
        why = f"Whether this speaks of {_listed(silent)}, too, cannot be told from the evidence."
        yield Violation("silent", sentence, silent, why)


def _presupposed(sentence: str, claim: Claim, reading: Reading, case: Case) -> Iterator[Violation]:
    """A finding that a sentence takes for known and that the evidence does not have."""
    if claim.observation not in BY_NAME and (claim.implied is None or claim.implied.asserted_by is None):
        return
    shown = display_name(claim.observation).lower()
    names = (
        (claim.observation,) if claim.observation in BY_NAME else (claim.implied and claim.implied.asserted_by) or ()
    )
    called = case.called(names)
    taken = claim.presupposed
    if taken in ("complement", "known") and not called:
        yield Violation(
            "presupposed", sentence, _only(claim.observation), f"It takes a {shown} for known; none is called."
        )
    elif taken == "another":
        if claim.presence == "absent" and not called:
            message = f"It takes a {shown} for known beside the one denied; none is called."
            yield Violation("presupposed", sentence, _only(claim.observation), message)
        elif claim.called and not _several(names, case):
            yield Violation("count", sentence, _only(claim.observation), f"It speaks of more than one {shown}.")
    elif taken == "host":
        others = [one for one in reading.claims if one is not claim and one.called]
        if not others and not set(case.called(BY_NAME)) - set(names):
            message = f"It speaks of {shown} beside some finding; none is called."
            yield Violation("presupposed", sentence, _only(claim.observation), message)


def _certain(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    """Certainty in a sentence that puts a finding in doubt, as it must, and takes the doubt back."""
    if reading.certain is None:
        return
    for claim in reading.claims:
        names = (claim.observation,) if claim.observation in BY_NAME else ()
        if claim.presence == "uncertain" and case.called(names) and case.doubtful(claim.observation):
            message = f"“{reading.certain}” takes the doubt from {display_name(claim.observation).lower()}."
            yield Violation("made_certain", sentence, names, message)


def _left_aside(reading: Reading, rest: bool, case: Case) -> frozenset[str]:
    """The findings that a statement about the rest of the chest says nothing of.

    They are those that its sentence calls. A sentence that calls none, such as "the lungs are otherwise clear", looks
    back at the sentences before it, which must name all that is called; an exception must name what it excepts.
    """
    if not rest:
        return frozenset()
    called = {name for claim in reading.claims if claim.called for name in supporting(claim, case)}
    return frozenset(called) if called or reading.exception else frozenset(BY_NAME)


def _further(sentence: str, claim: Claim, reading: Reading, aside: frozenset[str], case: Case) -> Iterator[Violation]:
    shown = display_name(claim.observation)
    if claim.presence == "not mentioned":
        return
    # A normal silhouette is judged by the heart; other words for the mediastinum are outside the vocabulary.
    if claim.observation == "Enlarged_Cardiomediastinum" and claim.presence == "absent":
        return
    if claim.implied is None or (claim.implied.asserted_by is None and claim.presence != "absent"):
        yield Violation("outside", sentence, (), f"{shown} follows from none of the findings.", shown.lower())
    elif claim.presence == "absent":
        called = _without(case.called(claim.implied.denied_by), aside)
        message = f"{shown} is denied, and the evidence has {{}}."
        yield from _against(sentence, called, claim, case, message, seldom=claim.implied.seldom)
        if unknown := case.having(claim.implied.denied_by, "unknown"):
            yield Violation(
                "added", sentence, unknown, f"{shown} is denied, and this model does not assess {_listed(unknown)}."
            )
    elif not supporting(claim, case):
        if called := case.called(claim.implied.asserted_by or ()):
            # "An opacity may represent pneumonia" doubts what it is, and no more.
            if claim.presence == "present" and any(
                one.presence == "uncertain" and one.observation in called for one in reading.claims
            ):
                return
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
        called = _without(case.called(one.findings), _left_aside(reading, one.rest, case))
        message = f"“{words}” contradicts the evidence, which has {{}}."
        yield from _against(
            sentence, called, one, case, message, seldom=LASTING if one.acute and not reading.exception else ()
        )
        if unknown := case.having(one.findings, "unknown"):
            message = f"“{words}” says more than is known: this model does not assess {_listed(unknown)}."
            yield Violation("added", sentence, unknown, message)


def _details(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    """Degrees, extents and shapes of called findings: against the degree of the evidence, where it has one."""
    degrees: dict[int, set[Severity]] = {}
    for word, indices in reading.details:
        for index in indices:
            if word in DEGREES and reading.claims[index].called:
                degrees.setdefault(index, set()).add(DEGREES[word])
    for word, indices in reading.details:
        named = {
            index: supporting(reading.claims[index], case) or _only(reading.claims[index].observation)
            for index in indices
            if reading.claims[index].called
            and (reading.claims[index].observation in BY_NAME or reading.claims[index].implied)
        }
        if not named:
            continue
        known = tuple(name for names in named.values() for name in names)
        # "Mild to moderate" agrees with either.
        given = {case.severity(name) for index, names in named.items() for name in names if word in DEGREES}
        agrees = any(case.severity(name) in degrees.get(index, ()) for index, names in named.items() for name in names)
        if agrees:
            continue
        if given - {None}:
            message = f"“{word}” is said of a finding, and the evidence has it {_or(given)}."
            yield Violation("severity", sentence, known, message)
        elif word in NEUTRAL_WORDS:
            message = f"“{word}” is said of a finding, and the evidence gives no degree or shape."
            yield Violation("silent", sentence, known, message, word)
        elif word in COUNTING_WORDS and any(case.several(name) for name in known):
            continue
        elif word in COUNTING_WORDS and all(case.several(name) is None and name not in _COUNTED for name in known):
            message = f"“{word}” is said of a finding, and the evidence does not say how many there are."
            yield Violation("silent", sentence, known, message, word)
        else:
            yield Violation("severity", sentence, known, f"“{word}” is said of a finding, and the evidence does not.")


def _or(severities: set[Severity | None]) -> str:
    return " or ".join(sorted(one for one in severities if one))


def _counts(sentence: str, reading: Reading, case: Case) -> Iterator[Violation]:
    """Several of a finding that the evidence has in one place."""
    for claim in reading.claims:
        names = supporting(claim, case)
        if not claim.plural or not claim.called or not names:
            continue
        answers = {case.several(name) for name in names}
        if True in answers:
            continue
        shown = sentence[claim.start : claim.end]
        # "Effusions" are one on each side and "infiltrates" a manner of speaking; nodules are counted.
        if None in answers and not any(name in _COUNTED for name in names):
            message = f"“{shown}” speaks of several, and the evidence does not say how many there are."
            yield Violation("silent", sentence, _only(claim.observation), message, shown)
        else:
            message = f"“{shown}” speaks of several, and the evidence has no two places."
            yield Violation("count", sentence, _only(claim.observation), message)


def _several(names: tuple[str, ...], case: Case) -> bool:
    return any(case.several(name) for name in names)


def _without(names: tuple[str, ...], aside: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in aside)


def _only(name: str) -> tuple[str, ...]:
    return (name,) if name in BY_NAME else ()


def _listed(names: tuple[str, ...]) -> str:
    shown = [display_name(name).lower() for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
