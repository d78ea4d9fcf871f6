"""``python -m core.vlm curriculum|distil``: records for training in stages, and for reasoning."""

import argparse
import sys
from pathlib import Path

from core.atomic import write_json
from core.datasets import read_table, write_problems
from core.datasets.conversations import write_conversations
from core.vlm.options import add_backend_options, backend_choice


def add_teaching(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the two commands to the parser of ``python -m core.vlm``."""
    one = commands.add_parser(
        "curriculum",
        help="records in two stages: A from the image alone, B from image and health record",
        description="Stage A asks for impression and CheXpert labels, stage B for reasoning and ICD-10-CM codes. Each "
        "image is used once; duplicates are counted; values of a record from the time of the study on are left out. "
        "Train stage A first, and stage B from its result.",
    )
    one.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help=".jsonl with image_path, impression, chexpert_labels, patient_data, stage, and icd_codes and study_time "
        "if there are any; or a .csv that python -m core table made of MIMIC-CXR with MIMIC-IV",
    )
    one.add_argument("--output_dir", type=Path, required=True, help="folder for stage_a and stage_b")
    one.add_argument("--val_share", type=float, default=0.1, help="share of the patients who validate [0.1]")
    one.add_argument(
        "--synthetic_records",
        action="store_true",
        help="invent a health record where there is none, marked as synthetic: no patient has it",
    )
    one.add_argument("--seed", type=int, default=0, help="of the division [0]")
    one.set_defaults(run=curriculum, parser=one)

    two = commands.add_parser(
        "distil",
        help="ten-step reasoning of a teacher, as far as the guard lets it through",
        description="Asks the backend to reason about studies in exactly ten steps before the report. Records whose "
        "steps or report the guard refuses are listed in rejected.jsonl with the reasons. Train the language stage on "
        "the others.",
    )
    two.add_argument("--table", type=Path, required=True, help="table with reports, from python -m core table")
    two.add_argument(
        "--images", type=Path, metavar="TABLE", help="labelled images that stand in, by label set, for missing ones"
    )
    two.add_argument("--output_dir", type=Path, required=True, help="folder for train.json, val.json, rejected.jsonl")
    two.add_argument("--samples", type=int, default=300, help="studies at most, of the train and val splits [300]")
    two.add_argument(
        "--by_rule", action="store_true", help="without a teacher: the steps that follow from the evidence by rule"
    )
    two.add_argument("--seed", type=int, default=0, help="of the choice and the draws [0]")
    add_backend_options(two)
    two.set_defaults(run=distil, parser=two)


def curriculum(options: argparse.Namespace) -> int:
    """Write the records of both stages, and what became of the collection."""
    from core.vlm.curriculum import make_curriculum, read_collection

    if not 0 <= options.val_share < 1:
        options.parser.error("--val_share must lie between 0 and 1")
    studies, counts, problems = read_collection(options.input)
    made = make_curriculum(studies, val_share=options.val_share, synthetic=options.synthetic_records, seed=options.seed)
    for stage, splits in made.stages.items():
        found = write_conversations(splits, options.output_dir / f"stage_{stage.lower()}")
        print(f"Stage {stage}: {found['train']} records to train, {found['val']} to validate.")
    counts += made.counts
    summary = {"counts": dict(counts), "coverage": made.coverage, "synthetic_records": made.synthetic}
    write_json(options.output_dir / "summary.json", summary, indent=2)
    for name, count in counts.items():
        print(f"{name[0].upper()}{name[1:]}: {count}.")
    if made.synthetic:
        print(f"Synthetic health records, which no patient has: {made.synthetic}.")
    if made.coverage:
        shown = ", ".join(f"{name} {share:.0%}" for name, share in made.coverage.items())
        print(f"Of stage B's records have a value: {shown}.")
    for note in made.notes:
        print(f"note: {note}", file=sys.stderr)
    problems += made.problems
    write_problems(problems, options.output_dir / "problems.csv")
    if problems:
        print(f"{len(problems)} rows were left out; problems.csv says why.", file=sys.stderr)
    return 0


def distil(options: argparse.Namespace) -> int:
    """Ask the teacher, and write what stands up to the guard."""
    import random

    # transformers takes seconds to import, which --help should not wait for.
    from core.findings import LABELS
    from core.vlm.backends import open_backend
    from core.vlm.batches import picture
    from core.vlm.distillation import Sample, distil, write_distilled
    from core.vlm.pairing import ImagePairs
    from core.vlm.training_records import covered_reports

    if options.samples < 1:
        options.parser.error("--samples must be 1 or more")
    examples = covered_reports(read_table(options.table))
    images = read_table(options.images) if options.images else None
    draw = random.Random(options.seed)
    chosen = [(split, one) for split in ("train", "val") for one in examples[split]]
    draw.shuffle(chosen)
    samples = []
    for split, example in chosen[: options.samples]:
        image = example.image
        if image is None and images is not None:
            called = {item.finding.name for item in example.evidence.decided("present", "possible")}
            pairs = ImagePairs(images[images["split"] == split])
            image = pairs.draw({label: label in called for label in LABELS}, draw)
        if image is not None:
            samples.append(Sample(example.study_id, image, example.evidence, split))
    if not samples:
        options.parser.error("the reports have no images of their own; name images that stand in with --images")
    teacher = None if options.by_rule else open_backend(backend_choice(options))
    found = distil(samples, teacher, picture, seed=options.seed)
    counts = write_distilled(found, options.output_dir)
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{len(samples)} studies: {shown}. rejected.jsonl says why each was refused.")
    return 0 if counts["train"] else 1
