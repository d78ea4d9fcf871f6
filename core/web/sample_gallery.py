"""The gallery of samples: its page, and choosing one."""

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, render_template, request, send_file, url_for

from core.findings import LABELS, display_name
from core.studies.samples import content_of, reference_of
from core.studies.studies import Upload
from core.studies.tables import Study
from core.studies.worklist import Query, by_id
from core.web.access import concerning
from core.web.api import receipt_of
from core.web.errors import NotFound
from core.web.ingestion import insisted, read_upload
from core.web.services import services
from core.web.worklist_api import study_line

if TYPE_CHECKING:
    from core.datasets.samples import Sample

blueprint = Blueprint("samples", __name__)


@blueprint.get("/samples")
def gallery() -> str:
    """All samples."""
    if not len(services().samples):
        raise NotFound("This server has no samples; start it with --samples and a folder of radiographs.")
    findings = [(name, display_name(name)) for name in LABELS]
    return render_template("pages/samples.html", n_samples=len(services().samples), findings=findings)


@blueprint.get("/api/samples")
def index() -> dict[str, Any]:
    """Samples that match ``query`` and ``finding``, with the collection's labels and with our study of each, if any."""
    query = Query.from_arguments(request.args)
    matching = services().samples.search(query.text, query.finding)
    page = matching[query.offset : query.offset + query.limit]
    return {"samples": described(page), "total": len(matching)}


@blueprint.get("/api/samples/<sample_id>/thumbnail.png")
def thumbnail(sample_id: str) -> Response:
    """A small picture of the sample."""
    sample = _sample(sample_id)
    try:
        response = send_file(services().samples.thumbnail(sample), mimetype="image/png", conditional=True)
    except OSError:
        raise _gone() from None
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@blueprint.post("/api/samples/<sample_id>")
def choose(sample_id: str) -> tuple[Response, int, dict[str, str]]:
    """Analyse the sample: 201 with its study, or 200 with the study that was made of it before."""
    sample = _sample(sample_id)
    studies = services().studies
    # One after another: a second click must find the study of the first.
    with services().samples.opening:
        if (known := studies.of_sample(sample.id)) is not None:
            return _told(known, 200)
        studies.check_room()
        try:
            data = content_of(sample)
        except OSError:
            raise _gone() from None
        admitted = read_upload(data, force=insisted())
        upload = Upload(
            sample.name,
            data,
            admitted,
            forced=insisted(),
            sample_id=sample.id,
            reference=reference_of(sample, admitted),
        )
        study = studies.receive(upload)
        concerning([study.id])
        return _told(study, 201)


def described(samples: list["Sample"]) -> list[dict[str, Any]]:
    """Samples as the gallery shows them."""
    study_ids = services().samples.studies(sample.id for sample in samples)
    page = by_id(services().studies.database, study_ids.values())
    reviews = services().reviews.latest([study.id for study in page.studies])
    studies = {study.id: study_line(page, study, reviews.get(study.id)) for study in page.studies}
    return [
        {
            "id": sample.id,
            "name": sample.name,
            "labels": None if sample.labels is None else list(sample.labels),
            "n_boxes": len(sample.boxes),
            "has_report": bool(sample.report_findings or sample.report_impression),
            "thumbnail": url_for("samples.thumbnail", sample_id=sample.id),
            "study": studies.get(study_ids.get(sample.id, "")),
        }
        for sample in samples
    ]


def _told(study: Study, status: int) -> tuple[Response, int, dict[str, str]]:
    answer = receipt_of(study)
    return jsonify(answer), status, {"Location": answer["links"]["self"]}


def _sample(sample_id: str) -> "Sample":
    sample = services().samples.get(sample_id)
    if sample is None:
        raise NotFound("There is no such sample.")
    return sample


def _gone() -> NotFound:
    return NotFound("The file of this sample is no longer in the folder of samples.")
