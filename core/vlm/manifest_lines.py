"""One study of a manifest to its line: what a writer made of it, or why it made nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.datasets.table import DatasetError
from core.errors import ChestLensError
from core.vlm.backends import BackendChoice
from core.vlm.manifests import Wanted
from core.vlm.pass_settings import PassSettings
from core.vlm.prompts import Mode, Style


@dataclass(frozen=True)
class Writing:
    """What is asked of the writer, and by which models.

    Attributes:
        checkpoint: folder of the classifier.
        backend: the writer.
        style, mode, structured, settings, force: as of ``generate``.
    """

    checkpoint: Path
    backend: BackendChoice
    style: Style
    mode: Mode
    structured: bool
    settings: PassSettings
    force: bool

    def open(self) -> dict[str, Any]:
        """Open the models: the arguments of ``generate``.

        Raises:
            CheckpointError, WriterError, BackendError: one cannot be opened.
        """
        # PyTorch and transformers take seconds to import.
        from core.classifier import Classifier
        from core.vlm.backends import open_backend

        return {
            "classifier": Classifier(self.checkpoint),
            "backend": open_backend(self.backend),
            "style": self.style,
            "mode": self.mode,
            "structured": self.structured,
            "settings": self.settings,
            "force": self.force,
        }

    def depends_on(self) -> dict[str, Any]:
        """What its reports hang on, as JSON; the key of a server is not among it."""
        return {
            "checkpoint": str(self.checkpoint),
            "backend": [self.backend.name, self.backend.adapter, self.backend.precision],
            "asked": [self.style, self.mode, self.structured, self.force],
            "settings": vars(self.settings),
        }


def line_writer(asked: Writing, *, whole: bool) -> Callable[[Wanted], dict[str, Any]]:
    """Open the models; the function gives a study's row of the manifest that ``evaluate`` reads.

    One that fails keeps its row and says why.

    Args:
        asked: of the writer.
        whole: also the object of ``GET /api/studies/<id>``, as ``study``.

    Raises:
        CheckpointError, WriterError, BackendError: a model cannot be opened.
    """
    from core.vlm.generation import generate

    models = asked.open()

    def line(one: Wanted) -> dict[str, Any]:
        row: dict[str, Any] = {"id": one.id, "image_path": one.image_path, **one.kept}
        try:
            if one.problem or not one.image_path:
                raise DatasetError(one.problem or "The manifest names no image for it.")
            generated = generate(one.path, one.ehr, **models)
        except FileNotFoundError:
            return row | {"error": f"The image {one.image_path} is missing."}
        except (ChestLensError, OSError) as error:
            return row | {"error": str(error)}
        draft = generated.rewrite.verdict.attempts[0].draft
        row |= {
            "findings": generated.findings,
            "impression": generated.impression,
            "before_guard_findings": draft.findings,
            "before_guard_impression": draft.impression,
            "guard_action": generated.rewrite.verdict.action,
            "evidence": {item.finding.name: item.decision for item in generated.evidence.findings},
            "chexpert": generated.chexpert,
            "icd": ";".join(code.code for code in generated.icd),
            "seconds": generated.timing["total"],
        }
        return row | ({"study": generated.as_object()} if whole else {})

    return line
