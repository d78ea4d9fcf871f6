"""The Flask application: pages, HTTP interface, store and worker."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from core.accounts import Accounts
from core.classifier import SHIPPED, Classifier
from core.classifier.importing import checkpoint_folder
from core.settings import ROOT, ServerSettings
from core.studies.audit import AuditLog
from core.studies.jobs import Worker
from core.studies.reviews.store import ReviewStore
from core.studies.rewriting import Rewriter
from core.studies.samples import SampleShelf
from core.studies.store import Store
from core.studies.worklist import rate_earlier
from core.web import api, errors, guard_api, ingestion, pages, people, reviews, sample_gallery, worklist_api
from core.web.access import control
from core.web.archives import MAX_ARCHIVE_BYTES
from core.web.security import check_address, protect, secret_key
from core.web.services import Services, install, services_of
from core.web.telemetry import observe

if TYPE_CHECKING:
    from core.datasets.samples import Sample

__all__ = ["create_app", "services_of"]

# A multipart body is a little larger than the file in it. What is no archive is held to less, see ``ingestion``.
_MULTIPART_OVERHEAD = 2**20


def create_app(settings: ServerSettings | None = None) -> Flask:
    """Make the application and start its worker.

    Args:
        settings: by default those of the environment.

    Raises:
        CheckpointError: the classifier cannot be loaded, or lacks the policy.
        DatasetError: the folder of samples cannot be read.
        OpenToOthers: other machines would reach it before there are users.
    """
    settings = settings or ServerSettings.from_environment()
    app = Flask("chestlens", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.config["MAX_CONTENT_LENGTH"] = MAX_ARCHIVE_BYTES + _MULTIPART_OVERHEAD
    classifier = Classifier(checkpoint_folder(settings.checkpoint or SHIPPED))
    # A policy that the checkpoint does not have is told now, not with the first upload.
    classifier.config.policy(settings.policy)
    settings.instance.mkdir(parents=True, exist_ok=True)
    samples = _samples(settings.samples) if settings.samples else ()
    store = Store(settings.database_url, settings.instance / "studies")
    accounts, audit = Accounts(store.database), AuditLog(store.database)
    check_address(settings, users=accounts.exist())
    rate_earlier(store)
    shelf = SampleShelf(samples, store, settings.instance / "thumbnails")
    rewriter = Rewriter(store, settings.writer, reasoning=settings.reasoning)
    worker = Worker(
        store,
        classifier,
        policy=settings.policy,
        queue_limit=settings.queue_limit,
        on_done=rewriter.submit,
    )
    install(app, Services(store, classifier, worker, ReviewStore(store.database), shelf, rewriter, accounts, audit))
    observe(app)
    protect(app, settings)
    app.secret_key = secret_key(settings)
    control(app, accounts)
    for module in (errors, api, ingestion, worklist_api, guard_api, sample_gallery, reviews, pages):
        app.register_blueprint(module.blueprint)
    people.install(app, settings)
    return app


def _samples(folder: Path) -> "Sequence[Sample]":
    # Tables need pandas, which a server without samples starts without.
    from core.datasets.samples import load_samples

    return load_samples(folder)
