"""What is wrong or unusual in a table of radiographs, found before a network is trained on it."""

from core.datasets.quality.assessment import assess_quality
from core.datasets.quality.page import write_quality_report

__all__ = ["assess_quality", "write_quality_report"]
