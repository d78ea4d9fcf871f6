"""The loss a token: that of the training loop, with paired intervals and a guess beside it."""

import math

import pytest

from core.datasets.conversations import write_conversations
from core.vlm.__main__ import main
from core.vlm.batches import load_records
from core.vlm.models import WriterTrainingError
from core.vlm.small_models import make_small
from core.vlm.token_loss import FREQUENCIES, compare_losses, in_words
from core.vlm.training import train_writer
from core.vlm.training_settings import StageSettings


@pytest.fixture(scope="module")
def folder(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    # One report a batch, so that the loop's mean over batches is that of one report.
    write_conversations({"train": records["train"][:16], "val": records["val"][:1], "test": records["val"][:4]}, folder)
    return folder


@pytest.fixture(scope="module")
def base(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base") / "model"
    model, processor = make_small(
        "llava-llama", [turn["value"] for one in records["train"] for turn in one["conversations"]]
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tuned(base, folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("tuned")
    settings = StageSettings(epochs=2, batch_size=4, learning_rate=1e-2, precision="fp32", preset="lora-64")
    return run / "model", train_writer("language", base, folder, run, settings)["loss"]


def test_the_loss_is_that_of_training_and_differences_are_paired(base, tuned, folder):
    adapter, stated = tuned
    one = compare_losses({"tuned": adapter}, folder / "val.json")
    assert one.losses["tuned"].value == pytest.approx(stated, abs=1e-3)
    found = compare_losses({"base": base, "tuned": adapter, "same": base}, folder / "test.json")
    assert found.reports == len(load_records(folder / "test.json"))
    assert found.differences["same"].ci95 == (0, 0)
    difference = found.differences["tuned"]
    assert difference.value == pytest.approx(found.losses["tuned"].value - found.losses["base"].value)
    assert difference.ci95[0] <= difference.value <= difference.ci95[1] < 0
    assert "tuned minus base: -" in in_words(found)


def test_the_guess_lies_between_knowing_nothing_and_having_learned(base, folder, command):
    found = compare_losses({"base": base}, folder / "test.json", training_records=folder / "train.json")
    tokens = 420
    assert 0 < found.losses[FREQUENCIES].value < math.log(tokens)
    shown = command(main, "loss", "--model", f"base={base}", "--records", folder / "test.json").out
    assert "base: " in shown
    assert FREQUENCIES not in shown
    assert "NAME=DIR" in command(main, "loss", "--model", base, "--records", "x", status=2).err


def test_models_that_divide_text_otherwise_are_not_compared(base, folder, tmp_path):
    model, processor = make_small("llava-llama", ["Other words altogether."] * 20)
    model.save_pretrained(tmp_path / "other")
    processor.save_pretrained(tmp_path / "other")
    with pytest.raises(WriterTrainingError, match="divide text otherwise"):
        compare_losses({"base": base, "other": tmp_path / "other"}, folder / "test.json")
