"""How near a generated report comes to the radiologist's: by its words, and by what it states."""

from core.vlm.text_metrics.labels import agreement, asserted, contradictions, statements
from core.vlm.text_metrics.measures import Measure, Score, mean_measure, resample, score_of
from core.vlm.text_metrics.normalisation import normalise
from core.vlm.text_metrics.overlap import bleu, bleu_measure, rouge_l, rouge_l_each

__all__ = [
    "Measure",
    "Score",
    "agreement",
    "asserted",
    "bleu",
    "bleu_measure",
    "contradictions",
    "mean_measure",
    "normalise",
    "resample",
    "rouge_l",
    "rouge_l_each",
    "score_of",
    "statements",
]
