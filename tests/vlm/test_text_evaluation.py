import json

import pandas as pd
import pytest
from manifests import EVIDENCE, GENERATED, REFERENCES, manifest

from core.reporting.guard import Draft
from core.reporting.wording import in_words
from core.vlm.evaluation import evaluate
from core.vlm.evaluation_baselines import BASELINES, CONSTANT
from core.vlm.evaluation_manifest import Written, aligned, checked, manifest_of, studies_of
from core.vlm.text_metrics import bleu, normalise, rouge_l


def test_scores_of_words_are_those_of_the_studies_with_a_reference() -> None:
    found = evaluate({"writer": manifest()}, resamples=20)
    scores = found.systems["writer"].scores
    pairs = [
        [normalise(side[0]) for side, reference in zip(texts, REFERENCES, strict=True) if reference[0]]
        for texts in (GENERATED, REFERENCES)
    ]
    assert (found.n_studies, found.n_findings, found.n_impression) == (5, 4, 4)
    assert [scores[f"bleu_{n}"].value for n in range(1, 5)] == pytest.approx(bleu(*pairs))
    assert scores["rouge_l"].value == pytest.approx(rouge_l(*pairs))
    assert scores["impression_rouge_l"].value is not None
    assert found.systems["writer"].distinct == 5


def test_labels_are_held_against_reference_and_evidence() -> None:
    system = evaluate({"writer": manifest(evidence=EVIDENCE)}, resamples=20).systems["writer"]
    # Against the reference: cardiomegaly, effusion and edema agree; one effusion too many; a consolidation and a
    # pneumonia missed.
    assert system.scores["nih14.micro_f1"].value == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    assert system.scores["evidence.micro_f1"].value == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    # The third and the fourth report flip a finding.
    assert system.scores["contradiction_rate"].value == pytest.approx(2 / 5)
    assert system.scores["evidence_contradiction_rate"].value == pytest.approx(2 / 5)
    assert system.scores["pathologies.Effusion.sensitivity"].value == 1
    assert system.scores["pathologies.Effusion.specificity"].value == pytest.approx(3 / 4)
    rate = system.scores["violation_rate"].value
    assert rate is not None
    assert rate >= 2 / 5
    assert system.violations["flipped"] >= 1


def test_without_evidence_nothing_is_said_of_it() -> None:
    scores = evaluate({"writer": manifest()}, resamples=20).systems["writer"].scores
    assert not [name for name in scores if name.startswith(("evidence", "violation"))]


def test_baselines_stand_beside_every_system() -> None:
    systems = evaluate({"writer": manifest(evidence=EVIDENCE)}, resamples=20).systems
    assert list(systems) == ["writer", *BASELINES]
    assert systems["constant"].distinct == 1
    # The template says what the evidence says, and the constant nothing of it.
    assert systems["template"].scores["evidence.micro_f1"].value == 1
    assert systems["constant"].scores["evidence.micro_f1"].value == 0
    tokens = [normalise(CONSTANT["findings"])] * 4
    references = [normalise(findings) for findings, _ in REFERENCES if findings]
    assert systems["constant"].scores["bleu_1"].value == pytest.approx(bleu(tokens, references)[0])


def test_texts_from_before_the_guard_are_a_system_of_their_own() -> None:
    before = {"before_guard_findings": ["Mass."] * 5, "before_guard_impression": ["Mass."] * 5}
    actions = ["accepted", "accepted", "fallback", "accepted", "repaired"]
    systems = evaluate({"writer": manifest(**before, guard_action=actions)}, resamples=20).systems
    assert list(systems)[:2] == ["writer", "writer before guard"]
    assert systems["writer before guard"].scores["nih14.micro_f1"].value == 0
    assert systems["writer"].guard_actions == {"accepted": 3, "fallback": 1, "repaired": 1}
    assert systems["writer before guard"].guard_actions == {}


def test_differences_are_paired() -> None:
    twin = evaluate({"base": manifest(), "same": manifest(), "copy": manifest(REFERENCES)}, resamples=50).systems
    assert twin["base"].differences == {}
    assert twin["same"].differences["bleu_4"].ci95 == (0, 0)
    difference = twin["copy"].differences["rouge_l"]
    assert twin["copy"].scores["rouge_l"].value == 1
    assert difference.value == pytest.approx(1 - twin["base"].scores["rouge_l"].value)  # type: ignore[operator]


def test_codes_are_compared_whatever_their_dots_and_case() -> None:
    table = manifest(icd=["j18.9; I50.9", "", "J90", "", ""], reference_icd=["J189", "", "J91.8", "", ""])
    scores = evaluate({"writer": table}, resamples=20).systems["writer"].scores
    assert scores["icd_f1"].value == pytest.approx(2 * 1 / 5)
    assert scores["icd_category_f1"].value == pytest.approx(2 * 1 / 5)


def test_the_same_input_gives_the_same_intervals() -> None:
    first, second = (evaluate({"writer": manifest()}, resamples=50).to_json() for _ in range(2))
    assert first == second
    text = json.dumps(first, allow_nan=False)
    assert json.loads(text)["systems"]["writer"]["scores"]["nih14"]["micro_f1"]["ci95"] is not None


def test_rows_are_matched_by_id() -> None:
    shuffled = manifest().sample(frac=1, random_state=0)
    tables = aligned({"one": manifest(), "other": shuffled})
    assert tables["other"]["findings"].tolist() == tables["one"]["findings"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="findings"), "lacks the column 'findings'"),
        (lambda table: table.iloc[:0], "has no rows"),
        (lambda table: table.assign(id=["a", "b", "a", "c", "d"]), "the id 'a' occurs more than once"),
        (lambda table: table.assign(id=["a", "", "b", "c", "d"]), "row 2 has no id"),
        (lambda table: table.assign(reference_findings="", reference_impression=""), "no reference text"),
        (lambda table: table.assign(evidence="{"), "s0: the evidence is not JSON"),
        (lambda table: table.assign(evidence="[1]"), "s0: the evidence is not a JSON object"),
        (lambda table: table.assign(evidence='{"Flu": "present"}'), "'Flu', which is not one of the 14 findings"),
        (lambda table: table.assign(evidence='{"Mass": "yes"}'), "evidence of Mass is 'yes'"),
    ],
)
def test_bad_manifests_are_refused_with_a_sentence(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        checked(change(manifest()), "writer.csv")


def test_systems_must_be_of_the_same_studies_and_references() -> None:
    with pytest.raises(ValueError, match=r"base and tuned are not of the same studies: 1 ids .* such as 's4' in base"):
        aligned({"base": manifest(), "tuned": manifest().iloc[:4]})
    other = manifest().assign(reference_findings=["x"] * 5)
    with pytest.raises(ValueError, match="differ in reference_findings of 's0'"):
        aligned({"base": manifest(), "tuned": other})
    with pytest.raises(ValueError, match="cannot be called 'template'"):
        evaluate({"template": manifest()})


def test_a_writer_is_given_the_evidence_of_each_study() -> None:
    table = pd.DataFrame(
        {
            "source": "openi",
            "study_id": ["1", "2", "3", "3"],
            "patient_id": ["1", "2", "3", "3"],
            "split": ["test", "train", "test", "test"],
            "view": ["PA", None, None, None],
            "report_findings": ["Left pleural effusion.", "Mass.", None, None],
            "report_impression": [None, None, "Possible pneumonia.", "Possible pneumonia."],
        }
    )
    studies = studies_of(table, "test")
    assert studies["id"].tolist() == ["1", "3"]

    def write(evidences):  # type: ignore[no-untyped-def]
        assert [evidence.view for evidence in evidences] == ["PA", None]
        called = [evidence.decided("present", "possible")[0] for evidence in evidences]
        return [Draft(f"{item.decision} {item.finding.phrase}.", in_words(item.places)) for item in called]

    made = manifest_of(studies, write)
    assert made["findings"].tolist() == ["present pleural effusion.", "possible pneumonia."]
    assert made["impression"].tolist() == ["left lower zone", ""]
    assert evaluate({"writer": made}, resamples=20).systems["writer"].scores["evidence.micro_f1"].value == 1
    behind_guard = Written("Normal.", "Normal.", Draft("Mass.", "Mass."), "fallback")
    guarded = evaluate({"writer": manifest_of(studies, lambda evidences: [behind_guard] * 2)}, resamples=20)
    assert guarded.systems["writer"].guard_actions == {"fallback": 2}
    assert guarded.studies.loc[guarded.studies["system"] == "writer before guard", "stated"].tolist() == ["Mass"] * 2
    with pytest.raises(ValueError, match="gave 1 reports for 2 studies"):
        manifest_of(studies, lambda evidences: [Draft("a", "b")])
    with pytest.raises(ValueError, match="The val split has no reports"):
        studies_of(table, "val")
