"""Figures with intervals, and speed."""

from core.evaluation.study import as_table, run_evaluation

__all__ = ["as_table", "run_evaluation"]
