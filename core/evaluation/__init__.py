"""Figures with intervals, the AUROC target report, and speed."""

from core.evaluation.scores import score_with_checkpoint, score_with_predictions
from core.evaluation.study import localise, run_evaluation
from core.evaluation.words import as_table

__all__ = ["as_table", "localise", "run_evaluation", "score_with_checkpoint", "score_with_predictions"]
