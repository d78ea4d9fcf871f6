"""How likely models find given reports: the loss a token, with intervals, beside that of a guess that never looks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from tqdm.auto import tqdm

from core.vlm.batches import IGNORED, Collator, load_records
from core.vlm.models import WriterTrainingError, load_model, stopping_tokens
from core.vlm.text_metrics.measures import FloatArray, Measure, Score, ratio, resample, score_of

FREQUENCIES = "token frequencies"


@dataclass(frozen=True)
class Losses:
    """Losses of several models on the same reports.

    Attributes:
        reports, tokens: number of reports, and of their tokens.
        losses: mean loss a token (natural logarithm) by the model's name, with its interval under resampling reports.
        differences: of each further model from the first, in the same resamples.
    """

    reports: int
    tokens: int
    losses: dict[str, Score]
    differences: dict[str, Score]


def compare_losses(
    models: Mapping[str, str | Path], records: Path, *, limit: int = 0, training_records: Path | None = None
) -> Losses:
    """Losses of models on held-out records.

    Args:
        models: folder of a model or an adapter, by name; they must share a tokenizer.
        records: JSON file of ``python -m core.vlm prepare``; each record counts as one patient's.
        limit: records at most, from the file's start; 0 for all.
        training_records: such a file, whose answers' token frequencies are the guess that never looks.

    Raises:
        WriterTrainingError: a file cannot be used, or the models divide text into other tokens.
        WriterError: a model cannot be opened.
    """
    data = load_records(records, limit=limit)
    sums: dict[str, FloatArray] = {}
    answers: list[list[int]] | None = None
    for name, source in models.items():
        model, processor = load_model(source)
        collator = Collator(processor, stopping_tokens(model))
        sums[name], own = _sums(model, collator, data, name)
        if answers is not None and own != answers:
            raise WriterTrainingError("These models divide text otherwise, so that their losses a token tell nothing.")
        answers = own
        if training_records is not None and FREQUENCIES not in sums:
            replies = [row["reply"] for row in load_records(training_records)]
            tokenizer = processor.tokenizer
            known = tokenizer(replies, add_special_tokens=False)["input_ids"]
            ended = [[*one, tokenizer.eos_token_id] for one in known]
            sums[FREQUENCIES] = _guessed(ended, own, len(tokenizer))
    assert answers is not None
    lengths = np.array([len(one) for one in answers], dtype=np.float64)
    measures = [
        Measure((name,), np.column_stack([each, lengths]), lambda total: ratio(total[0], total[1])[None])
        for name, each in sums.items()
    ]
    found = resample(measures, np.arange(len(lengths)))
    first = next(iter(models))
    return Losses(
        reports=len(lengths),
        tokens=int(lengths.sum()),
        losses={name: score_of(values) for name, values in found.items()},
        differences={name: score_of(found[name] - found[first]) for name in models if name != first},
    )


def in_words(found: Losses) -> str:
    """The figures as lines of text."""
    lines = [f"{found.reports} reports, {found.tokens:,} tokens; loss a token with 95% interval over reports"]
    lines += [f"{name}: {_told(score)}" for name, score in found.losses.items()]
    first = next(iter(found.losses))
    lines += [f"{name} minus {first}: {_told(score)}" for name, score in found.differences.items()]
    return "\n".join(lines)


def _told(score: Score) -> str:
    value = "none" if score.value is None else f"{score.value:.3f}"
    return value if score.ci95 is None else f"{value} [{score.ci95[0]:.3f}, {score.ci95[1]:.3f}]"


def _sums(model: torch.nn.Module, collator: Collator, data: Dataset, name: str) -> tuple[FloatArray, list[list[int]]]:
    """The sum of each answer's losses, and its tokens."""
    model.eval()
    sums, answers = [], []
    for row in tqdm(data, desc=name, unit="report", disable=None):
        batch = collator([row])
        labels = batch.pop("labels")[0, 1:]
        with torch.inference_mode():
            logits = model(**batch).logits[0, :-1].float()
        sums.append(float(torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")))
        answers.append(labels[labels != IGNORED].tolist())
    return np.array(sums), answers


def _guessed(known: Sequence[list[int]], answers: Sequence[list[int]], vocabulary: int) -> FloatArray:
    """Losses under the frequencies of tokens in known answers, each counted once more than it was seen (Laplace)."""
    counts = Counter(token for one in known for token in one)
    whole = counts.total() + vocabulary
    return np.array([sum(-np.log((counts[token] + 1) / whole) for token in one) for one in answers])
