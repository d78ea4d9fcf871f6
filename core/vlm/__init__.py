"""The companion vision-language module: evidence and image to a written report.

``generate(image, ehr=None)`` reads an image and gives its report, labels and codes as data.
"""

from typing import Any

__all__ = ["generate"]


def __getattr__(name: str) -> Any:
    # transformers takes seconds to import; text metrics and training records do without it.
    if name == "generate":
        from core.vlm.generation import generate

        return generate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
