"""ChestLens: chest radiograph in; calibrated findings, heatmaps and a report that shows its evidence out."""

__version__ = "0.1.0"

DISCLAIMER = (
    "ChestLens is research software, not a medical device. Its output must not be used for diagnosis or treatment."
)
