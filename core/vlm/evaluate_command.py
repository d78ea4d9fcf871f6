"""``python -m core.vlm evaluate``: generated reports against the radiologists'."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from core.atomic import write_text
from core.datasets import DatasetError, read_table
from core.datasets.options import add_source_options, load_sources
from core.datasets.table import SPLITS
from core.evaluation.bootstrap import RESAMPLES
from core.vlm.dashboard import write_dashboard
from core.vlm.evaluation import TextEvaluation, evaluate
from core.vlm.evaluation_manifest import manifest_of, read_manifest, studies_of
from core.vlm.evaluation_page import write_page
from core.vlm.evaluation_table import as_table
from core.vlm.options import add_backend_options, backend_choice
from core.vlm.prompts import MODES
from core.vlm.text_metrics.elsewhere import interpreters
from core.vlm.text_metrics.learned import BERTSCORE_MODEL, load_learned


def add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of ``python -m core.vlm``."""
    one = commands.add_parser(
        "evaluate",
        help="generated reports against reference reports",
        description="Scores manifests of generated reports, side by side, beside a constant report and the template. "
        "A manifest is a .csv or .jsonl file with id, reference_findings, reference_impression, findings and "
        "impression, and if known evidence (JSON: label to present, possible, absent or unknown), icd and "
        "reference_icd (codes joined by ;), before_guard_findings, before_guard_impression, guard_action; or the "
        "folder that python -m core.vlm write --ray wrote. "
        "With --dataset instead, the writer writes the studies of a split from the labels of their reports, and is "
        "scored against these; its manifest is kept in the output folder. "
        "With --backend none the baselines stand alone.",
    )
    one.add_argument(
        "--predictions",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="manifest of one system; again for further ones, which are compared with the first",
    )
    one.add_argument(
        "--output_dir", type=Path, metavar="DIR", help="for metrics.json, predictions.csv, report.html, dashboard.html"
    )
    one.add_argument("--split", choices=SPLITS, default="test", help="of the dataset [test]")
    one.add_argument("--mode", choices=MODES, default="evidence", help="as for write, with --dataset [evidence]")
    one.add_argument(
        "--images",
        type=Path,
        metavar="TABLE",
        help="labelled images that stand in, by label set, for those of the studies [a rendered phantom]",
    )
    one.add_argument(
        "--temperature",
        type=float,
        metavar="T",
        help="of the writer's first drafts, 0 for the likeliest words [the writer's own]; choose it on the val split",
    )
    one.add_argument("--limit", type=int, default=0, metavar="N", help="studies at most, with --dataset [0: all]")
    one.add_argument("--resamples", type=int, default=RESAMPLES, help=f"for the intervals [{RESAMPLES}]")
    one.add_argument(
        "--bertscore_model",
        default=BERTSCORE_MODEL,
        metavar="NAME",
        help=f"folder, or name in the local cache of the hub [{BERTSCORE_MODEL}]",
    )
    one.add_argument("--chexbert", type=Path, metavar="FILE", help="chexbert.pth, for CheXbert F1")
    one.add_argument(
        "--chexbert_bert",
        default="bert-base-uncased",
        metavar="NAME",
        help="the BERT that CheXbert was made from: folder, or name in the local cache [bert-base-uncased]",
    )
    one.add_argument(
        "--score_python",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help="Python of the environment that has the package of radgraph, ratescore or green; again for another "
        "[the one that runs this]",
    )
    add_backend_options(one)
    add_source_options(one, required=False)
    one.set_defaults(run=run_evaluate, parser=one)


def run_evaluate(options: argparse.Namespace) -> int:
    """Evaluate, write the folder, and print the tables."""
    if bool(options.predictions) == bool(options.dataset):
        options.parser.error("give either --predictions or --dataset with --data_dir")
    if options.resamples < 1:
        options.parser.error("--resamples must be 1 or more")
    if options.temperature is not None and options.temperature < 0:
        options.parser.error("--temperature must be 0 or more")
    systems, studies = _inputs(options)
    learned, unavailable = load_learned(
        bertscore_model=options.bertscore_model,
        chexbert=options.chexbert,
        chexbert_bert=options.chexbert_bert,
        pythons=interpreters(options.score_python),
    )
    evaluation = evaluate(
        systems, studies=studies, learned=learned, unavailable=unavailable, resamples=options.resamples
    )
    print(as_table(evaluation))
    if options.output_dir:
        write_evaluation(evaluation, options.output_dir)
        print(f"\nwrote metrics.json, predictions.csv, report.html and dashboard.html to {options.output_dir}")
    return 0


def write_evaluation(evaluation: TextEvaluation, output_dir: str | Path) -> None:
    """Write ``metrics.json``, ``predictions.csv``, ``report.html`` and ``dashboard.html``."""
    folder = Path(output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "metrics.json", json.dumps(evaluation.to_json(), indent=2) + "\n")
    write_text(folder / "predictions.csv", evaluation.studies.to_csv(index=False, float_format="%.6g"))
    write_page(evaluation, folder / "report.html")
    write_dashboard(evaluation, folder / "dashboard.html")


def _inputs(options: argparse.Namespace) -> tuple[dict[str, pd.DataFrame], pd.DataFrame | None]:
    """Manifests by name: those given, or the one that the writer makes of a split; or no manifest and the studies."""
    if options.dataset:
        if len(options.dataset) != len(options.data_dir or []):
            options.parser.error("--data_dir must be given once for each --dataset")
        print(
            "note: the evidence is read from the references: agreement with it shows how faithful a writer is, not "
            "what a classifier sees.",
            file=sys.stderr,
        )
        # Reports are compared, and images may stand in: Open-i needs no image on disk.
        options.reports_only = True
        studies = studies_of(load_sources(options).table, options.split)
        studies = studies[: options.limit] if options.limit else studies
        return ({}, studies) if options.backend == "none" else ({"writer": _write(options, studies)}, None)
    systems: dict[str, pd.DataFrame] = {}
    for given in options.predictions:
        named, separator, file = given.partition("=")
        alone = not separator or Path(given).is_file()
        name, path = (Path(given).stem, Path(given)) if alone else (named, Path(file))
        if name in systems:
            raise DatasetError(f"Two systems are called {name!r}: give each a name of its own as NAME=FILE.")
        systems[name] = read_manifest(path)
    return systems, None


def _write(options: argparse.Namespace, studies: pd.DataFrame) -> pd.DataFrame:
    # transformers takes seconds to import, which comparing manifests should not wait for.
    from core.vlm.backends import Decoding, open_backend
    from core.vlm.written import write_studies

    images = None
    if options.images:
        images = read_table(options.images)
        # Images of training records are not to illustrate what is measured.
        images = images[images["split"] == ("train" if options.split == "train" else "val")]
    decoding = None if options.temperature is None else Decoding(temperature=options.temperature)
    writer = open_backend(backend_choice(options), decoding)
    manifest = manifest_of(studies, lambda evidences: write_studies(evidences, writer, images, mode=options.mode))
    if options.output_dir:
        options.output_dir.mkdir(parents=True, exist_ok=True)
        write_text(options.output_dir / "written.jsonl", manifest.to_json(orient="records", lines=True))
    return manifest
