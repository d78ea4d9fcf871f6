"""Sentences with what they say, by kind: the table beside this file."""

from pathlib import Path

from core.evaluation.labeler_sentences import Case, read_cases, score

CASES = Path(__file__).with_name("cases.tsv")

__all__ = ["CASES", "Case", "read_cases", "score"]
