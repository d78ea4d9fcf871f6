"""Any classifier that a command line names, as a checkpoint folder."""

import hashlib
import json
import logging
import re
from pathlib import Path

from core import __version__
from core.classifier.checkpoint import CheckpointError, load_config
from core.classifier.importing.folders import HUB, download

log = logging.getLogger(__name__)

# What only our own configurations have.
_OURS = frozenset({"calibration", "label_names"})


def checkpoint_folder(source: str | Path) -> Path:
    """The folder of a checkpoint; one that was made elsewhere is imported first, once.

    Args:
        source: a checkpoint, a folder that transformers or timm saved, or ``hf:OWNER/MODEL``.

    Raises:
        CheckpointError: it cannot be had, or ``python -m core import`` has to be told what its outputs mean.
    """
    name = str(source)
    folder = download(name.removeprefix(HUB)) if name.startswith(HUB) else Path(source)
    if not _made_elsewhere(folder):
        return Path(source)
    # Checkpoints that are served by ONNX Runtime do without this import.
    import torch

    slug = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-60:]
    kept = Path(torch.hub.get_dir()).parent / "chestlens" / f"{slug}-{_digest(folder)}"
    try:
        load_config(kept)
    except CheckpointError:
        from core.classifier.importing.conversion import import_checkpoint

        for sentence in import_checkpoint(name, kept).sentences:
            log.warning("%s: %s", name, sentence)
    return kept


def _made_elsewhere(folder: Path) -> bool:
    """Whether transformers or timm, and not ChestLens, wrote a folder; a damaged one of ours stays ours."""
    path = folder / "config.json"
    if not path.is_file():
        return False
    try:
        content = json.loads(path.read_text())
    except ValueError:
        return True  # whoever imports it says what is wrong
    return not (isinstance(content, dict) and content.keys() >= _OURS)


def _digest(folder: Path) -> str:
    """What changes with the files of a folder, without reading them."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    states = [f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join([__version__, str(folder.resolve()), *states]).encode()).hexdigest()[:12]
