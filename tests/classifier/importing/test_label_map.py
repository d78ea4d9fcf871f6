from pathlib import Path

import pytest

from core.classifier import CheckpointError
from core.classifier.importing.label_map import finding_named, match_labels, read_label_file
from core.findings import FINDINGS, LABELS

# As torchxrayvision, CheXpert, VinDr and people on the hub write them.
SPELLINGS = {
    "ATELECTASIS": "Atelectasis",
    "Pleural Effusion": "Effusion",
    "pleural_effusion": "Effusion",
    "effusions": "Effusion",
    "Pulmonary oedema": "Edema",
    "Pleural_Thickening": "Pleural_Thickening",
    "pleural-thickening": "Pleural_Thickening",
    "Pulmonary fibrosis": "Fibrosis",
    "lung nodule": "Nodule",
    "Masses": "Mass",
    "Infiltrates": "Infiltration",
    "Hiatal hernia": "Hernia",
}
OTHERS = ("Lung Opacity", "Lung Lesion", "Enlarged Cardiomediastinum", "No Finding", "Nodule/Mass", "NORMAL", "LABEL_3")


@pytest.mark.parametrize(("name", "label"), SPELLINGS.items())
def test_usual_spellings_are_known(name: str, label: str) -> None:
    assert finding_named(name) == label


@pytest.mark.parametrize("name", [*OTHERS, "Fracture", "Support Devices", "COVID-19", ""])
def test_names_of_something_else_or_of_several_findings_mean_none(name: str) -> None:
    assert finding_named(name) is None


def test_our_own_names_and_those_of_chexpert_mean_themselves() -> None:
    for finding in FINDINGS:
        assert finding_named(finding.name) == finding_named(finding.phrase) == finding.name
        assert finding.chexpert is None or finding_named(finding.chexpert) == finding.name


def test_what_is_known_what_is_missing_and_what_is_left_out_is_one_sentence() -> None:
    sentence = match_labels(["Pleural Effusion", "Lung Opacity", "MASS"]).in_words()
    assert sentence.startswith("It knows 2 of the 14 findings (Effusion, Mass); not Atelectasis, ")
    assert sentence.endswith("; its outputs Lung Opacity are left out.")
    assert sentence.count(".") == 1
    assert match_labels(LABELS).in_words().count(";") == 0


def test_a_file_overrides_the_names_by_name_or_number(tmp_path: Path) -> None:
    yaml, json = tmp_path / "map.yaml", tmp_path / "map.json"
    yaml.write_text("LABEL_1: pleural effusion\n2: Mass\nPneumonia: null\n")
    json.write_text('{"LABEL_1": "pleural effusion", "2": "Mass", "Pneumonia": null}')
    assert read_label_file(yaml) == read_label_file(json)
    known = match_labels(["Hernia", "LABEL_1", "LABEL_2", "Pneumonia"], read_label_file(yaml))
    assert known.columns == {"Effusion": (1,), "Hernia": (0,), "Mass": (2,)}
    assert known.left_out == ("Pneumonia",)


def test_classes_of_one_finding_go_together_where_they_exclude_each_other() -> None:
    told = {"bacterial": "Pneumonia", "viral": "Pneumonia"}
    outputs = ["normal", "bacterial", "viral"]
    assert match_labels(outputs, told, several=True).columns == {"Pneumonia": (1, 2)}
    with pytest.raises(CheckpointError, match="bacterial and viral both mean Pneumonia"):
        match_labels(outputs, told)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("LABEL_0: Tuberculosis", "none of the 14 findings"),
        ("- Mass", "OUTPUT: FINDING"),
        ("{", "cannot be read as YAML or JSON"),
        ("", "OUTPUT: FINDING"),
    ],
)
def test_a_file_that_says_nothing_usable_is_said_to(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=sentence):
        read_label_file(tmp_path / "map.yaml")


def test_outputs_that_nobody_knows_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"None of the outputs .*\(LABEL_0, LABEL_1\): .*--labels"):
        match_labels(["LABEL_0", "LABEL_1"])
    with pytest.raises(CheckpointError, match="There is no output 'LABEL_7'; the outputs are: LABEL_0"):
        match_labels(["LABEL_0"], {"LABEL_7": "Mass"})
