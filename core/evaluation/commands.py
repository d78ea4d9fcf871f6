"""The commands that measure: ``python -m core labeler-study|learning-curve|localisation|bench``."""

import argparse
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from core.atomic import write_json, write_text
from core.classifier import SHIPPED, Classifier
from core.classifier.importing import checkpoint_folder
from core.classifier.reliability import LOCALIZATION, save_localization
from core.classifier.training import TrainingSettings, add_training_options, read_inputs
from core.datasets import load_boxes, load_table, restore_validation
from core.datasets.sources.openi import load_openi
from core.evaluation import labeler_sentences, localisation_table
from core.evaluation.bench.rounds import ROUNDS
from core.evaluation.errors import EvaluationError
from core.evaluation.labeler_study import as_table, study_labeler
from core.evaluation.localisation import measure_localisation
from core.options import CHECKPOINT_HELP


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the four commands to the parser of ``python -m core``."""
    one = commands.add_parser("labeler-study", help="the report labeler against the human coding of Open-i")
    one.add_argument("--data_dir", type=Path, help="folder of Open-i [the reports of the torchxrayvision package]")
    one.add_argument("--r2gen_split", type=Path, help="r2gen_split.csv or annotation.json, for figures by split")
    one.add_argument("--sentences", type=Path, metavar="FILE", help="adds single sentences with what they say")
    one.add_argument("--output", type=Path, help="JSON file for the figures")
    one.set_defaults(run=labeler_study)

    curve = commands.add_parser(
        "learning-curve",
        help="what more training images would bring: AUROC against their number",
        description="Trains once for each share of the images, each time with the same number of steps, and compares "
        "the results on the same validation images. Takes as long as that many trainings; resumable.",
    )
    curve.add_argument("--output_dir", type=Path, required=True, metavar="DIR", help="for runs, figures and picture")
    curve.add_argument(
        "--shares",
        type=float,
        nargs="+",
        default=[0.125, 0.25, 0.5, 1.0],
        metavar="SHARE",
        help="of the training images [0.125 0.25 0.5 1]",
    )
    add_training_options(curve)
    curve.set_defaults(run=draw_learning_curve)

    boxes = commands.add_parser(
        "localisation",
        help="how well heatmaps agree with radiologists' boxes, beside Wang et al. 2017",
        description="Compares each boxed finding's heatmap with the boxes: IoBB, IoU and pointing game.",
    )
    boxes.add_argument("--data_dir", type=Path, required=True, metavar="DIR", help="folder of NIH ChestX-ray14")
    boxes.add_argument("--boxes", type=Path, metavar="FILE", help="[BBox_List_2017.csv in the data folder]")
    boxes.add_argument("--checkpoint", type=Path, default=SHIPPED, help=CHECKPOINT_HELP)
    boxes.add_argument("--split", choices=["train", "val", "test"], default="test", help="test is test_list.txt [test]")
    boxes.add_argument("--output", type=Path, help="JSON file for the figures")
    boxes.add_argument(
        "--keep",
        action="store_true",
        help=f"also write them into the checkpoint folder as {LOCALIZATION}: the app then tells reviewers how far each "
        "heatmap can be trusted",
    )
    boxes.set_defaults(run=localisation, parser=boxes)

    two = commands.add_parser("bench", help="time and memory of the main work, measured here and now")
    two.add_argument(
        "part",
        nargs="?",
        choices=[
            *("server", "viewer", "data", "training", "evaluation", "peers", "start", "load", "capacity"),
            *("labeler", "writer", "growth"),
        ],
        default="server",
        help="server: from upload to report; viewer: from a key or a drag to the frame that answers it, in Chromium; "
        "data: labeler, NIH table and, with --images, preparation; training: against bare forward and backward passes; "
        "evaluation: 25,596 images, 1,000 resamples; peers: against torchxrayvision, pytorch-grad-cam and "
        "scikit-learn, in alternating rounds; start: of app.py, with its memory and imports; load: 1 to 50 clients "
        "at a time, with one and two workers; capacity: workers for so many studies a day; labeler: against negspacy; "
        "writer: tokens and reports a second; growth: ever more images and studies, with a plot beside --output "
        "[server]",
    )
    two.add_argument("--repeats", type=int, default=15, help="uploads or, for the viewer, inputs to measure [15]")
    two.add_argument("--side", type=int, default=2500, help="of the viewer's radiograph, in pixels [2500]")
    two.add_argument("--images", type=Path, metavar="DIR", help="folder of radiographs whose preparation is measured")
    two.add_argument(
        "--image_size", type=int, default=320, help="longest side of prepared copies, side of training's input [320]"
    )
    two.add_argument("--backbone", default=TrainingSettings.backbone, help=f"to train [{TrainingSettings.backbone}]")
    two.add_argument("--batch_size", type=int, default=16, help="of training [16]")
    two.add_argument("--checkpoint", type=Path, default=SHIPPED, help=CHECKPOINT_HELP)
    two.add_argument("--rounds", type=int, default=ROUNDS, help=f"of peers, labeler and start [{ROUNDS}]")
    two.add_argument(
        "--peer_python", type=Path, metavar="FILE", help="Python of the environment that has negspacy, for labeler"
    )
    two.add_argument("--most_images", type=int, default=100, help="of growth, at each size in pixels [100]")
    two.add_argument(
        "--sides", type=int, nargs="+", metavar="PIXELS", help="of growth's images [224 512 1024], each measured apart"
    )
    two.add_argument("--most_studies", type=int, default=1000, help="of growth [1000]")
    two.add_argument("--studies_a_day", type=int, default=1_000_000, help="of capacity [1000000]")
    two.add_argument("--output", type=Path, metavar="FILE", help="write the figures as JSON, too")
    two.set_defaults(run=bench)


def labeler_study(options: argparse.Namespace) -> int:
    """Print F1 of the labeler for each label and split."""
    table = load_openi(options.data_dir, images=False, r2gen_split=options.r2gen_split).table
    study = study_labeler(table)
    if options.output:
        write_json(options.output, study, indent=2)
    print(as_table(study))
    if options.sentences:
        print(f"\n{labeler_sentences.as_table(labeler_sentences.read_cases(options.sentences))}")
    return 0


def draw_learning_curve(options: argparse.Namespace) -> int:
    """Train on growing shares of the images, and print what they brought."""
    from core.evaluation.learning_curve import in_words, learning_curve

    print(in_words(learning_curve(read_inputs(options), options.output_dir, options.shares)))
    print(f"wrote {options.output_dir / 'learning_curve.json'} and learning_curve.png")
    return 0


def localisation(options: argparse.Namespace) -> int:
    """Measure the heatmaps of one split against boxes, and print the figures."""
    if options.keep and options.split != "test":
        options.parser.error("--keep needs --split test: heatmaps look better on images that the network learned from")
    checkpoint = checkpoint_folder(options.checkpoint)
    classifier = Classifier(checkpoint)
    boxes = load_boxes(options.boxes or options.data_dir / "BBox_List_2017.csv")
    if not (options.data_dir / "test_list.txt").is_file():
        raise EvaluationError(
            f"There is no test_list.txt in {options.data_dir}, so nobody knows which images are unseen."
        )
    # The division into training and validation must be the one that the checkpoint was trained with.
    table = restore_validation(load_table(["nih"], [options.data_dir]).table, classifier.config.provenance)
    figures = {"split": options.split} | measure_localisation(
        table[table["split"] == options.split].reset_index(drop=True), boxes, classifier
    )
    if options.output:
        write_json(options.output, figures, indent=2)
    print(localisation_table.as_table(figures))
    if options.keep:
        print(f"\nwrote {save_localization(checkpoint, figures)}")
    return 0


def bench(options: argparse.Namespace) -> int:
    """Measure, and print a line for each figure."""
    lines: Iterable[Any]
    if options.part == "server":
        from core.evaluation.bench.server import measure_server

        lines = measure_server(repeats=options.repeats, checkpoint=options.checkpoint)
    elif options.part == "viewer":
        from core.evaluation.bench.viewer import measure_viewer

        lines = measure_viewer(side=options.side, repeats=options.repeats, checkpoint=options.checkpoint)
    elif options.part == "training":
        from core.evaluation.bench.training import measure_training

        lines = measure_training(
            TrainingSettings(backbone=options.backbone, image_size=options.image_size, batch_size=options.batch_size)
        )
    elif options.part == "evaluation":
        from core.evaluation.bench.evaluation import measure_evaluation

        lines = measure_evaluation()
    elif options.part == "peers":
        from core.evaluation.bench.peers import measure_peers

        lines = measure_peers(options.checkpoint, rounds=options.rounds)
    elif options.part == "start":
        from core.evaluation.bench.start import measure_start

        lines = measure_start(options.checkpoint, rounds=options.rounds)
    elif options.part == "load":
        from core.evaluation.bench.load import measure_load

        lines = measure_load(options.checkpoint)
    elif options.part == "capacity":
        from core.evaluation.bench.capacity import measure_capacity

        lines = measure_capacity(options.checkpoint, studies_a_day=options.studies_a_day, repeats=options.repeats)
    elif options.part == "labeler":
        from core.evaluation.bench.labeler import measure_labeler

        lines = [measure_labeler(rounds=options.rounds, peer=options.peer_python)]
    elif options.part == "writer":
        from core.vlm.backends import open_backend
        from core.vlm.bench import bench_writer

        lines = [bench_writer(open_backend(), reports=options.repeats)]
    elif options.part == "growth":
        from core.evaluation.bench.growth import SIDES, measure_growth

        lines = measure_growth(
            options.checkpoint,
            images=options.most_images,
            sides=options.sides or SIDES,
            studies=options.most_studies,
            repeats=options.repeats,
            plot=options.output and options.output.with_suffix(".png"),
        )
    else:
        from core.evaluation.bench.data import measure_data

        lines = measure_data(options.images, image_size=options.image_size)
    figures = []
    for line in lines:
        print(line, flush=True)
        figures.append({"text": line} if isinstance(line, str) else {"text": str(line), **line.to_json()})
    if options.output:
        machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        told = {"part": options.part, "machine": machine, "figures": figures}
        write_text(options.output, json.dumps(told, indent=2) + "\n")
    return 0
