"""How typical a text is of a collection of reports: what a constant text would score against all of them.

A radiologist's normal report is a formula, and each has several. Of the sentences that the evidence bears out, those
are put together that most resemble what the collection says, so that the writer learns the formulas and not the
shortened sentences that remain when a report is stripped of what 14 findings do not cover.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from core.errors import ChestLensError
from core.vlm.text_metrics.normalisation import normalise
from core.vlm.text_metrics.overlap import rouge_l_each

_ORDERS = (1, 2, 3, 4)
# A sentence group repeats an n-gram so often at most; more would earn nothing here.
_MOST = 4
_SAMPLE = 80
_ROUGE_WEIGHT = 0.5


class Typicality:
    """Scores of a text against a collection.

    Args:
        references: reports of the collection.
        seed: of the sample that ROUGE-L is computed on.

    Raises:
        ChestLensError: there is no reference.
    """

    def __init__(self, references: Sequence[str], *, seed: int = 0) -> None:
        if not references:
            raise ChestLensError("There is no reference report to compare with.")
        texts = [normalise(text) for text in references]
        # Matches of a text with k copies of an n-gram, summed over all references, for k of 0 to _MOST.
        self._matches: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * (_MOST + 1))
        for text in texts:
            for order in _ORDERS:
                for ngram, count in _ngrams(text.split(), order).items():
                    matches = self._matches[ngram]
                    for copies in range(1, _MOST + 1):
                        matches[copies] += min(copies, count)
        self._matches.default_factory = None
        self._count = len(texts)
        self._length = sum(len(text.split()) for text in texts) / len(texts)
        self._sample = random.Random(seed).choices(texts, k=_SAMPLE)

    def bleu(self, text: str) -> float:
        """BLEU-4 (Papineni et al., ACL 2002) of this normalised text as the answer to every reference."""
        tokens = text.split()
        if len(tokens) < len(_ORDERS):
            return 0.0
        logarithm = 0.0
        for order in _ORDERS:
            found = sum(
                self._matches[ngram][min(copies, _MOST)]
                for ngram, copies in _ngrams(tokens, order).items()
                if ngram in self._matches
            )
            if not found:
                return 0.0
            logarithm += math.log(found / (self._count * (len(tokens) - order + 1)))
        return math.exp(logarithm / len(_ORDERS)) * min(1.0, math.exp(1 - self._length / len(tokens)))

    def score(self, text: str) -> float:
        """BLEU-4, and half of ROUGE-L, which unlike BLEU minds the order of sentences."""
        return self.bleu(text) + _ROUGE_WEIGHT * float(rouge_l_each([text] * _SAMPLE, self._sample).mean())


def _ngrams(tokens: list[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))
