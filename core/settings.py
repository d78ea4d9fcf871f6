"""Settings of the server, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_WRITER = ROOT / "core" / "checkpoints" / "writer"


@dataclass(frozen=True)
class ServerSettings:
    """Where the server keeps things and how much it takes on.

    Attributes:
        instance: folder for uploads and results (``CHESTLENS_INSTANCE``).
        database_url: SQLAlchemy URL (``DATABASE_URL``); SQLite inside ``instance`` by default.
        checkpoint: folder of the classifier, or public weights (``CHESTLENS_CHECKPOINT``), None for the shipped one.
        policy: by which thresholds findings are called (``CHESTLENS_POLICY``): reading, screening or specific.
        queue_limit: studies that may wait before uploads are turned away with 503 (``CHESTLENS_QUEUE_LIMIT``).
        writer: folder of the model that rewrites reports (``CHESTLENS_WRITER``; the shipped one by default), None for
            no rewriting (``off``).
        reasoning: whether the writer reasons in ten steps before each report (``CHESTLENS_REASONING=on``), which the
            page shows when asked for.
        samples: folder of radiographs for the gallery (``CHESTLENS_SAMPLES``), None for no gallery.
    """

    instance: Path
    database_url: str
    checkpoint: Path | None = None
    policy: str = "reading"
    queue_limit: int = 64
    samples: Path | None = None
    writer: Path | None = None
    reasoning: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "ServerSettings":
        """Read the settings.

        Raises:
            ValueError: ``CHESTLENS_QUEUE_LIMIT`` is not a whole number above 0.
        """
        instance = Path(environment.get("CHESTLENS_INSTANCE", ROOT / "instance")).absolute()
        limit = environment.get("CHESTLENS_QUEUE_LIMIT", "64")
        if not limit.isdecimal() or int(limit) < 1:
            raise ValueError(f"CHESTLENS_QUEUE_LIMIT must be a whole number above 0, not {limit!r}.")
        checkpoint, samples = environment.get("CHESTLENS_CHECKPOINT"), environment.get("CHESTLENS_SAMPLES")
        writer = environment.get("CHESTLENS_WRITER")
        return cls(
            instance=instance,
            database_url=environment.get("DATABASE_URL", f"sqlite:///{instance / 'chestlens.sqlite3'}"),
            checkpoint=Path(checkpoint) if checkpoint else None,
            policy=environment.get("CHESTLENS_POLICY", "reading"),
            queue_limit=int(limit),
            samples=Path(samples) if samples else None,
            writer=None if writer == "off" else Path(writer or _WRITER),
            reasoning=environment.get("CHESTLENS_REASONING") == "on",
        )
