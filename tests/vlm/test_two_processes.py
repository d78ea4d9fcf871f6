"""Training shared out to two processes learns what one process learns."""

import json
import multiprocessing
import os
import re
import warnings
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch
from ports import free_port

from core.datasets.conversations import write_conversations
from core.vlm.__main__ import main
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


def one_of_two(rank, port, said, options):
    """The command with the environment that ``torchrun`` gives to each process."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "CUDA_VISIBLE_DEVICES": ""}
    # As in a process of its own, warnings are no errors.
    warnings.simplefilter("default")
    with said.open("w") as output, redirect_stdout(output), redirect_stderr(output):
        raise SystemExit(main(options))


def train_in_two(made, run):
    """The command in two processes; gives the validation loss that it prints.

    Forked, they need not import again, which takes longer than all else together; that a launcher starts such
    processes is tested in tests/classifier/test_training.py.
    """
    options = ["--stage", "language", "--model", made / "model", "--records", made, "--output_dir", run]
    for name in ("epochs", "learning_rate", "precision"):
        options += [f"--{name}", getattr(SETTINGS, name)]
    options += ["--batch_size", SETTINGS.batch_size // 2]
    forked, port = multiprocessing.get_context("fork"), free_port()
    logs = [run.with_name(f"said_{rank}.txt") for rank in range(2)]
    command = ["train", *map(str, options)]
    both = [forked.Process(target=one_of_two, args=(rank, port, logs[rank], command)) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(timeout=300)
        process.kill()
    said = "".join(log.read_text() for log in logs)
    assert [process.exitcode for process in both] == [0, 0], said[-3000:]
    (state,) = (run / "trainer").glob("*/trainer_state.json")
    assert json.loads(state.read_text())["global_step"] == SETTINGS.epochs, "each process takes half of the records"
    return float(re.search(r"Validation: loss ([\d.]+)", said)[1])


def test_two_processes_give_the_loss_and_the_weights_of_one(made, tmp_path):
    before = load_model(made / "model")[0].state_dict()
    # First, because they inherit what a training leaves behind.
    loss_in_two = train_in_two(made, tmp_path / "two")
    alone = train_writer("language", made / "model", made, tmp_path / "one", SETTINGS)
    assert loss_in_two == pytest.approx(alone["loss"], abs=1e-3)
    ours, shared = (load_model(tmp_path / run / "model")[0].state_dict() for run in ("one", "two"))
    assert any(not torch.equal(weight, before[name]) for name, weight in ours.items())
    for name, weight in ours.items():
        assert torch.allclose(weight, shared[name], atol=1e-4), name
