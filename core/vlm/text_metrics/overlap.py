"""BLEU and ROUGE-L as report generation is compared by.

Both follow the evaluation code of MS COCO captions (Chen et al., arXiv:1504.00325; the package ``pycocoevalcap``),
whose figures R2Gen and its successors report: tokens are what white space divides, each study has one reference.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.vlm.text_metrics.measures import FloatArray, Measure

ORDERS = (1, 2, 3, 4)
# They keep an order without n-grams from dividing by zero, and its score next to zero.
_TINY, _SMALL = 1e-15, 1e-9
# Weight of recall against precision in ROUGE-L.
_BETA = 1.2


def bleu(candidates: Sequence[str], references: Sequence[str]) -> tuple[float, float, float, float]:
    """Corpus BLEU-1 to BLEU-4 (Papineni et al., ACL 2002), in [0, 1].

    Args:
        candidates, references: tokens of the same studies, in the same order.

    Raises:
        ValueError: they differ in number.
    """
    measure = bleu_measure("bleu", candidates, references)
    one, two, three, four = (float(score) for score in measure.combine(measure.counts.sum(axis=0)[:, None])[:, 0])
    return one, two, three, four


def rouge_l(candidates: Sequence[str], references: Sequence[str]) -> float:
    """The mean of ``rouge_l_each``; 0 of no studies."""
    each = rouge_l_each(candidates, references)
    return float(each.mean()) if len(each) else 0.0


def bleu_measure(name: str, candidates: Sequence[str], references: Sequence[str]) -> Measure:
    """Corpus BLEU as the scores ``NAME_1`` to ``NAME_4``; arguments are as for ``bleu``.

    The counts are, for each order, the n-grams of the candidate that the reference has too, none more often than there;
    then all n-grams of the candidate; then the lengths of both.
    """
    _require_pairs(candidates, references)
    counts = np.zeros((len(candidates), 2 * len(ORDERS) + 2))
    for row, (candidate, reference) in enumerate(zip(candidates, references, strict=True)):
        tokens, wanted = candidate.split(), reference.split()
        for order in ORDERS:
            counts[row, order - 1] = (_ngrams(tokens, order) & _ngrams(wanted, order)).total()
            counts[row, len(ORDERS) + order - 1] = max(len(tokens) - order + 1, 0)
        counts[row, -2:] = len(tokens), len(wanted)
    return Measure(tuple(f"{name}_{order}" for order in ORDERS), counts, _corpus_bleu)


def rouge_l_each(candidates: Sequence[str], references: Sequence[str]) -> FloatArray:
    """ROUGE-L of each study (Lin, ACL workshop 2004): F-measure, beta 1.2, of the longest common subsequence.

    Arguments are as for ``bleu``.

    Returns:
        (N,) in [0, 1]; 1 where both texts are empty, as in the field's code.
    """
    _require_pairs(candidates, references)
    pairs = ((one.split(), other.split()) for one, other in zip(candidates, references, strict=True))
    return np.array([_rouge_l(candidate, reference) for candidate, reference in pairs], dtype=np.float64)


def _require_pairs(candidates: Sequence[str], references: Sequence[str]) -> None:
    if len(candidates) != len(references):
        raise ValueError(f"There are {len(candidates)} candidates and {len(references)} references: give one for each.")


def _ngrams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _corpus_bleu(sums: FloatArray) -> FloatArray:
    """Summed counts (10, B) to BLEU-1 to BLEU-4 (4, B)."""
    correct, guessed = sums[: len(ORDERS)], sums[len(ORDERS) : -2]
    precisions = np.cumprod((correct + _TINY) / (guessed + _SMALL), axis=0)
    brevity = np.exp(np.minimum(0, 1 - (sums[-1] + _SMALL) / (sums[-2] + _TINY)))
    return np.asarray(precisions ** (1 / np.array(ORDERS)[:, None]) * brevity)


def _rouge_l(candidate: list[str], reference: list[str]) -> float:
    if not candidate and not reference:
        return 1.0
    common = _longest_common_subsequence(candidate, reference)
    if not common:
        return 0.0
    precision, recall = common / len(candidate), common / len(reference)
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _longest_common_subsequence(one: list[str], other: list[str]) -> int:
    """Its length; a row of the table is one integer, whose zeros are the steps (Hyyrö, AWOCA 2004)."""
    places: dict[str, int] = {}
    for place, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for token in other:
        matched = row & places.get(token, 0)
        row = (row + matched | row - matched) & full
    return len(one) - row.bit_count()
