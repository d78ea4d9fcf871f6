"""``python -m core.vlm guard-study|bench|plan|loss``: how faithful, fast and likely a writer is; what it needs."""

import argparse
import random
from dataclasses import asdict
from pathlib import Path

from core.atomic import write_json
from core.vlm.options import add_backend_options, backend_choice


def add_measurements(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands to the parser of ``python -m core.vlm``."""
    one = commands.add_parser("guard-study", help="writer and guard on evidence drawn at random")
    one.add_argument("--sets", type=int, default=2000, help="evidence sets, or images at most [2000]")
    one.add_argument(
        "--images",
        metavar="PATH",
        nargs="+",
        help="radiographs, or folders of them, with the evidence of the classifier [evidence drawn at random]",
    )
    one.add_argument("--seed", type=int, default=0, help="of the draw [0]")
    one.add_argument("--output", type=Path, metavar="FILE", help="JSON file for the figures")
    one.set_defaults(run=guard_study, parser=one)

    two = commands.add_parser("bench", help="time and memory that the writer takes")
    two.add_argument("--reports", type=int, default=30, help="reports to write [30]")
    two.set_defaults(run=bench, parser=two)
    three = commands.add_parser(
        "plan",
        help="memory and time that models need, computed from their configurations",
        description="Counts weights without loading any, for published models and for folders.",
    )
    three.add_argument("names", nargs="*", metavar="NAME", help="published models, or folders [all published ones]")
    three.add_argument(
        "--measure",
        action="store_true",
        help="train a smaller model of each published one's class for two steps, and set its memory beside what is "
        "computed for it (Linux)",
    )
    three.set_defaults(run=plan)
    four = commands.add_parser(
        "loss",
        help="how likely models find held-out reports: the loss a token, with paired intervals",
        description="Of each further model also its difference from the first one, in the same resamples of reports.",
    )
    four.add_argument(
        "--model", action="append", required=True, metavar="NAME=DIR", help="model or adapter; may be given again"
    )
    four.add_argument("--records", type=Path, required=True, metavar="FILE", help="held-out records of prepare")
    four.add_argument(
        "--training_records",
        type=Path,
        metavar="FILE",
        help="records of prepare, whose token frequencies are the guess that never looks [left out]",
    )
    four.add_argument("--max_records", type=int, default=0, metavar="N", help="records at most, 0 for all [0]")
    four.set_defaults(run=loss, parser=four)
    for command in (one, two):
        add_backend_options(command)


def guard_study(options: argparse.Namespace) -> int:
    """Measure, and print what was found; 1 if a text with a violation or a fault would have been shown."""
    # transformers takes seconds to import, which --help should not wait for.
    from core.classifier import Classifier
    from core.reporting.bulk import find_files
    from core.vlm.backends import open_backend
    from core.vlm.guard_study import in_words, study_guard, study_images

    if options.sets < 1:
        options.parser.error("--sets must be 1 or more")
    writer = open_backend(backend_choice(options))
    if options.images:
        files = find_files(options.images)
        chosen = random.Random(options.seed).sample(files, min(options.sets, len(files)))
        study = study_images(chosen, Classifier(), writer)
    else:
        study = study_guard(writer, sets=options.sets, seed=options.seed)
    print(in_words(study))
    if options.output:
        write_json(options.output, asdict(study), indent=2)
    return 1 if study.shown_violations or study.faults else 0


def bench(options: argparse.Namespace) -> int:
    """Measure, and print."""
    from core.vlm.backends import open_backend
    from core.vlm.bench import bench_writer

    if options.reports < 1:
        options.parser.error("--reports must be 1 or more")
    print(bench_writer(open_backend(backend_choice(options)), reports=options.reports))
    return 0


def plan(options: argparse.Namespace) -> int:
    """Print the table."""
    from core.vlm.planning import as_table, named_configuration, published_names, size_of

    names = options.names or published_names()
    if options.measure:
        from core.vlm.plan_check import check_plan

        for name in names:
            one = check_plan(name)
            print(
                f"{name}: a smaller model of {one.weights / 1e6:.0f} million weights took {one.measured / 1e6:.0f} MB "
                f"to train, computed {one.computed / 1e6:.0f} MB ({one.computed / one.measured:.2f} of it)."
            )
        return 0
    print(as_table({name: size_of(named_configuration(name)) for name in names}))
    print(
        "\nA dash: not computed. Models in 4 bits run on a CPU, too, which saves memory; a small one took three times "
        "as long there as in bf16."
    )
    return 0


def loss(options: argparse.Namespace) -> int:
    """Print the losses."""
    from core.vlm.token_loss import compare_losses, in_words

    models = dict(one.split("=", 1) for one in options.model if "=" in one)
    if len(models) < len(options.model):
        options.parser.error("--model must be NAME=DIR, each name once")
    found = compare_losses(
        models, options.records, limit=options.max_records, training_records=options.training_records
    )
    print(in_words(found))
    return 0
