"""The HTTP interface of health records.

A record is context for the writer and never a finding of the image; it is kept encrypted with its study.
"""

from typing import Any

from flask import Blueprint

from core.vlm.ehr import lines_of, read_ehr
from core.web.bodies import text_of_body
from core.web.services import services

blueprint = Blueprint("ehr", __name__)

LARGEST_EHR = 2**16
"""Bytes."""


@blueprint.post("/api/ehr")
def check() -> dict[str, Any]:
    """Read a health record, the body, and keep nothing: ``{"ehr": {...}, "lines": [...]}``.

    ``lines`` says fact by fact what was read, so that a sender can look at it before the record goes with an image.
    """
    return ehr_object(read_ehr(text_of_body(LARGEST_EHR)))


@blueprint.get("/api/studies/<study_id>/ehr")
def read(study_id: str) -> dict[str, Any]:
    """The health record of a study, as ``check`` gives it; ``{"ehr": null, "lines": []}`` where there is none."""
    services().studies.find(study_id)
    return ehr_object(services().studies.ehr(study_id))


@blueprint.put("/api/studies/<study_id>/ehr")
def save(study_id: str) -> dict[str, Any]:
    """Keep a health record with a study; body and answer are those of ``check``."""
    services().studies.find(study_id)
    ehr = read_ehr(text_of_body(LARGEST_EHR))
    services().studies.keep_ehr(study_id, ehr)
    return ehr_object(ehr)


@blueprint.delete("/api/studies/<study_id>/ehr")
def remove(study_id: str) -> tuple[str, int]:
    """Remove the health record."""
    services().studies.find(study_id)
    services().studies.keep_ehr(study_id, None)
    return "", 204


def ehr_object(ehr: dict[str, Any] | None) -> dict[str, Any]:
    """A health record as it is told: ``ehr`` as it was read, ``lines`` fact by fact."""
    return {"ehr": ehr, "lines": lines_of(ehr or {})}
