"""Base and adapter to one model, which needs no adapter library, and which converters to other formats read."""

from pathlib import Path
from typing import Any

from core.vlm.models import Opening, WriterError, load_model


def merge(adapter: str | Path, output_dir: Path, *, base: str | None = None, precision: str = "auto") -> int:
    """Add an adapter to its base's weights and write the model.

    Args:
        adapter: its folder.
        output_dir: gets the model and its processor.
        base: folder or ``hf:`` id of the base; the one that the adapter names where left out.
        precision: of the weights that are written; ``auto`` as the base stores them.

    Returns:
        The number of weights.

    Raises:
        WriterError: one of the two is missing, or they do not belong together.
    """
    if not (Path(adapter) / "adapter_config.json").is_file():
        raise WriterError(f"{adapter} holds no adapter (adapter_config.json is missing).")
    if base is None:
        model, processor = load_model(adapter, Opening(precision=precision))
    else:
        model, processor = load_model(base, Opening(adapter=str(adapter), precision=precision))
    merged: Any = model.merge_and_unload()  # type: ignore[operator]  # a model of peft
    merged.save_pretrained(output_dir)
    processor.save_pretrained(output_dir)
    return int(merged.num_parameters())
