"""``python -m core anatomy``: train the network that looks at a picture before it is judged, and measure it."""

import argparse
import json
import logging
from pathlib import Path

from core.atomic import write_json


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of ``python -m core``."""
    one = commands.add_parser(
        "anatomy", help="train and measure the network that finds lungs, heart and what lies wrong"
    )
    one.add_argument(
        "--data_dir", type=Path, required=True, metavar="DIR", help="holds lung_masks, nih, not_frontal, ..."
    )
    one.add_argument(
        "--output_dir", type=Path, required=True, metavar="DIR", help="checkpoint, figures and the run's state"
    )
    one.add_argument("--steps", type=int, default=750, help="optimiser steps [750]")
    one.add_argument("--batch_size", type=int, default=96, help="pictures a step [96]")
    one.add_argument("--seed", type=int, default=0, help="of everything random [0]")
    one.add_argument("--measure", action="store_true", help="measure the checkpoint in output_dir, train nothing")
    one.set_defaults(run=anatomy)


def anatomy(options: argparse.Namespace) -> int:
    """Train where there is no checkpoint yet, choose thresholds on validation pictures, measure on held-out ones."""
    # PyTorch takes seconds to import, which --help should not wait for.
    from core.anatomy.look import Looker
    from core.anatomy.training.checkpoint import save_checkpoint, write_config
    from core.anatomy.training.collection import read_collection
    from core.anatomy.training.loop import TrainingOptions, train
    from core.anatomy.training.measurement import choose_thresholds, gate_figures, looked_at, mask_figures

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = options.output_dir
    folder.mkdir(parents=True, exist_ok=True)
    collection = read_collection(options.data_dir)
    if not options.measure:
        wanted = TrainingOptions(steps=options.steps, batch_size=options.batch_size, seed=options.seed)
        save_checkpoint(train(collection, wanted, folder), folder, accept_from=0.5, refuse_below=0.5)
        chests = collection.rows("validation", frontal=True)
        found = looked_at(Looker(folder), list(collection.pictures[chests]))
        write_config(folder, choose_thresholds(found.frontal))
    looker = Looker(folder)
    figures = gate_figures(looker, collection, "held_out") | mask_figures(looker, collection, "held_out")
    write_json(folder / "figures.json", figures, indent=2)
    print(json.dumps(figures, indent=2))
    return 0
