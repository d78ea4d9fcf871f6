"""What request handlers share: the studies, and what is known of the model that judges them."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from core.accounts import Accounts
from core.classifier import model_identity
from core.classifier.checkpoint import checkpoint_digest, load_config
from core.studies.audit import AuditLog
from core.studies.reviews.desk import Desk
from core.studies.reviews.store import ReviewStore
from core.studies.samples import SampleShelf
from core.studies.studies import Studies
from core.studies.worker import Worker

_KEY = "chestlens"


class ServedModel:
    """What the checkpoint says of itself. Only workers load its networks.

    Args:
        folder: of the checkpoint.
        policy: by which findings are called.

    Raises:
        CheckpointError: there is no usable checkpoint, or it lacks the policy.
    """

    def __init__(self, folder: Path, policy: str) -> None:
        self._folder = folder
        config = load_config(folder)
        config.policy(policy)
        self.identity = model_identity(config)

    @cached_property
    def sha256(self) -> str:
        """Digest of the checkpoint."""
        return checkpoint_digest(self._folder)


@dataclass(frozen=True)
class Services:
    """Long-lived objects of one application; ``worker`` where it works in this process, too."""

    studies: Studies
    model: ServedModel
    reviews: ReviewStore
    samples: SampleShelf
    accounts: Accounts
    audit: AuditLog
    worker: Worker | None = field(default=None)

    def desk(self, study_id: str) -> Desk:
        """The review of a finished study.

        Raises:
            NoSuchStudy: it was deleted.
        """
        return Desk(
            self.reviews,
            study_id,
            self.studies.result(study_id),
            model=self.model.identity,
            checkpoint_sha256=self.model.sha256,
        )

    def close(self) -> None:
        """End the worker and release database and queue."""
        if self.worker is not None:
            self.worker.stop()
        self.studies.close()


def install(app: Flask, services: Services) -> None:
    """Attach the services to the application."""
    app.extensions[_KEY] = services


def services() -> Services:
    """The services of the application that handles this request."""
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    """The services of an application."""
    return cast(Services, app.extensions[_KEY])
