"""Training shared out to two processes learns what one process learns."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch

from core.datasets.conversations import write_conversations
from core.settings import ROOT
from core.vlm.models import load_model
from core.vlm.small_models import make_small
from core.vlm.training import train_writer
from core.vlm.training_settings import StageSettings

# All records in each step, so that it does not matter who gets which.
SETTINGS = StageSettings(epochs=3, batch_size=8, learning_rate=1e-2, precision="fp32")


@pytest.fixture(scope="module")
def made(records, tmp_path_factory):
    """A folder with a small LLaVA and with records that make one optimiser step an epoch."""
    folder = tmp_path_factory.mktemp("shared")
    # One to validate on: means of batches depend on how records are dealt out.
    write_conversations(
        {"train": records["train"][: SETTINGS.batch_size], "val": records["val"][:1], "test": []}, folder
    )
    texts = [turn["value"] for one in records["train"] for turn in one["conversations"]]
    model, processor = make_small("llava-llama", texts)
    model.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    return folder


def train_in_two(made, run):
    """The command, as ``torchrun`` starts it in two processes; gives the validation loss that it prints."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "core.vlm", "train"]
    options = ["--stage", "language", "--model", made / "model", "--records", made, "--output_dir", run]
    for name in ("epochs", "learning_rate", "precision"):
        options += [f"--{name}", getattr(SETTINGS, name)]
    done = subprocess.run(
        [sys.executable, *launch, *map(str, options), "--batch_size", str(SETTINGS.batch_size // 2)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (state,) = (run / "trainer").glob("*/trainer_state.json")
    assert json.loads(state.read_text())["global_step"] == SETTINGS.epochs, "each process takes half of the records"
    return float(re.search(r"Validation: loss ([\d.]+)", done.stdout)[1])


def test_two_processes_give_the_loss_and_the_weights_of_one(made, tmp_path):
    before = load_model(made / "model")[0].state_dict()
    alone = train_writer("language", made / "model", made, tmp_path / "one", SETTINGS)
    assert train_in_two(made, tmp_path / "two") == pytest.approx(alone["loss"], abs=1e-3)
    ours, shared = (load_model(tmp_path / run / "model")[0].state_dict() for run in ("one", "two"))
    assert any(not torch.equal(weight, before[name]) for name, weight in ours.items())
    for name, weight in ours.items():
        assert torch.allclose(weight, shared[name], atol=1e-4), name
