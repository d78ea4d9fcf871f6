import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import minimum_filter

from core.__main__ import main
from core.anatomy import Admitted, Anatomy, Gate
from core.classifier import SHIPPED, Classifier, Prediction, load_config
from core.classifier.reliability import LOCALIZATION
from core.datasets import load_boxes, load_nih
from core.evaluation.box_shares import BoxTally
from core.evaluation.detection import contains, coverage, guess_from_box, guess_from_heatmap, overlaps
from core.evaluation.localisation import measure_localisation
from core.evaluation.localisation_table import as_table, published
from core.findings import LABELS
from core.imaging import Radiograph
from core.reporting.evidence import gather_evidence


def _heatmap(*regions: tuple[slice, slice, float]) -> np.ndarray:
    heatmap = np.zeros((50, 100), np.float32)
    for rows, columns, value in regions:
        heatmap[rows, columns] = value
    return heatmap


def test_each_isolated_region_of_either_cut_gives_a_box_in_fractions_of_the_image() -> None:
    guess = guess_from_heatmap(
        _heatmap(
            (slice(0, 10), slice(90, 100), 0.3),  # in the corner, above the lower cut only
            (slice(20, 40), slice(10, 30), 0.5),
            (slice(25, 30), slice(15, 20), 1.0),  # inside the one before
            (slice(45, 50), slice(50, 60), 60 / 255 - 0.01),
        )
    )
    assert guess.boxes.tolist() == [[0.1, 0.4, 0.3, 0.8], [0.15, 0.5, 0.2, 0.6], [0.9, 0.0, 1.0, 0.2]]
    assert guess.peak == pytest.approx((0.155, 0.51))


def test_regions_that_touch_at_a_corner_only_are_two() -> None:
    heatmap = _heatmap((slice(0, 10), slice(0, 10), 1.0), (slice(10, 20), slice(10, 20), 1.0))
    assert len(guess_from_heatmap(heatmap).boxes) == 2


def test_an_empty_heatmap_finds_nothing() -> None:
    guess = guess_from_heatmap(_heatmap())
    assert guess.boxes.shape == (0, 4)
    tally = BoxTally()
    tally.add("patient", "Mass", guess, np.array([[0, 0, 1, 1]]))
    shares = tally.shares(["Mass"])
    assert shares["pointing_game"] == shares["iou"]["0.1"] == shares["iobb"]["0.1"] == {"Mass": 0.0, "mean": 0.0}
    assert tally.false_positives(["Mass"])["0.5"]["Mass"] == 0


def test_iobb_is_over_the_detected_box_and_iou_over_the_union() -> None:
    detected = np.array([[0, 0, 0.5, 0.5], [0.4, 0.4, 0.5, 0.5]])
    truth = np.array([[0.25, 0.25, 0.75, 0.75], [0.9, 0, 1, 0.1]])
    iobb, iou = overlaps(detected, truth)
    np.testing.assert_allclose(iobb, [[0.25, 0], [1, 0]])
    np.testing.assert_allclose(iou, [[1 / 7, 0], [0.01 / 0.25, 0]])


def test_each_of_several_boxes_counts_and_one_peak_in_any_of_them_is_a_hit() -> None:
    tally = BoxTally()
    truth = np.array([[0.0, 0.0, 0.2, 0.2], [0.6, 0.6, 1.0, 1.0]])
    right = _heatmap((slice(30, 50), slice(60, 100), 1.0), (slice(0, 5), slice(90, 100), 0.5))
    tally.add("a", "Mass", guess_from_heatmap(right), truth)
    shares = tally.shares(["Mass"])
    assert shares["iobb"]["0.5"]["Mass"] == shares["iou"]["0.5"]["Mass"] == 0.5
    assert shares["pointing_game"]["Mass"] == 1
    assert tally.false_positives(["Mass"])["0.1"]["Mass"] == 1  # the region in the upper corner


def test_a_share_must_exceed_its_threshold_and_labels_weigh_alike_in_the_mean() -> None:
    tally = BoxTally()
    half = guess_from_box(np.array([0, 0, 0.5, 0.5]))  # IoBB 0.25 with the first box
    for patient in "abc":
        tally.add(patient, "Mass", half, np.array([[0.25, 0.25, 0.75, 0.75]]))
    tally.add("d", "Nodule", half, np.array([[0, 0, 0.5, 0.5]]))
    shares = tally.shares(["Mass", "Nodule"])
    assert shares["iobb"]["0.1"] == {"Mass": 1, "Nodule": 1, "mean": 1}
    assert shares["iobb"]["0.25"] == {"Mass": 0, "Nodule": 1, "mean": 0.5}
    assert tally.shares(["Mass", "Nodule", "Effusion"])["iobb"]["0.1"]["mean"] is None


def test_intervals_stay_open_at_zero_and_one_and_the_mean_resamples_patients() -> None:
    tally = BoxTally()
    box = np.array([0.0, 0.0, 0.2, 0.2])
    for patient in range(10):
        tally.add(str(patient), "Mass", guess_from_box(box), box[None])
        tally.add(str(patient), "Nodule", guess_from_box(box), (box if patient % 2 else box + 0.7)[None])
    intervals = tally.intervals(["Mass", "Nodule"], 200, np.random.default_rng(0))["pointing_game"]
    assert intervals["Mass"] == pytest.approx([0.7225, 1.0], abs=1e-3)  # Wilson, 10 of 10
    low, high = intervals["mean"]
    assert 0.5 < low < 0.75 < high < 1


def test_the_usual_place_is_where_most_boxes_lie() -> None:
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 1.0, 1.0]])
    usual = guess_from_heatmap(coverage(boxes))
    assert contains(boxes[1:2], usual.peak)
    np.testing.assert_allclose(usual.boxes, boxes)  # the middle one is what the higher cut leaves


@pytest.fixture
def seeing() -> SimpleNamespace:
    """Stands in for a classifier whose heatmap of a mass is the bright square that the rendered images have."""

    def predict(radiograph: Radiograph) -> Prediction:
        heatmaps = np.zeros((14, *radiograph.pixels.shape), np.float32)
        heatmaps[LABELS.index("Mass")] = minimum_filter(radiograph.pixels, size=15) > 0.99
        return Prediction(np.zeros(14, np.float32), heatmaps)

    return SimpleNamespace(config=load_config(SHIPPED), checkpoint_sha256="digest", predict=predict)


def test_figures_of_a_heatmap_that_marks_the_finding(nih_folder: Path, seeing: SimpleNamespace) -> None:
    table = load_nih(nih_folder).table
    boxes = load_boxes(nih_folder / "BBox_List_2017.csv")
    here = table[table["patient_id"].isin(["1", "3", "6"])]
    figures = measure_localisation(here, boxes, seeing, resamples=20)
    assert (figures["n_boxes"], figures["n_images"], figures["n_patients"]) == (4, 4, 2)
    assert figures["per_label"] == {"Mass": {"n_boxes": 4, "n_images": 4}}
    assert figures["checkpoint_sha256"] == "digest"
    assert figures["pointing_game"] == {"Mass": 1, "mean": 1}
    assert figures["iobb"] == {key: {"Mass": 1, "mean": 1} for key in ("0.1", "0.25", "0.5")}
    # The filter leaves 16 of the square's 30 pixels in each direction.
    assert figures["iou"] == {
        "0.1": {"Mass": 1, "mean": 1},
        "0.3": {"Mass": 0, "mean": 0},
        "0.5": {"Mass": 0, "mean": 0},
    }
    baselines = figures["baselines"]
    assert baselines["usual_place"]["iou"]["0.5"]["Mass"] == 1  # all squares lie at the same place
    assert baselines["central_box"]["pointing_game"]["Mass"] == 0
    assert figures["false_positives_per_image"]["0.1"]["Mass"] == 0
    assert baselines["central_box"]["false_positives_per_image"]["0.5"]["Mass"] == 1
    alone = measure_localisation(here, boxes[boxes["study_id"].isin(here["study_id"])], seeing, resamples=20)
    assert alone["baselines"]["usual_place"]["pointing_game"] == {"mean": None}
    assert json.loads(json.dumps(alone)) == alone
    assert "Mass" in as_table(alone)


def test_images_without_a_usable_box_are_refused(nih_folder: Path, seeing: SimpleNamespace) -> None:
    table = load_nih(nih_folder).table
    boxes = load_boxes(nih_folder / "BBox_List_2017.csv")
    with pytest.raises(ValueError, match="None of these images has a radiologist's box"):
        measure_localisation(table[table["patient_id"] == "1"], boxes, seeing)
    seeing.config = replace(seeing.config, label_names=("Nodule",))
    with pytest.raises(ValueError, match="that the classifier knows"):
        measure_localisation(table, boxes, seeing)


def test_the_papers_means_are_those_of_its_labels() -> None:
    assert published("iobb", "0.25")["mean"] == pytest.approx(0.486, abs=5e-4)
    assert published("iou", "0.1")["Pneumothorax"] == 0.3775


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns(LOCALIZATION)
    return Path(shutil.copytree(SHIPPED, tmp_path / "checkpoint", ignore=ignored))


def test_what_the_command_keeps_is_what_the_reviewer_is_told(
    nih_folder: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (nih_folder / "test_list.txt").write_text(
        "".join(f"0000000{patient}_00{visit}.png\n" for patient in (3, 6) for visit in (0, 1))
    )
    output = tmp_path / "figures.json"
    options = ["localisation", "--data_dir", str(nih_folder), "--checkpoint", str(checkpoint), "--output", str(output)]
    assert main(options) == 0
    assert not (checkpoint / LOCALIZATION).exists()
    assert main([*options, "--keep"]) == 0
    printed = capsys.readouterr().out
    assert "Wang 2017" in printed
    assert "0.282" in printed  # theirs for Mass
    figures = json.loads(output.read_text())
    assert json.loads((checkpoint / LOCALIZATION).read_text()) == figures

    classifier = Classifier(checkpoint)
    prediction = Prediction(np.zeros(14, np.float32), np.zeros((14, 8, 8), np.float32))
    evidence = gather_evidence(
        Admitted(Radiograph(np.zeros((8, 8), np.float32)), Anatomy(1.0, "frontal", 0, False), Gate("accepted", 1.0)),
        prediction,
        classifier.config,
        {},
        classifier.reliability,
    )
    of_label = {item.finding.name: item.reliability for item in evidence.findings}
    assert of_label.pop("Mass") == classifier.reliability["Mass"]
    assert set(of_label.values()) == {None}
    mass = classifier.reliability["Mass"]
    assert (mass.n_boxes, mass.n_images) == (4, 4)
    assert (mass.pointing_game, mass.iobb) == (figures["pointing_game"]["Mass"], figures["iobb"]["0.25"]["Mass"])


def test_the_command_says_in_one_sentence_what_it_lacks(
    nih_folder: Path, checkpoint: Path, capsys: pytest.CaptureFixture
) -> None:
    options = ["localisation", "--data_dir", str(nih_folder), "--checkpoint", str(checkpoint)]
    with pytest.raises(SystemExit) as ended:
        main([*options, "--keep", "--split", "train"])
    assert ended.value.code == 2
    assert "--keep needs --split test" in capsys.readouterr().err
    assert main(options) == 1
    assert "None of these images has a radiologist's box" in capsys.readouterr().err
    (nih_folder / "test_list.txt").unlink()
    assert main(options) == 1
    assert "There is no test_list.txt" in capsys.readouterr().err


@pytest.mark.real_data
def test_heatmaps_of_real_enlarged_hearts_lie_on_the_heart(shared_data: Path, classifier: Classifier) -> None:
    folder = shared_data / "nih"
    table, boxes = load_nih(folder).table, load_boxes(folder / "BBox_List_2017.csv")
    hearts = boxes[boxes["label"] == "Cardiomegaly"]
    # The images of test_list.txt are for measuring only.
    few = table[(table["split"] != "test") & table["study_id"].isin(hearts["study_id"])].head(8)
    figures = measure_localisation(few, hearts, classifier, resamples=20)
    assert figures["n_images"] == figures["n_boxes"] == 8
    assert figures["iobb"]["0.1"]["Cardiomegaly"] > 0.6
    assert figures["baselines"]["usual_place"]["iobb"]["0.1"]["Cardiomegaly"] == 1
