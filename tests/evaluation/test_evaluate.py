"""``evaluate.py`` from the command line to its files."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from core.classifier import SHIPPED, Classifier
from core.evaluation.prediction import Journal, model_digest
from core.findings import LABELS
from evaluate import main


def _stored(folder: Path, path: Path, *, seed: int = 0, images: int | None = None) -> Path:
    """Predictions of a model that knows the labels a little."""
    entries = pd.read_csv(folder / "Data_Entry_2017_v2020.csv", usecols=["Image Index", "Finding Labels"])[:images]
    generator = np.random.default_rng(seed)
    values = {
        label: np.clip(
            generator.normal(0.4, 0.2, len(entries)) + 0.2 * entries["Finding Labels"].str.contains(label), 0, 1
        )
        for label in reversed(LABELS)
    }
    pd.DataFrame({"Image Index": entries["Image Index"], **values}).to_csv(path, index=False)
    return path


def _arguments(folder: Path, output: Path, *more: object) -> list[str]:
    base = ["--dataset", "nih", "--data_dir", folder, "--split", "train", "--output_dir", output, *more]
    return [str(one) for one in base]


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.figures = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.figures += tag == "figure"
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]


@pytest.fixture
def localisation(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The object of ``localization.json``, in place of its measurement."""
    shares = {"Mass": 0.25, "mean": 0.25}
    levels = {"iobb": ("0.1", "0.25", "0.5"), "iou": ("0.1", "0.3", "0.5")}
    found = {"n_boxes": 8, **{kind: dict.fromkeys(each, shares) for kind, each in levels.items()}}
    found |= {"pointing_game": shares, "per_label": {"Mass": {"n_boxes": 8, "n_images": 8}}}
    found |= {
        "baselines": {"usual_place": dict(found)},
        "ci95": {"pointing_game": {label: [0.1, 0.5] for label in shares}},
    }

    def measure(table: pd.DataFrame, boxes: pd.DataFrame, classifier: Classifier) -> dict[str, object]:
        assert boxes["study_id"].isin(table["study_id"]).any()
        assert classifier.config.label_names == LABELS
        return found

    monkeypatch.setattr("core.evaluation.study.measure_localisation", measure)
    return found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images the classifier was asked for; it is the real one."""
    calls: list[int] = []
    predict = Classifier.predict

    def counting(self: Classifier, radiograph):
        calls.append(1)
        return predict(self, radiograph)

    monkeypatch.setattr(Classifier, "predict", counting)
    return calls


def test_a_detailed_evaluation_leaves_a_page_figures_and_the_tables_behind_them(
    nih_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture, counted: list[int], localisation: dict[str, object]
) -> None:
    (nih_folder / "images" / "00000003_001.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    output = tmp_path / "out"
    other = _stored(nih_folder, tmp_path / "other.csv")
    opposite = tmp_path / "opposite.csv"
    stored = pd.read_csv(other)
    stored.assign(**{label: 1 - stored[label] for label in LABELS}).to_csv(opposite, index=False)
    command = _arguments(nih_folder, output, "--detailed_reports", "--compare", other, "--compare", opposite)
    assert main(command) == 0
    printed = capsys.readouterr().out
    metrics = json.loads((output / "metrics.json").read_text())
    assert list(metrics["comparisons"]) == ["other", "opposite"]
    theirs = [one["theirs"]["macro_auroc"] for one in metrics["comparisons"].values()]
    assert sum(theirs) == pytest.approx(1)  # the same scores upside down
    assert "Beside other," in printed
    assert "Beside opposite," in printed
    compared = pd.read_csv(output / "figures" / "comparison.csv")
    assert set(zip(compared["model"], compared["label"], strict=True)) == {
        (model, label) for model in ("other", "opposite") for label in ("macro", "Effusion", "Mass")
    }
    assert re.search(r"Target macro AUROC 0\.86-0\.92: \d\.\d{3}, (not )?met\.", printed)
    assert "1 images have no predictions" in printed
    assert "00000003_001.png" in (output / "problems.csv").read_text()
    # As docs/design.md fixes it.
    assert {"split", "n_images", "n_patients", "macro_auroc", "macro_auroc_ci95", "per_label"} <= set(metrics)
    assert {"label_accuracy", "subset_accuracy", "micro_f1", "macro_f1", "baselines", "targets"} <= set(metrics)
    fixed = {"auroc", "auroc_ci95", "average_precision", "n_positive", "threshold", "precision", "recall"}
    assert fixed | {"specificity", "f1", "tn", "fp", "fn", "tp"} <= set(metrics["per_label"]["Mass"])
    assert metrics["targets"]["auroc"]["range"] == [0.86, 0.92]
    assert metrics["labels_left_out"] == [name for name in LABELS if name not in ("Effusion", "Mass")]
    predictions = pd.read_csv(output / "predictions.csv")
    assert list(predictions.columns) == ["Image Index", *LABELS]
    assert len(predictions) == metrics["n_images"] == len(counted)
    text = (output / "report.html").read_text()
    page = _Page(text)
    assert page.loads == []
    assert "proves nothing" in text
    assert json.loads((output / "localization.json").read_text()) == localisation
    assert "Where the heatmaps look" in text
    pictures = {path.stem for path in (output / "figures").glob("*.png")}
    assert pictures == {path.stem for path in (output / "figures").glob("*.csv")}
    assert {
        "auroc",
        "roc",
        "precision_recall",
        "confusion",
        "f1",
        "reliability",
        "label_noise",
        "comparison",
    } <= pictures
    assert page.figures == len(pictures)
    drawn = Image.open(output / "figures" / "roc.png")
    assert min(drawn.size) > 400
    assert len(pd.read_csv(output / "figures" / "roc.csv")["label"].unique()) == metrics["n_labels_used"] == 2

    # Again: what was predicted is not predicted again, and no more is said of a file that was mended.
    done = len(counted)
    shutil.copy(nih_folder / "images" / "00000003_000.png", nih_folder / "images" / "00000003_001.png")
    assert main(command) == 0
    assert len(counted) == done + 1
    assert not (output / "problems.csv").exists()


def test_a_killed_evaluation_goes_on_and_never_takes_another_checkpoints_predictions(
    nih_folder: Path, tmp_path: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = tmp_path / "whole", tmp_path / "out"
    assert main(_arguments(nih_folder, whole)) == 0
    images = len(counted)
    read = Path.read_bytes

    def killed(path: Path) -> bytes:
        if len(counted) == images + 5:
            raise KeyboardInterrupt
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", killed)
        assert main(_arguments(nih_folder, output)) == 1
    journal = output / "predictions.journal"
    journal.write_text(journal.read_text()[:-40])  # a line that was being written
    counted.clear()
    assert main(_arguments(nih_folder, output)) == 0
    assert len(counted) == images - 4
    assert (output / "predictions.csv").read_text() == (whole / "predictions.csv").read_text()

    other = tmp_path / "other"
    shutil.copytree(SHIPPED, other)
    config = json.loads((other / "config.json").read_text())
    config["calibration"]["intercepts"][9] += 1
    (other / "config.json").write_text(json.dumps(config))
    assert model_digest(other) != model_digest(SHIPPED)
    counted.clear()
    assert main(_arguments(nih_folder, output, "--model_path", other)) == 0
    assert len(counted) == images
    assert pd.read_csv(output / "predictions.csv")["Mass"].gt(pd.read_csv(whole / "predictions.csv")["Mass"]).all()


def test_the_journal_forgets_a_file_that_has_changed(tmp_path: Path) -> None:
    image, path = tmp_path / "a.png", tmp_path / "journal"
    image.write_bytes(b"one")
    values = np.full(14, 0.123456789, dtype=np.float32)
    values[3] = np.nan
    journal = Journal(path, "m")
    journal.add(str(image), values)
    journal.close()
    np.testing.assert_array_equal(Journal(path, "m").get(str(image)), values)
    assert Journal(path, "n").get(str(image)) is None
    image.write_bytes(b"three")
    assert Journal(path, "m").get(str(image)) is None


def test_thresholds_come_from_validation_and_are_used_on_other_images_as_they_are(
    nih_folder: Path, tmp_path: Path
) -> None:
    stored = _stored(nih_folder, tmp_path / "other.csv")
    options = ("--predictions", stored, "--split_fractions", "0.5", "0.5", "0")
    first, second = tmp_path / "val", tmp_path / "train"
    assert main([*_arguments(nih_folder, first, *options), "--split", "val"]) == 0
    chosen = json.loads((first / "thresholds.json").read_text())["rules"]
    assert main(_arguments(nih_folder, tmp_path / "without", *options)) == 0
    assert not (tmp_path / "without" / "thresholds.json").exists()
    assert set(json.loads((tmp_path / "without" / "metrics.json").read_text())["decisions"]) == {
        "policy reading",
        "threshold 0.5",
    }
    assert main(_arguments(nih_folder, second, *options, "--thresholds", first / "thresholds.json")) == 0
    decisions = json.loads((second / "metrics.json").read_text())["decisions"]
    for rule, thresholds in chosen.items():
        assert decisions[rule]["per_label"]["Mass"]["threshold"] == thresholds["Mass"] is not None


def _wrong(command: list[str], capsys: pytest.CaptureFixture) -> str:
    assert main(command) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert len(said) == 1
    return said[0]


def test_what_cannot_be_evaluated_is_said_in_one_sentence(
    nih_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, stored = tmp_path / "out", _stored(nih_folder, tmp_path / "other.csv")
    assert "No checkpoint in" in _wrong(_arguments(nih_folder, out, "--model_path", tmp_path), capsys)
    # The test images of this folder are all without findings.
    nothing = [*_arguments(nih_folder, out, "--predictions", stored), "--split", "test"]
    assert "No label has both positives and negatives in the test split" in _wrong(nothing, capsys)
    table = pd.read_csv(stored)
    table.drop(columns="Mass").to_csv(tmp_path / "lacks.csv", index=False)
    lacks = _arguments(nih_folder, out, "--predictions", tmp_path / "lacks.csv")
    assert "lacks the column 'Mass'" in _wrong(lacks, capsys)
    table.assign(Mass=table["Mass"] * 9 - 3).to_csv(tmp_path / "logits.csv", index=False)
    assert "outside 0 to 1" in _wrong(_arguments(nih_folder, out, "--predictions", tmp_path / "logits.csv"), capsys)
    pd.concat([table, table[:1]]).to_csv(tmp_path / "twice.csv", index=False)
    assert "twice" in _wrong(_arguments(nih_folder, out, "--compare", tmp_path / "twice.csv"), capsys)
    both = _arguments(nih_folder, out, "--compare", stored, "--compare", tmp_path / "folder" / stored.name)
    assert "two files called other" in _wrong(both, capsys)
    table.assign(Mass="high").to_csv(tmp_path / "words.csv", index=False)
    assert "not a number" in _wrong(_arguments(nih_folder, out, "--predictions", tmp_path / "words.csv"), capsys)
    table.assign(**{"Image Index": "x.png"})[:1].to_csv(tmp_path / "foreign.csv", index=False)
    foreign = _arguments(nih_folder, out, "--predictions", tmp_path / "foreign.csv")
    assert "None of the" in _wrong(foreign, capsys)


@pytest.mark.parametrize("more", [("--threshold", "1.5"), ("--threshold", "much"), ("--split", "all")])
def test_wrong_use_exits_with_two(nih_folder: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*_arguments(nih_folder, tmp_path / "out"), *more])
    assert ended.value.code == 2


@pytest.mark.real_data
def test_the_published_chexnet_is_judged_as_scikit_learn_judges_it(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "nih"
    stored = folder / "chexnet_zech_predictions.csv"
    command = ["--predictions", str(stored), "--model_path", str(SHIPPED), "--dataset", "nih"]
    assert main([*command, "--data_dir", str(folder), "--split", "val", "--output_dir", str(tmp_path)]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    # From the files themselves, by another road.
    named = json.loads((SHIPPED / "config.json").read_text())["provenance"]["validation_studies"]
    entries = pd.read_csv(folder / "Data_Entry_2017_v2020.csv", usecols=["Image Index", "Finding Labels"])
    merged = pd.read_csv(stored).merge(entries, on="Image Index")
    merged = merged[merged["Image Index"].str.removesuffix(".png").isin(named)]
    assert metrics["n_images"] == len(merged) > 150
    for label in LABELS:
        truth = merged["Finding Labels"].str.split("|").map(lambda found, label=label: label in found)
        figures = metrics["per_label"][label]
        assert figures["auroc"] == pytest.approx(roc_auc_score(truth, merged[f"prob_{label}"]), abs=1e-9)
        precision = average_precision_score(truth, merged[f"prob_{label}"])
        assert figures["average_precision"] == pytest.approx(precision, abs=1e-9)
        assert figures["n_positive"] == truth.sum()
        assert figures["tp"] == (truth & (merged[f"prob_{label}"] >= 0.5)).sum()
