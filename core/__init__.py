"""ChestLens: chest radiograph in; calibrated findings, heatmaps and a report that shows its evidence out."""

import os

# Libraries that would report their use to their makers, or ask them for news. ONNX Runtime sends names and hashes of
# models from version 1.29 on. Nothing of this leaves the machine; each looks at its variable when it is imported.
for _variable, _value in {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}.items():
    os.environ.setdefault(_variable, _value)

__version__ = "0.1.0"

DISCLAIMER = (
    "ChestLens is research software, not a medical device. Its output must not be used for diagnosis or treatment."
)
