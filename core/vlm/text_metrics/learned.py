"""Scores that need a library or weights of their own: METEOR, BERTScore, CheXbert and RadGraph F1, RaTEScore, GREEN.

None is required. What is missing is left out, with a sentence that says what to install; nothing is downloaded.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.vlm.text_metrics.elsewhere import LIBRARIES, Elsewhere, Library, Unavailable
from core.vlm.text_metrics.labels import agreement
from core.vlm.text_metrics.libraries import missing_model
from core.vlm.text_metrics.measures import Measure, mean_measure
from core.vlm.text_metrics.normalisation import normalise

BERTSCORE_MODEL = "roberta-large"
_Counted = npt.NDArray[np.bool_]
_Measures = Callable[[Sequence[str], Sequence[str], _Counted], list[Measure]]


@dataclass(frozen=True)
class LearnedScore:
    """A score that is ready for use.

    Attributes:
        name: of the score.
        reads: ``findings``, or ``report`` for both sections.
        measures: candidates (N), references (N) and which of them count (N,) to its measures.
    """

    name: str
    reads: Literal["findings", "report"]
    measures: _Measures


def load_learned(
    *,
    bertscore_model: str = BERTSCORE_MODEL,
    chexbert: Path | None = None,
    chexbert_bert: str = "bert-base-uncased",
    pythons: Mapping[Library, str] | None = None,
    models: Mapping[Library, Sequence[str]] | None = None,
) -> tuple[list[LearnedScore], dict[str, str]]:
    """Load what is present.

    Args:
        bertscore_model: folder, or name of a model in the local cache of the hub.
        chexbert: the file ``chexbert.pth``; None leaves CheXbert out.
        chexbert_bert: folder or cached name of the BERT that CheXbert was made from.
        pythons: interpreters that have the packages of RadGraph, RaTEScore and GREEN, where not this one.
        models: folders of their models, where not the published ones.

    Returns:
        The scores, and for each of the others the sentence that says why it is missing.
    """
    loaders: dict[str, Callable[[], LearnedScore]] = {
        "meteor": _meteor,
        "bertscore": lambda: _bertscore(bertscore_model),
        "chexbert": lambda: _chexbert(chexbert, chexbert_bert),
    }
    for library in LIBRARIES:
        python, chosen = (pythons or {}).get(library), (models or {}).get(library)
        loaders[library] = partial(_elsewhere, library, python, chosen)
    scores, missing = [], {}
    for name, load in loaders.items():
        try:
            scores.append(load())
        except Unavailable as reason:
            missing[name] = str(reason)
    return scores, missing


def _meteor() -> LearnedScore:
    """METEOR (Banerjee and Lavie 2005) as nltk has it; the Java program of the field's papers weighs otherwise."""
    _require("nltk", "METEOR", "nltk")
    from nltk.corpus import wordnet
    from nltk.translate.meteor_score import single_meteor_score

    try:
        wordnet.ensure_loaded()
    except LookupError:
        raise Unavailable(
            "METEOR needs WordNet: run python -m nltk.downloader wordnet, or point NLTK_DATA at it."
        ) from None

    def measures(candidates: Sequence[str], references: Sequence[str], counted: _Counted) -> list[Measure]:
        each = [
            single_meteor_score(normalise(reference).split(), normalise(candidate).split())
            for candidate, reference in zip(candidates, references, strict=True)
        ]
        return [mean_measure("meteor", each, counted)]

    return LearnedScore("meteor", "findings", measures)


def _bertscore(model: str) -> LearnedScore:
    """BERTScore F1 (Zhang et al., ICLR 2020), not rescaled."""
    _require("bert_score", "BERTScore", "bert-score")
    _require_model(model, "BERTScore")
    from bert_score import BERTScorer
    from bert_score.utils import model2layers
    from transformers import AutoConfig

    layers = model2layers.get(model) or AutoConfig.from_pretrained(model, local_files_only=True).num_hidden_layers
    scorer = BERTScorer(model_type=model, num_layers=layers)

    def measures(candidates: Sequence[str], references: Sequence[str], counted: _Counted) -> list[Measure]:
        each = np.zeros(len(candidates))
        # An empty text has no tokens to compare: its score stays 0.
        pairs = zip(counted, candidates, references, strict=True)
        rows = [row for row, (one, ours, theirs) in enumerate(pairs) if one and ours.strip() and theirs.strip()]
        if rows:
            _, _, f1 = scorer.score([candidates[row] for row in rows], [references[row] for row in rows])
            each[rows] = f1.numpy()
        return [mean_measure("bertscore", each, counted)]

    return LearnedScore("bertscore", "findings", measures)


def _chexbert(weights: Path | None, bert: str) -> LearnedScore:
    _require("transformers", "CheXbert F1", "transformers")
    if weights is None:
        raise Unavailable("CheXbert F1 needs its weights: give the file chexbert.pth as --chexbert.")
    if not weights.is_file():
        raise Unavailable(f"CheXbert F1 needs its weights: there is no file {weights}.")
    _require_model(bert, "CheXbert F1")
    from core.vlm.text_metrics.chexbert import CONDITIONS, CheXbert

    labeler = CheXbert(weights, bert)

    def measures(candidates: Sequence[str], references: Sequence[str], counted: _Counted) -> list[Measure]:
        known = np.repeat(counted[:, None], len(CONDITIONS), axis=1)
        return agreement("chexbert", CONDITIONS, labeler.asserted(candidates), labeler.asserted(references), known)

    return LearnedScore("chexbert", "report", measures)


def _elsewhere(name: Library, python: str | None, models: Sequence[str] | None) -> LearnedScore:
    """RadGraph F1 (Delbrouck et al., EMNLP Findings 2022, entities and relations), RaTEScore (Zhao et al., EMNLP 2024,
    likeness of medical entities) and GREEN (Ostmeier et al., EMNLP Findings 2024, matched findings by a language
    model), each as its package computes it."""
    library = Elsewhere(name, python, models)

    def measures(candidates: Sequence[str], references: Sequence[str], counted: _Counted) -> list[Measure]:
        each = np.zeros(len(candidates))
        # An empty text has no entities and no findings: its score stays 0.
        rows = [row for row, one in enumerate(counted) if one and candidates[row].strip() and references[row].strip()]
        if rows:
            each[rows] = library.scores([candidates[row] for row in rows], [references[row] for row in rows])
        return [mean_measure(name, each, counted)]

    return LearnedScore(name, "report" if name == "green" else "findings", measures)


def _require(module: str, score: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise Unavailable(f"{score} needs the package {package}: run pip install {package}.")


def _require_model(model: str, score: str) -> None:
    """Refuse a model that is neither a folder nor in the local cache of the hub."""
    if lacking := missing_model(model):
        raise Unavailable(f"{score} needs {lacking}")
