"""The Flask application: pages and HTTP interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from core.accounts import Accounts
from core.classifier import SHIPPED
from core.classifier.importing import checkpoint_folder
from core.settings import ROOT, ServerSettings
from core.studies.audit import AuditLog
from core.studies.cipher import server_secret
from core.studies.reviews.store import ReviewStore
from core.studies.samples import SampleShelf
from core.studies.shared_writer import check_writer
from core.studies.studies import Studies
from core.studies.worker import Worker
from core.vlm.pass_settings import PassSettings
from core.web import (
    api,
    audit_log,
    ehr_api,
    errors,
    exports_api,
    guard_api,
    health,
    ingestion,
    inquiries,
    pages,
    people,
    reviews,
    sample_gallery,
    signing_in,
    static_files,
    worklist_api,
)
from core.web.access import control
from core.web.archives import MAX_ARCHIVE_BYTES
from core.web.security import check_address, protect
from core.web.services import ServedModel, Services, install, services_of
from core.web.telemetry import observe

if TYPE_CHECKING:
    from core.datasets.samples import Sample

__all__ = ["create_app", "services_of"]

# A multipart body is a little larger than the file in it. What is no archive is held to less, see ``ingestion``.
_MULTIPART_OVERHEAD = 2**20


def create_app(settings: ServerSettings | None = None, *, worker: bool = True) -> Flask:
    """Make the application.

    Args:
        settings: by default those of the environment.
        worker: whether studies are worked on in this process, too; without, ``python -m core worker`` must run.

    Raises:
        CheckpointError: the classifier cannot be used, or lacks the policy.
        DatabaseTooNew: a later version of ChestLens made the database.
        DatasetError: the folder of samples cannot be read.
        OpenToOthers: other machines would reach it before there are users.
        RewritingFailed: the writer's folder holds no model.
        SettingError: a variable of the structured passes makes no sense.
        Unavailable: database or storage cannot be used.
    """
    settings = settings or ServerSettings.from_environment()
    static = ROOT / "static"
    app = Flask(
        "chestlens",
        template_folder=str(ROOT / "templates"),
        static_folder=str(static),
        static_url_path=static_files.address_of(static),
    )
    static_files.keep_in_browsers(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_ARCHIVE_BYTES + _MULTIPART_OVERHEAD
    PassSettings.of()  # told at the start, and not by the page that shows them
    model = ServedModel(checkpoint_folder(settings.checkpoint or SHIPPED), settings.policy)
    if settings.writer is not None:
        check_writer(settings.writer)
    samples = _samples(settings.samples) if settings.samples else ()
    studies = Studies(settings)
    accounts, audit = Accounts(studies.database, idle_minutes=settings.idle_minutes), AuditLog(studies.database)
    check_address(settings, users=accounts.exist())
    shelf = SampleShelf(samples, studies.database, settings.instance / "thumbnails")
    here = Worker(studies) if worker else None
    install(app, Services(studies, model, ReviewStore(studies.database), shelf, accounts, audit, here))
    observe(app, studies.database)
    protect(app, settings)
    app.secret_key = server_secret(settings)
    control(app, accounts)
    listed = (worklist_api, exports_api, sample_gallery)
    asked = (inquiries, ehr_api)
    for module in (errors, health, api, ingestion, *listed, guard_api, reviews, *asked, pages, people, audit_log):
        app.register_blueprint(module.blueprint)
    signing_in.install(app, settings)
    if here is not None:
        here.start()
    return app


def _samples(folder: Path) -> "Sequence[Sample]":
    # Tables need pandas, which a server without samples starts without.
    from core.datasets.samples import load_samples

    return load_samples(folder)
