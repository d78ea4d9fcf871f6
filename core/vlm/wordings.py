"""Ways to word one statement of a plan, each read by the labeler and the guard as just that statement."""

from collections.abc import Iterator

from core.findings import BY_NAME
from core.labeler import presences
from core.reporting.certainty import PHRASES, Certainty, stated
from core.reporting.evidence import Evidence
from core.reporting.guard import Draft, examine_sentence, link
from core.reporting.plan import Statement
from core.reporting.wording import LUNG, listed, phrases, placed, side_of
from core.vlm.wording_bank import WordingBank

# A list of so many findings is long enough for one way to put its places.
_LONG_LIST = 3


def wordings(statement: Statement, evidence: Evidence, bank: WordingBank) -> list[str]:
    """Sentences that say what a statement says, and nothing else; none for notes, which are not worded anew.

    Args:
        statement: of the plan for ``evidence``.
        evidence: what a sentence may rest on.
        bank: how radiologists put what is normal.
    """
    if statement.kind == "called":
        ways = _calls(statement)
    elif statement.kind == "not_called":
        ways = _denials(statement, bank)
    else:
        ways = iter(bank.normal.get(statement.kind, ()))
    return [text for text in dict.fromkeys(ways) if says(text, statement, evidence)]


def says(sentence: str, statement: Statement, evidence: Evidence) -> bool:
    """Whether a sentence is read as the statement, finding by finding, and the evidence bears it out."""
    if examine_sentence(sentence, evidence):
        return False
    read = link(Draft(sentence, ""), evidence)
    if len(read) != 1 or set(read[0].findings) != set(statement.findings):
        return False
    if statement.certainty is None:
        return read[0].kind == "normal"
    found = presences(sentence)
    wanted = "uncertain" if PHRASES[statement.certainty].hedged else "present"
    return read[0].kind == "finding" and all(found.get(name) == wanted for name in statement.findings)


def _calls(statement: Statement) -> Iterator[str]:
    certainty = statement.certainty
    assert certainty is not None
    several = len(statement.findings) > 1
    for phrase in _phrases(statement, certainty):
        for wording in range(len(PHRASES[certainty].sentences)):
            yield stated(certainty, phrase, wording=wording, several=several)


def _phrases(statement: Statement, certainty: Certainty) -> Iterator[str]:
    """Findings with their places: behind them, or in front of a single one."""
    names, places = statement.findings, statement.places
    yield placed(names, places, certainty)
    if not places or len(names) >= _LONG_LIST:
        return
    listing = listed(phrases(names), "or" if PHRASES[certainty].hedged else "and")
    side = side_of(places)
    if all(BY_NAME[name].group == "pleura" for name in names):
        if side is not None:
            yield f"{listing} on {'both sides' if side == 'bilateral' else f'the {side}'}"
        return
    if len(names) == 1 and len(places) == 1:
        yield f"{places[0].in_words()} {listing}"
    if side is not None and len({place.zone for place in places}) == 1 and places[0].zone is not None:
        where = "both lungs" if side == "bilateral" else f"the {side} lung"
        yield f"{listing} in the {places[0].zone} {'zones' if side == 'bilateral' else 'zone'} of {where}"


def _denials(statement: Statement, bank: WordingBank) -> Iterator[str]:
    names = statement.findings
    rest = [name for name in names if name not in LUNG]
    if len(names) - len(rest) < len(LUNG):
        for pattern in bank.denials:
            yield pattern.format(listed(phrases(names)))
        return
    for lungs in bank.normal.get("lungs", ()):
        if not rest:
            yield lungs
        elif " are clear" in lungs:
            yield f"{lungs.rstrip('.')}, and there is no {listed(phrases(rest))}."
    if "Cardiomegaly" in rest and len(rest) > 1:
        others = listed(phrases([name for name in rest if name != "Cardiomegaly"]))
        for heart in ("The heart size is normal", "Heart size is normal", "The heart is not enlarged"):
            yield f"{heart}, the lungs are clear, and there is no {others}."
