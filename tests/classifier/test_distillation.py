from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from core.classifier import Classifier
from core.classifier.network import build_network
from core.classifier.training import TrainingSettings, train
from core.classifier.training.distillation import (
    TEACHER_SHARE,
    Pupil,
    Teacher,
    imitation_loss,
    lesson_of,
    merge_teachers,
)
from core.findings import LABELS
from core.imaging.reader import read_radiograph

SMALL = TrainingSettings(backbone="test_resnet", initial_weights="none", image_size=64, epochs=1, batch_size=4)


def _teacher(studies: list[str], seed: int = 0) -> pd.DataFrame:
    probabilities = np.random.default_rng(seed).beta(0.5, 20, size=(len(studies), len(LABELS)))
    return pd.DataFrame(probabilities, columns=list(LABELS), index=pd.Index(studies, name="image_path"))


def test_the_lesson_tells_rare_findings_apart_by_their_logits_and_leaves_other_images_out() -> None:
    table = pd.DataFrame({"image_path": ["a", "b", "c"]})
    teacher = _teacher(["a", "c"])
    teacher["Hernia"] = [0.001, 0.01]
    targets, trust, mean, spread, _ = lesson_of(table, Teacher(teacher))
    assert (trust == 1).all()
    hernia = LABELS.index("Hernia")
    assert targets[:, hernia].tolist() == pytest.approx([-1, float("nan"), 1], nan_ok=True)
    assert targets[1].isnan().all()
    back = torch.sigmoid(targets * spread + mean)[[0, 2]]
    np.testing.assert_allclose(back.numpy(), teacher.to_numpy(), rtol=1e-4)


def test_a_probability_of_0_or_1_is_a_finite_target() -> None:
    teacher = _teacher(["a", "b"])
    teacher["Mass"] = [0.0, 1.0]
    assert lesson_of(pd.DataFrame({"image_path": ["a", "b"]}), Teacher(teacher)).targets.isfinite().all()


def test_a_teacher_without_these_images_is_refused() -> None:
    with pytest.raises(ValueError, match="cover none of the training images"):
        lesson_of(pd.DataFrame({"image_path": ["a", "b"]}), Teacher(_teacher(["z"])))


def test_a_second_teacher_fills_in_on_the_scale_of_the_first() -> None:
    first = _teacher(list("abcd"))
    # The same opinion of two more images, said with half the spread and doubt about everything.
    whole = pd.concat([first, _teacher(["e", "f"], seed=1)])
    logits = np.log(whole / (1 - whole))
    second = 1 / (1 + np.exp(-(0.5 * logits + 3)))
    first.loc["d", "Mass"] = float("nan")
    merged = merge_teachers([first, second]).probabilities
    assert sorted(merged.index) == list("abcdef")
    np.testing.assert_allclose(merged.loc[whole.index], whole, rtol=1e-3)


def test_teachers_of_different_images_are_taken_at_their_word() -> None:
    first, second = _teacher(["a", "b"]), _teacher(["c"], seed=1)
    merged = merge_teachers([first, second]).probabilities
    np.testing.assert_allclose(merged.loc[["a", "b", "c"]], pd.concat([first, second]), rtol=1e-4)


def test_teachers_are_averaged_by_weight_where_they_overlap_and_count_less_where_they_disagree() -> None:
    studies = [f"s{number}" for number in range(400)]
    rng = np.random.default_rng(3)
    truth = rng.normal(-2, 1, size=(400, len(LABELS)))
    noise = [rng.normal(0, 0.5, size=truth.shape) for _ in range(2)]
    # Of every fourth image the second teacher says something else altogether.
    noise[1][::4] = rng.normal(0, 2, size=noise[1][::4].shape)
    teachers = [
        pd.DataFrame(
            1 / (1 + np.exp(-(truth + part))), index=pd.Index(studies, name="image_path"), columns=list(LABELS)
        )
        for part in noise
    ]
    alike, leaning = merge_teachers(teachers), merge_teachers(teachers, [9.0, 1.0])
    assert alike.trust is not None
    agreed = np.arange(400) % 4 != 0
    assert alike.trust[agreed].to_numpy().mean() > alike.trust[~agreed].to_numpy().mean() + 0.1

    def error(merged: pd.DataFrame, rows: np.ndarray) -> float:
        logits = np.log(merged / (1 - merged)).to_numpy()
        return float(np.abs(logits - truth)[rows].mean())

    assert error(alike.probabilities, agreed) < error(teachers[0], agreed)
    assert error(leaning.probabilities, ~agreed) < error(alike.probabilities, ~agreed)


def test_a_label_that_no_teacher_knows_stays_unknown_and_the_others_count() -> None:
    teachers = [
        _teacher(list("abc")).assign(Mass=float("nan")),
        _teacher(list("abc"), seed=1).assign(Mass=float("nan")),
    ]
    lesson = lesson_of(pd.DataFrame({"image_path": list("abc")}), merge_teachers(teachers))
    mass = LABELS.index("Mass")
    assert lesson.targets[:, mass].isnan().all()
    assert lesson.share[mass] == 0
    assert lesson.trust.isfinite().all()


def test_the_loss_counts_what_the_teacher_knows() -> None:
    logits = torch.zeros(2, len(LABELS), requires_grad=True)
    targets = torch.full((2, len(LABELS)), float("nan"))
    targets[1, 3] = 3.0
    loss = imitation_loss(logits, targets, torch.full_like(targets, 0.5))
    assert loss.item() == pytest.approx(0.5 * 2.5 / len(LABELS))  # the smooth L1 distance of 3 is 3 - 1/2
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.nonzero().tolist() == [[1, 3]]


def test_the_joined_head_gives_the_weighted_mean_of_both_heads_and_the_labels_alone_where_the_teacher_is_silent() -> (
    None
):
    torch.manual_seed(0)
    studies = list("abcd")
    lesson = lesson_of(pd.DataFrame({"image_path": studies}), Teacher(_teacher(studies).assign(Edema=float("nan"))))
    pupil = Pupil(build_network("test_resnet", initial_weights="none"), lesson).eval()
    before = pupil.network.get_classifier().weight.clone()  # type: ignore[operator,union-attr]
    x = torch.rand(3, 1, 64, 64)
    with torch.inference_mode():
        logits, _, imitated = pupil(x)
        expected = (logits + TEACHER_SHARE * (imitated * lesson.spread + lesson.mean)) / (1 + TEACHER_SHARE)
        silent = LABELS.index("Edema")
        expected[:, silent] = logits[:, silent]
        assert (expected - logits).abs().amax(dim=0).count_nonzero() == len(LABELS) - 1
        torch.testing.assert_close(pupil.joined()(x), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(pupil.network.get_classifier().weight, before)  # type: ignore[operator,union-attr]


def test_a_finding_that_no_label_tells_is_learned_from_the_teacher(table: pd.DataFrame, tmp_path: Path) -> None:
    """All labels deny the hernia; the teacher sees a trace of one where the masses are."""
    rows = table[table["split"] == "train"]
    seen = rows["Mass"].to_numpy() == 1
    teacher = _teacher(rows["image_path"].tolist()).assign(**dict.fromkeys(LABELS, 0.05))
    teacher["Hernia"] = np.where(seen, 0.01, 0.001)
    # Without dropout and without the rounding of bf16 so few steps are enough whatever the seed.
    settings = replace(SMALL, epochs=20, learning_rate=3e-3, ema_decay=0.8, teacher_weight=5.0, monitor="loss")
    settings = replace(settings, precision="fp32", drop_rate=0.0, drop_path_rate=0.0)
    classifier = Classifier(train(table, tmp_path / "run", settings, data_settings={}, teacher=Teacher(teacher)))
    assert classifier.config.architecture == "test_resnet"
    images = [read_radiograph(Path(path).read_bytes()) for path in rows["image_path"]]
    column = LABELS.index("Hernia")
    hernias = np.array([classifier.predict(image).probabilities[column] for image in images])
    assert hernias[seen].mean() > hernias[~seen].mean()
    assert roc_auc_score(seen, hernias) > 0.9


def test_a_backbone_without_one_linear_head_cannot_have_a_teacher(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not end in one linear layer, which --teacher needs"):
        train(
            table,
            tmp_path / "run",
            replace(SMALL, backbone="convnext_atto"),
            data_settings={},
            teacher=Teacher(_teacher(table["image_path"].tolist())),
        )
