"""GREEN, RaTEScore and RadGraph as their own packages compute them; run by a Python that has them.

Their packages want versions of other libraries that ChestLens cannot live with, so that they are given a process, and
where need be an environment, of their own: this file imports nothing of ChestLens.

    PYTHON libraries.py check NAME MODEL...                       says what is missing, or nothing
    PYTHON libraries.py score NAME PAIRS.json SCORES.json MODEL...

PAIRS.json holds ``{"candidates": [text, ...], "references": [text, ...]}``, SCORES.json then a number a pair.
"""

import importlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

# The modules that each score imports, and the packages that bring them.
PACKAGES = {
    "green": {"green_score": "green-score", "sentence_transformers": "sentence-transformers", "datasets": "datasets"},
    "ratescore": {"RaTEScore": "RaTEScore", "medspacy": "medspacy"},
    "radgraph": {"radgraph": "radgraph"},
}


def missing(name: str, models: list[str]) -> str:
    """One sentence about what cannot be had, or ``""``."""
    lacking = [package for module, package in PACKAGES[name].items() if importlib.util.find_spec(module) is None]
    if lacking:
        few = "the package" if len(lacking) == 1 else "the packages"
        named = f"{few} {' and '.join(lacking)}"
        return f"{named}, which {sys.executable} lacks: install there, or name another Python with --score_python."
    if name == "radgraph":
        cache = importlib.import_module("appdirs").user_cache_dir("radgraph")
        folder = Path(cache) / importlib.metadata.version("radgraph") / models[0]
        if (folder / "weights.th").is_file():
            return ""
        fetch = f"python -c \"import radgraph; radgraph.RadGraph(model_type='{models[0]}')\""
        return f"its weights, which its package fetches when it is first used: run {fetch}."
    return next(filter(None, map(missing_model, models)), "")


def missing_model(model: str) -> str:
    """One sentence about a model that is neither a folder nor in the local cache of the hub, or ``""``."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(model).is_dir():
        return ""
    try:
        known = isinstance(try_to_load_from_cache(model, "config.json"), str)
    except HFValidationError:
        return f"the model {model}: there is no such folder."
    return "" if known else f"the model {model}, which is not in the local cache: run hf download {model}."


def score(name: str, candidates: list[str], references: list[str], models: list[str]) -> Any:
    """A number a pair."""
    if name == "radgraph":
        scorer = importlib.import_module("radgraph").F1RadGraph(reward_level="partial", model_type=models[0])
        return scorer(hyps=candidates, refs=references)[1]
    import torch

    on_gpu = torch.cuda.is_available()
    if name == "ratescore":
        entities, likeness = models
        scorer = importlib.import_module("RaTEScore").RaTEScore(
            bert_model=entities, eval_model=likeness, use_gpu=on_gpu
        )
        return scorer.compute_score(candidates, references)
    # The package's own __init__ is empty. Its summary would fetch a further model.
    scorer = importlib.import_module("green_score.green").GREEN(models[0], cpu=not on_gpu, compute_summary_stats=False)
    return scorer(references, candidates)[2]


def main(arguments: list[str]) -> None:
    """Do what the arguments say; libraries talk on standard output, which is kept for one sentence."""
    told, sys.stdout = sys.stdout, sys.stderr
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    task, name, *rest = arguments
    if task == "check":
        print(missing(name, rest), file=told)
        return
    pairs, out, *models = rest
    given = json.loads(Path(pairs).read_text(encoding="utf-8"))
    found = score(name, given["candidates"], given["references"], models)
    Path(out).write_text(json.dumps([float(one or 0) for one in found]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
