"""What request handlers share: the store, the classifier and the worker of one application."""

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from core.accounts import Accounts
from core.classifier import Classifier
from core.studies.audit import AuditLog
from core.studies.jobs import Worker
from core.studies.reviews.store import ReviewStore
from core.studies.rewriting import Rewriter
from core.studies.samples import SampleShelf
from core.studies.store import Store

_KEY = "chestlens"


@dataclass(frozen=True)
class Services:
    """Long-lived objects of one application."""

    store: Store
    classifier: Classifier
    worker: Worker
    reviews: ReviewStore
    samples: SampleShelf
    rewriter: Rewriter
    accounts: Accounts
    audit: AuditLog

    def close(self) -> None:
        """End the worker and release the database."""
        self.worker.stop()
        self.rewriter.stop()
        self.store.close()


def install(app: Flask, services: Services) -> None:
    """Attach the services to the application."""
    app.extensions[_KEY] = services


def services() -> Services:
    """The services of the application that handles this request."""
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    """The services of an application."""
    return cast(Services, app.extensions[_KEY])
