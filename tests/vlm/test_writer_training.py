"""The stages train what they should, learn, and go on after a stop as if there had been none."""

import json
import shutil

import pytest
import torch

from core.datasets.conversations import write_conversations
from core.datasets.table import DatasetError
from core.vlm import training
from core.vlm.batches import Collator, load_records
from core.vlm.models import WriterTrainingError, load_model
from core.vlm.training import train_writer
from core.vlm.training_settings import StageSettings
from core.vlm.vision_stage import train_vision

QUICK = StageSettings(epochs=1, batch_size=8, learning_rate=3e-3, precision="fp32", max_records=48, save_steps=2)


@pytest.fixture(scope="module")
def folder(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_conversations(records, folder)
    return folder


def weights(folder):
    return load_model(folder)[0].state_dict()


def changed(before, after):
    return {name for name, weight in before.items() if not torch.equal(weight, after[name])}


def test_only_the_reply_is_learned(folder, tiny_model):
    _, processor = load_model(tiny_model)
    rows = load_records(folder / "train.json")
    batch = Collator(processor)([rows[0], rows[1], rows[2]])
    for index in range(3):
        learned = batch["labels"][index][batch["labels"][index] != -100]
        assert processor.tokenizer.decode(learned) == rows[index]["reply"] + "</s>"
    assert batch["input_ids"].shape == batch["labels"].shape == batch["attention_mask"].shape
    assert (batch["input_ids"] == processor.image_token_id).sum() == 3 * 4


def test_the_language_stage_learns_and_leaves_the_tower_alone(folder, tiny_model, tmp_path):
    settings = StageSettings(**{**vars(QUICK), "epochs": 4})
    figures = train_writer("language", tiny_model, folder, tmp_path / "run", settings)
    log = json.loads(next((tmp_path / "run" / "trainer").glob("*/trainer_state.json")).read_text())["log_history"]
    first = next(entry["eval_loss"] for entry in log if "eval_loss" in entry)
    assert figures["loss"] < first
    touched = changed(weights(tiny_model), weights(tmp_path / "run" / "model"))
    assert any("language_model" in name for name in touched)
    assert any("multi_modal_projector" in name for name in touched)
    assert not any("vision_tower" in name for name in touched), "running means of a frozen tower must not move"


def test_the_projector_stage_moves_the_projector_alone(folder, tiny_model, tmp_path):
    train_writer("projector", tiny_model, folder, tmp_path / "run", QUICK)
    touched = changed(weights(tiny_model), weights(tmp_path / "run" / "model"))
    assert touched
    assert all("multi_modal_projector" in name for name in touched)


def test_the_vision_stage_moves_the_tower_alone(images, tiny_model, tmp_path):
    figures = train_vision(tiny_model, images, tmp_path / "run", StageSettings(batch_size=4, precision="fp32"))
    touched = changed(weights(tiny_model), weights(tmp_path / "run" / "model"))
    assert touched
    assert all("vision_tower" in name for name in touched)
    assert 0 <= figures["macro AUROC"] <= 1


def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(folder, tiny_model, tmp_path, monkeypatch):
    train_writer("language", tiny_model, folder, tmp_path / "whole", QUICK)
    steps = 0
    step = training.Trainer.training_step

    def interrupted(self, *args, **kwargs):
        nonlocal steps
        steps += 1
        if steps == 4:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    monkeypatch.setattr(training.Trainer, "training_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_writer("language", tiny_model, folder, tmp_path / "stopped", QUICK)
    monkeypatch.undo()
    train_writer("language", tiny_model, folder, tmp_path / "stopped", QUICK)
    whole, resumed = weights(tmp_path / "whole" / "model"), weights(tmp_path / "stopped" / "model")
    for name, weight in whole.items():
        assert torch.allclose(weight.float(), resumed[name].float(), atol=1e-6), name


def test_a_run_with_other_settings_is_not_continued(folder, tiny_model, tmp_path):
    train_writer("projector", tiny_model, folder, tmp_path / "run", QUICK)
    with pytest.raises(WriterTrainingError, match="other settings"):
        train_writer("projector", tiny_model, folder, tmp_path / "run", StageSettings(**{**vars(QUICK), "seed": 1}))


def test_a_missing_image_is_named(folder, tiny_model, tmp_path):
    shutil.copytree(folder, tmp_path / "records")
    rows = json.loads((folder / "train.json").read_text())
    for row in rows:
        row["image"] = "nowhere.png"
    (tmp_path / "records" / "train.json").write_text(json.dumps(rows))
    with pytest.raises(WriterTrainingError, match=r"nowhere\.png is missing"):
        train_writer("language", tiny_model, tmp_path / "records", tmp_path / "run", QUICK)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "does not exist"), ("[]", "holds no record"), ("{", "is not a file"), ("[1]", "is not a")],
)
def test_records_that_cannot_be_read_are_refused(tmp_path, text, message):
    if text is not None:
        (tmp_path / "train.json").write_text(text)
    with pytest.raises(WriterTrainingError, match=message):
        load_records(tmp_path / "train.json")


def test_a_table_without_images_is_refused(reports, tiny_model, tmp_path):
    with pytest.raises(DatasetError, match="no image in the train split"):
        train_vision(tiny_model, reports, tmp_path / "run", QUICK)
