"""The commands that make a writer: ``python -m core.vlm prepare|create|train|wordings``."""

import argparse
import sys
from dataclasses import MISSING, fields
from pathlib import Path

from core.classifier import SHIPPED
from core.datasets import read_table, write_problems
from core.datasets.conversations import FRACTIONS, make_conversations, write_conversations
from core.datasets.splits import split_table
from core.datasets.table import SPLITS, DatasetError
from core.vlm.training_settings import ARCHITECTURES, PRESETS, STAGES, Size, StageSettings

_EXPLANATIONS = {
    "epochs": "passes over the records",
    "batch_size": "records a forward pass and device",
    "gradient_accumulation_steps": "forward passes an optimiser step",
    "learning_rate": "peak of AdamW's, which rises first and then falls as a cosine",
    "warmup_share": "share of all steps in which the rate rises",
    "weight_decay": "AdamW",
    "preset": "what of the language model is trained: full (all), lora-64 (LoRA of rank 64, alpha 128 on q, k, v, "
    "o, gate, up, down and the projector), lora-16 (rank 16, alpha 32 on q and v), qlora (as lora-64 over a base in 4 "
    "bits, with paged 8-bit AdamW and gradient checkpointing; on a GPU)",
    "dropout": "of the adapters' inputs",
    "warmup_steps": "optimiser steps in which the rate rises; 0 for warmup_share",
    "precision": "bf16, fp16 (on a GPU), fp32, or auto: bf16 where the processor computes in it",
    "max_records": "records of the training split at most; 0 for all",
    "save_steps": "optimiser steps between two states that a stopped run can go on from",
    "gradient_checkpointing": "compute activations again in the backward pass, for models that fill the memory",
    "seed": "of order and dropout",
}


def add_prepare(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``prepare`` to the parser of ``python -m core.vlm``."""
    one = commands.add_parser("prepare", help="training records (LLaVA conversations) from a table with reports")
    one.add_argument("--table", type=Path, required=True, help="table that python -m core table wrote")
    one.add_argument("--output_dir", type=Path, required=True, help="folder for train.json, val.json and test.json")
    one.add_argument(
        "--split_fractions",
        type=float,
        nargs=3,
        default=FRACTIONS,
        metavar=("TRAIN", "VAL", "TEST"),
        help="shares of the splits, divided anew by patient [0.8 0.1 0.1]",
    )
    one.add_argument("--keep_splits", action="store_true", help="keep the splits of the table instead")
    one.add_argument("--split_seed", type=int, default=0, help="of the division [0]")
    evidence = one.add_argument_group("records that give the evidence, for the writer")
    evidence.add_argument(
        "--evidence",
        action="store_true",
        help="ask with the evidence that the labeler reads from each report, and answer with what it covers",
    )
    evidence.add_argument(
        "--images",
        type=Path,
        metavar="TABLE",
        help="labelled images that stand in, by label set, for those of reports without one",
    )
    evidence.add_argument("--variants", type=int, default=4, help="records of each training report [4]")
    evidence.add_argument(
        "--composed", type=int, default=12_000, help="training records with evidence drawn at random [12000]"
    )
    evidence.add_argument(
        "--own_words",
        type=float,
        default=0.25,
        help="share of the complete reports' records in the report's own words, the others being put into typical ones "
        "[0.25]",
    )
    evidence.add_argument(
        "--normal_reports",
        type=int,
        default=400,
        help="typical normal reports that the others are put into, at most; each takes a search [400]",
    )
    evidence.add_argument(
        "--image_only", type=float, default=0.1, help="share of the reports' records that ask without evidence [0.1]"
    )
    evidence.add_argument(
        "--style_shares",
        type=float,
        nargs=3,
        default=(0.8, 0.1, 0.1),
        metavar=("REPORT", "RSNA", "REASONING"),
        help="shares of what is asked for [0.8 0.1 0.1]",
    )
    one.set_defaults(run=prepare)


def add_create_and_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``create`` and ``train`` to the parser of ``python -m core.vlm``."""
    one = commands.add_parser(
        "create",
        help="a small untrained writer with a trained vision tower, or a small model of a published architecture",
    )
    one.add_argument(
        "--architecture",
        choices=("writer", *ARCHITECTURES),
        default="writer",
        help="writer: that of the shipped one; else a model of some ten thousand weights on which every path of the "
        "large ones can be tried [writer]",
    )
    one.add_argument("--records", type=Path, required=True, help="folder of prepare, whose texts make the tokenizer")
    one.add_argument("--output_dir", type=Path, required=True, help="folder for the model")
    one.add_argument(
        "--tower", type=Path, default=SHIPPED, help="classifier folder that becomes the vision tower [the shipped one]"
    )
    for field in fields(Size):
        one.add_argument(f"--{field.name}", type=int, default=field.default, metavar="N", help=f"[{field.default}]")
    one.set_defaults(run=create)

    two = commands.add_parser(
        "train", help="one stage of training; goes on where it was stopped when given again with the same options"
    )
    two.add_argument("--stage", choices=STAGES, required=True, help="vision encoder, projector, or language model")
    two.add_argument("--config", type=Path, metavar="FILE", help="YAML file with values for the other options")
    two.add_argument("--model", required=True, help="model folder or hf:OWNER/MODEL to start from, of any size")
    two.add_argument("--records", type=Path, help="folder of prepare (projector, language)")
    two.add_argument("--table", type=Path, help="table of labelled images (vision)")
    two.add_argument("--output_dir", type=Path, required=True, help="folder for the run; the model lands in its model/")
    for setting in fields(StageSettings):
        assert setting.default is not MISSING
        shown = f"{_EXPLANATIONS[setting.name]} [{setting.default}]"
        if setting.name == "preset":
            two.add_argument("--preset", choices=tuple(PRESETS), default="full", help=shown)
        elif isinstance(setting.default, bool):
            two.add_argument(f"--{setting.name}", action="store_true", help=shown)
        else:
            two.add_argument(
                f"--{setting.name}", type=type(setting.default), default=setting.default, metavar="VALUE", help=shown
            )
    two.set_defaults(run=train)

    merging = commands.add_parser("merge", help="base and LoRA adapter to one model")
    merging.add_argument("--adapter", type=Path, required=True, metavar="DIR", help="folder of the adapter")
    merging.add_argument("--base", metavar="NAME", help="folder or hf:OWNER/MODEL [the one that the adapter names]")
    merging.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="of the result [auto]")
    merging.add_argument("--output_dir", type=Path, required=True, help="folder for the model")
    merging.set_defaults(run=merge_adapter)

    three = commands.add_parser("wordings", help="how the training reports of a table say that something is not there")
    three.add_argument("--table", type=Path, required=True, help="table that python -m core table wrote")
    three.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON file for the sentences")
    three.set_defaults(run=wordings)


def prepare(options: argparse.Namespace) -> int:
    """Write the training records of a table."""
    table = read_table(options.table)
    if options.evidence:
        return _prepare_with_evidence(options)
    records, problems = make_conversations(
        table,
        fractions=options.split_fractions,
        seed=options.split_seed,
        keep_splits=options.keep_splits,
    )
    counts = write_conversations(records, options.output_dir)
    write_problems(problems, options.output_dir / "problems.csv")
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    print(f"{counts.total()} records ({shown}) in {options.output_dir}.")
    if problems:
        print(f"{len(problems)} images got none; problems.csv says why.", file=sys.stderr)
    return 0


def _prepare_with_evidence(options: argparse.Namespace) -> int:
    from core.vlm.pairing import ImagePairs
    from core.vlm.training_records import Recipe, count_styles, covered_reports, make_training_records

    table = read_table(options.table)
    if not options.keep_splits:
        table = split_table(table, fractions=options.split_fractions, seed=options.split_seed, given=False)[0]
    examples = covered_reports(table)
    images = read_table(options.images) if options.images else None
    pairs = {
        split: None
        if images is None
        else ImagePairs(images[images["split"] == ("train" if split == "train" else "val")])
        for split in SPLITS
    }
    recipe = Recipe(
        variants=options.variants,
        composed=options.composed,
        image_only=options.image_only,
        own_words=options.own_words,
        normal_reports=options.normal_reports,
        style_shares=tuple(options.style_shares),
        seed=options.split_seed,
    )
    records = make_training_records(examples, pairs, recipe)
    counts = write_conversations(records, options.output_dir)
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    styles = ", ".join(f"{name} {count}" for name, count in count_styles(records["train"]).most_common())
    kept = sum(map(len, examples.values()))
    print(f"{counts.total()} records ({shown}) in {options.output_dir}; training: {styles}.")
    print(f"{kept} of {len(table)} reports have findings and impression that the evidence covers.")
    return 0


def create(options: argparse.Namespace) -> int:
    """Make an untrained model."""
    # transformers takes seconds to import, which --help should not wait for.
    from core.vlm.architecture import make_model, train_tokenizer
    from core.vlm.batches import load_records
    from core.vlm.prompts import evidence_units
    from core.vlm.small_models import make_small

    if options.architecture != "writer":
        records = load_records(options.records / "train.json")
        words = (text for record in records for text in (record["request"], record["reply"]))
        model, processor = make_small(options.architecture, words)
        model.save_pretrained(options.output_dir)
        processor.save_pretrained(options.output_dir)
        print(f"{model.num_parameters():,} weights, untrained: {options.output_dir}")
        return 0
    size = Size(**{field.name: getattr(options, field.name) for field in fields(Size)})
    records = load_records(options.records / "train.json")
    texts = (text for record in records for text in (record["request"], record["reply"]))
    tokenizer = train_tokenizer(texts, vocabulary=size.vocabulary, units=evidence_units())
    model, processor = make_model(tokenizer, options.tower, size)
    model.save_pretrained(options.output_dir)
    processor.save_pretrained(options.output_dir)
    print(f"{model.num_parameters() / 1e6:.1f} million weights, {len(tokenizer)} tokens: {options.output_dir}")
    return 0


def merge_adapter(options: argparse.Namespace) -> int:
    """Write base and adapter as one model."""
    from core.vlm.merging import merge

    count = merge(options.adapter, options.output_dir, base=options.base, precision=options.precision)
    print(f"{count / 1e6:.1f} million weights: {options.output_dir}")
    return 0


def wordings(options: argparse.Namespace) -> int:
    """Collect sentences of the training reports that say just what a statement of a plan says."""
    from core.vlm.wording_bank import learn_wordings, save_wordings

    table = read_table(options.table)
    own = table[table["split"] == "train"]
    bank = learn_wordings(text for column in ("report_findings", "report_impression") for text in own[column].dropna())
    save_wordings(bank, options.output)
    counts = ", ".join(f"{kind} {len(texts)}" for kind, texts in bank.normal.items())
    print(f"Sentences: {counts}; patterns of denial: {len(bank.denials)}. They are in {options.output}.")
    return 0


def train(options: argparse.Namespace) -> int:
    """Run one stage."""
    from core.vlm.training import train_writer

    settings = StageSettings(**{field.name: getattr(options, field.name) for field in fields(StageSettings)})
    if options.stage == "vision":
        from core.vlm.vision_stage import train_vision

        if options.table is None:
            raise DatasetError("The vision stage learns from labelled images: name their table with --table.")
        figures = train_vision(options.model, read_table(options.table), options.output_dir, settings)
    else:
        if options.records is None:
            raise DatasetError(f"The {options.stage} stage learns from records: name their folder with --records.")
        figures = train_writer(options.stage, options.model, options.records, options.output_dir, settings)
    shown = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
    print(f"Validation: {shown}. The model is in {options.output_dir / 'model'}.")
    return 0
