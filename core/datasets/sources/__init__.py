"""One reader for each layout on disk; all return a ``Collection``."""

from core.datasets.sources.mimic import load_mimic
from core.datasets.sources.nih import load_nih
from core.datasets.sources.openi import load_openi
from core.datasets.sources.plain import load_csv
from core.datasets.sources.rexgradient import load_rexgradient

__all__ = ["load_csv", "load_mimic", "load_nih", "load_openi", "load_rexgradient"]
