"""Every statement has wordings, and each is read as just that statement."""

import random

import pytest

from core.anatomy import Place
from core.findings import BY_NAME, LABELS
from core.labeler import presences
from core.reporting.plan import Statement, plan_of
from core.vlm.composition import random_evidence
from core.vlm.reference_evidence import evidence_from_decisions
from core.vlm.wording_bank import learn_wordings, load_wordings, save_wordings
from core.vlm.wordings import says, wordings
from core.vlm.writer import SHIPPED_WRITER

BANK = load_wordings(SHIPPED_WRITER / "wordings.json")
REPORTS = ["The heart is not enlarged. Lungs are clear. There is no large pleural effusion or pneumothorax."] * 3 + [
    "No pneumothorax or pleural effusion is seen. Lungs are clear. Old rib fracture. The heart is enlarged.",
    "No pneumothorax or pleural effusion is seen. The heart is not enlarged.",
    "No mass or nodule is seen. The heart is not enlarged. The lungs are clear.",
]


def _evidence(**places: str):
    decisions = ["present" if name in places else "absent" for name in LABELS]
    where = [tuple(map(Place.from_key, places.get(name, "").split())) for name in LABELS]
    return evidence_from_decisions(decisions, where, seed="words", view="PA")


@pytest.mark.parametrize("seed", range(25))
def test_each_statement_can_be_worded(seed):
    evidence = random_evidence(random.Random(seed))
    for statement in plan_of(evidence).statements:
        if statement.kind in ("note", "not_assessed"):
            assert wordings(statement, evidence, BANK) == []
            continue
        ways = wordings(statement, evidence, BANK)
        assert len(ways) > 1, statement
        for way in ways:
            said = {name for name, presence in presences(way).items() if presence in ("present", "uncertain")}
            called = set(statement.findings) if statement.kind == "called" else set()
            assert said & set(BY_NAME) == called


@pytest.mark.parametrize(
    "sentence",
    [
        "Possible left pleural effusion.",
        "Likely right pleural effusion.",
        "Likely bilateral pleural effusion.",
        "Likely left pleural effusion and cardiomegaly.",
        "Likely large left pleural effusion.",
        "No pleural effusion.",
        "Likely left pleural effusion, the lungs are clear.",
        "Likely left pleural effusion. Likely left pleural effusion.",
        "",
    ],
)
def test_a_sentence_that_says_more_less_or_else_is_no_wording(sentence):
    evidence = _evidence(Effusion="left_lower")
    statement = Statement("findings", "called", ("Effusion",), "likely", (Place("left", "lower"),))
    assert says("Likely left pleural effusion.", statement, evidence)
    assert not says(sentence, statement, evidence)


def test_what_denies_less_or_more_than_the_statement_is_no_wording():
    evidence = _evidence()
    pleura = Statement("findings", "pleura", ("Effusion", "Pneumothorax"))
    assert says("No pleural effusion or pneumothorax.", pleura, evidence)
    assert not says("No pleural effusion.", pleura, evidence)
    assert not says("No pleural effusion, pneumothorax or mass.", pleura, evidence)


def test_sentences_are_learned_by_what_they_say_and_only_usual_ones():
    bank = learn_wordings(REPORTS)
    assert bank.normal["heart"] == ("The heart is not enlarged.",)
    assert bank.normal["lungs"] == ("Lungs are clear.",)
    assert bank.normal["pleura"] == ()
    assert bank.denials == ("No {} is seen.",)


def test_a_bank_is_read_back(tmp_path):
    save_wordings(BANK, tmp_path / "bank.json")
    assert load_wordings(tmp_path / "bank.json") == BANK
