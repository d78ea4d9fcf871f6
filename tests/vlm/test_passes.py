"""Structured passes, what a model says on its own, and questions: read, judged, shown as far as it stands up."""

import json
import random

import pytest

from core.findings import LABELS
from core.imaging.reader import read_radiograph
from core.labeler import CHEXPERT
from core.reporting.guard import Draft, examine
from core.reporting.templater import write_report
from core.vlm.backends import Backend, Decoding
from core.vlm.claims import judged
from core.vlm.icd import CodeSuggestion, candidates, codes_in, meaning_of, suggested_codes, supported
from core.vlm.pass_settings import PassSettings, SettingError
from core.vlm.passes import majority, read_labels, read_object, run_passes
from core.vlm.pictures import picture_of
from core.vlm.prompts import render_image_prompt
from core.vlm.question import QuestionError
from core.vlm.questions import answer_question
from core.vlm.reference_evidence import evidence_from_decisions

RECORD = {"Age": 70, "Chronic_conditions": ["COPD", "type 2 diabetes"]}


def evidence(*present, possible=()):
    decisions = ["present" if name in present else "possible" if name in possible else "absent" for name in LABELS]
    return evidence_from_decisions(decisions, [()] * len(LABELS), seed="1", view="PA")


class Server(Backend):
    """Answers as it is told, one answer for each kind of prompt, and notes what it was asked."""

    identity = {"name": "told", "version": "1"}  # noqa: RUF012
    decoding = Decoding(temperature=0)

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def answer(self, picture, prompt, *, seed, decoding=None, on_text=None):
        self.asked.append((prompt, seed, decoding))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.fixture(scope="module")
def picture(phantom_png_bytes):
    return picture_of(read_radiograph(phantom_png_bytes))


def passes(picture, found, backend, **options):
    return run_passes(picture, found, backend, write_report(found), **options)


@pytest.mark.parametrize(
    ("text", "value", "how"),
    [
        ('{"impression": "Clear."}', {"impression": "Clear."}, "as written"),
        ('Here it is: ```json\n{"impression": "Clear.",}\n```', {"impression": "Clear."}, "repaired"),
        ("{'impression': 'Clear.'", {"impression": "Clear."}, "repaired"),
        ("There is no object.", None, "fallback"),
        ("", None, "fallback"),
    ],
)
def test_json_is_read_or_repaired(text, value, how):
    assert read_object(text) == (value, how)


def test_labels_are_read_under_any_spelling():
    labels, how = read_labels(
        '{"cardiomegaly": "positive", "Pleural_Effusion": 0, "Edema": -1, "Nonsense": 1, "Mass": 9}'
    )
    assert how == "as written"
    assert {name for name, value in labels.items() if value is not None} == {
        "Cardiomegaly",
        "Pleural Effusion",
        "Edema",
    }
    assert (labels["Cardiomegaly"], labels["Pleural Effusion"], labels["Edema"]) == (1, 0, -1)
    assert read_labels('{"Nonsense": 1}')[1] == "fallback"


@pytest.mark.parametrize(
    ("votes", "value"), [((1, 1, 0), 1), ((1, 0), 0), ((1, -1), -1), ((None, 1), None), ((-1, 1, 1, -1, 1), 1)]
)
def test_the_majority_counts_and_a_tie_is_cautious(votes, value):
    assert majority(votes) == value


def test_settings_have_their_published_names_and_defaults():
    settings = PassSettings.of(environment={})
    assert (settings.chexpert_positive_bias, settings.chexpert_negative_bias) == (4.0, -0.5)
    assert (settings.chexpert_max_new_tokens, settings.icd_max_new_tokens, settings.imp_max_new_tokens) == (
        140,
        100,
        120,
    )
    environment = {
        "CHEXPERT_VOTE": "5",
        "ICD_POSITIVE_BIAS": "2.5",
        "CHEXPERT_DO_SAMPLE": "1",
        "ENABLE_LABEL_KEYWORDS": "0",
    }
    settings = PassSettings.of({"icd_positive_bias": "3"}, environment)
    assert (settings.chexpert_vote, settings.chexpert_do_sample, settings.enable_label_keywords) == (5, True, False)
    assert settings.icd_positive_bias == 3.0, "options go before the environment"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("CHEXPERT_VOTE", "0", "CHEXPERT_VOTE must lie between 1 and 99"),
        ("CHEXPERT_VOTE", "2.5", "CHEXPERT_VOTE must be a whole number"),
        ("ICD_TEMPERATURE", "-1", "ICD_TEMPERATURE must lie between"),
        ("ICD_TEMPERATURE", "nan", "ICD_TEMPERATURE must lie between"),
        ("IMP_MAX_NEW_TOKENS", "many", "IMP_MAX_NEW_TOKENS must be a whole number"),
        ("CHEXPERT_DO_SAMPLE", "perhaps", "CHEXPERT_DO_SAMPLE must be 1 or 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, value, message):
    with pytest.raises(SettingError, match=message):
        PassSettings.of(environment={name: value})


def test_labels_of_the_findings_are_the_evidences_and_what_disagrees_is_listed(picture):
    found = evidence("Cardiomegaly", possible=("Effusion",))
    answer = {"Cardiomegaly": 0, "Pneumothorax": 1, "Fracture": 1, "Pleural Effusion": -1}
    result = passes(picture, found, Server('{"impression": "Cardiomegaly."}', json.dumps(answer), "{}"))
    assert (result.chexpert["Cardiomegaly"], result.chexpert["Pleural Effusion"]) == (1, -1)
    assert result.chexpert["Pneumothorax"] == 0
    assert result.chexpert["Fracture"] is None
    text = " ".join(result.disagreements)
    assert "denies Cardiomegaly" in text
    assert "1 for Pneumothorax" in text
    assert "1 for Fracture" in text
    assert result.read == {"impression": "as written", "chexpert": "as written", "icd": "fallback"}
    assert set(result.seconds) == {"impression", "chexpert", "icd"}


def test_every_code_exists_rests_on_something_and_says_on_what(picture):
    found = evidence("Effusion")
    answer = (
        '{"icd": [{"code": "J90"}, {"code": "J44.9"}, {"code": "S22.3"}, {"code": "J99.99"}, {"code": "E11"}, "I10"]}'
    )
    result = passes(picture, found, Server("{}", "{}", answer), record=RECORD)
    shown = {one.code: one for one in result.icd}
    assert set(shown) == {"J90", "J44.9"}
    assert shown["J90"].findings == ("Effusion",)
    assert all(one.reason and meaning_of(one.code) for one in result.icd)
    refused = " ".join(result.disagreements)
    assert "J99.99 is no code" in refused
    assert "E11 is a heading" in refused
    assert "I10" in refused
    assert "rests on no finding" in refused


def test_codes_of_all_findings_and_conditions_exist():
    everything = {"Chronic_conditions": ["COPD, asthma, ILD, pulmonary hypertension, CHF, CAD, afib, hypertension"]}
    everything["Chronic_conditions"] += ["diabetes, CKD, cirrhosis, lung cancer, dementia, HIV"]
    found = candidates(evidence(*LABELS), everything)
    assert len(found) == 12 + 14
    assert all(meaning_of(one.code) for one in found)
    for one in suggested_codes(evidence(*LABELS)):
        assert isinstance(supported(one.code, evidence(*LABELS), None), CodeSuggestion)
    assert codes_in("J90, j18.9 and R918; T45") == ["J90", "R91.8", "T45"]


def test_votes_are_drawn_only_where_answers_are(picture):
    found = evidence()
    server = Server("{}", '{"Edema": 1}', '{"Edema": 0}', '{"Edema": 0}', "{}")
    result = passes(picture, found, server, settings=PassSettings(chexpert_vote=3, chexpert_do_sample=True))
    drawn = [one for one in server.asked if "Edema" in one[0] and "impression" not in one[0].split("\n")[0].lower()]
    labels = [one for one in server.asked if one[2].max_new_tokens == 140]
    assert len(labels) == 3
    assert len({seed for _, seed, _ in labels}) == 3
    assert all(one[2].temperature == 0.75 for one in labels)
    assert result.answered["Edema"] == 0
    assert drawn
    server = Server("{}")
    passes(picture, found, server, settings=PassSettings(chexpert_vote=3))
    assert len([one for one in server.asked if one[2].max_new_tokens == 140]) == 1
    assert "takes no biases" in result.notes[0]


def test_a_model_here_chooses_among_allowed_values_and_biases_act(writer, picture):
    found = evidence("Effusion")
    high = PassSettings(chexpert_positive_bias=100, icd_positive_bias=100)
    low = PassSettings(chexpert_positive_bias=-100, icd_positive_bias=-100, chexpert_negative_bias=100)
    one, same = (passes(picture, found, writer, settings=high, record=RECORD) for _ in range(2))
    assert (one.answered, one.icd, one.disagreements) == (same.answered, same.icd, same.disagreements)
    assert one.read == {"impression": "chosen", "chexpert": "chosen", "icd": "chosen"}
    assert one.notes == ()
    assert set(one.answered.values()) == {1}
    assert {code.code for code in one.icd} == {"J90", "J44.9", "E11.9"}
    other = passes(picture, found, writer, settings=low)
    assert set(other.answered.values()) == {0}
    assert {code.author for code in other.icd} == {"rule"}


def test_keywords_fill_only_what_the_evidence_does_not_decide(picture):
    found = evidence("Infiltration")
    with_words = passes(picture, found, Server("{}"))
    without = passes(picture, found, Server("{}"), settings=PassSettings(enable_label_keywords=False))
    assert with_words.chexpert["Lung Opacity"] in (1, -1)
    assert without.chexpert["Lung Opacity"] is None
    assert {name: without.chexpert[name] for name in ("Edema", "Pneumonia")} == {"Edema": 0, "Pneumonia": 0}
    assert set(without.chexpert) == set(CHEXPERT)


def test_what_a_model_says_on_its_own_is_judged_claim_by_claim():
    found = evidence("Effusion")
    draft = Draft(
        "There is a pleural effusion. There is a large pneumothorax. A pacemaker is in place. "
        "The heart is normal in size.",
        "Pleural effusion. Rib fracture.",
    )
    report, verdict, apart = judged(draft, found, write_report(found))
    shown = f"{report.text('findings')} {report.text('impression')}"
    assert "pneumothorax" not in shown.lower() or "no pneumothorax" in shown.lower()
    assert "pacemaker" not in shown
    assert "fracture" not in shown
    assert "There is a pleural effusion." in shown
    standing = {claim.text.rstrip("."): claim.standing for claim in apart}
    assert standing["There is a large pneumothorax"] == "refused"
    assert any("pacemaker" in text and one == "not checked" for text, one in standing.items())
    assert verdict.action == "repaired"
    assert not [one for one in examine(verdict.attempts[-1].draft, found) if one.refuses]


def test_what_the_model_leaves_out_is_added_in_the_templates_words():
    found = evidence("Effusion", "Cardiomegaly")
    report, _, _ = judged(Draft("There is a pleural effusion.", "Pleural effusion."), found, write_report(found))
    authors = {one.author: one.text for one in report.sentences if one.section == "findings" and one.kind == "finding"}
    assert "cardiomegaly" in authors["rule"].lower()
    assert authors["model"] == "There is a pleural effusion."


def test_a_draft_that_bears_nothing_out_gives_way_to_the_template():
    found = evidence("Effusion")
    template = write_report(found)
    for draft in (Draft("", ""), Draft("Qwx zzt 17.", "??"), Draft("Large pneumothorax.", "Pneumothorax.")):
        report, verdict, _ = judged(draft, found, template)
        assert report == template
        assert verdict.action == "fallback"


def test_random_drafts_never_show_what_the_evidence_refuses():
    draw = random.Random(3)
    sentences = ["Left effusion.", "No effusion.", "Mass in the right lung.", "The lungs are clear.", "Possible edema."]
    sentences += ["Heart size is normal.", "Large hernia.", "Healed rib fractures.", "Unchanged.", "No pneumothorax."]
    for _ in range(40):
        found = evidence(*draw.sample(LABELS, draw.randint(0, 3)))
        texts = [" ".join(draw.sample(sentences, draw.randint(0, 5))) for _ in range(2)]
        report, verdict, _ = judged(Draft(*texts), found, write_report(found))
        if verdict.action != "fallback":
            assert not [one for one in examine(verdict.attempts[-1].draft, found) if one.refuses]
        assert report.text("findings")
        assert report.text("impression")


def test_questions_are_answered_from_the_evidence(picture):
    found = evidence("Effusion")
    server = Server("There is a pleural effusion. There is also a pneumothorax. A chest tube is seen.")
    answer = answer_question("Is there a pleural effusion?", picture, found, server)
    assert "effusion" in answer.text.lower()
    assert "pneumothorax" not in answer.text.lower()
    assert all("Effusion" in one.findings for one in answer.sentences)
    assert {claim.standing for claim in answer.apart} == {"refused", "not checked"}
    assert not answer.silent
    absent = answer_question("Is there a pneumothorax?", picture, found, Server("Yes, a large pneumothorax."))
    assert "Yes" not in absent.text
    assert all("Pneumothorax" in one.findings for one in absent.sentences)


@pytest.mark.parametrize("question", ["Is a rib broken?", "What is the patient's name?", "Is the pacemaker in place?"])
def test_the_evidence_is_silent_on_what_it_does_not_know(picture, question):
    server = Server("Yes.")
    answer = answer_question(question, picture, evidence("Effusion"), server)
    assert answer.silent
    assert "does not cover" in answer.text
    assert not server.asked


def test_headings_claim_nothing(picture):
    found = evidence("Effusion")
    answer = "FINDINGS:\nThere is a pleural effusion.\n\nIMPRESSION:\nPleural effusion. Findings"
    assert answer_question("Is there a pleural effusion?", picture, found, Server(answer)).apart == ()
    draft = Draft("Findings. There is a pleural effusion. **Impression**", "Impression: Pleural effusion. Findings.")
    report, _, apart = judged(draft, found, write_report(found))
    assert apart == ()
    assert "Findings." not in report.text("findings") + report.text("impression")


def test_a_model_that_writes_reports_only_is_not_asked_and_the_rule_answers(picture):
    found = evidence("Effusion")
    server = Server("There is a pleural effusion.")
    server.answers_questions = False
    answer = answer_question("Is there a pleural effusion?", picture, found, server)
    assert not server.asked
    assert answer.model is None
    assert {one.author for one in answer.sentences} == {"rule"}
    assert "effusion" in answer.text
    assert answer.apart == ()


def test_whether_the_lungs_are_clear_asks_for_all(picture):
    answer = answer_question("Are the lungs clear?", picture, evidence("Effusion"), Server("Yes."))
    assert {name for one in answer.sentences for name in one.findings} == set(LABELS)


@pytest.mark.parametrize("question", ["", "  ", "x" * 501])
def test_what_is_no_question_is_refused(picture, question):
    with pytest.raises(QuestionError, match="between 1 and 500"):
        answer_question(question, picture, evidence(), Server("Yes."))


def test_the_prompt_of_an_image_alone_gives_nothing_of_the_evidence():
    text = render_image_prompt("report", context="age 70")
    assert "age 70" in text
    assert "effusion" not in text
    assert render_image_prompt("report") == "Write the Findings and the Impression of this chest radiograph."
