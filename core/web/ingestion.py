"""Uploads to studies: ``POST /api/studies`` with one file, several, or a zip archive of them."""

import time
from collections.abc import Iterable
from typing import IO, Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.datastructures import FileStorage

from core.anatomy import Admitted, admit
from core.errors import ChestLensError
from core.imaging import (
    MAX_FILE_BYTES,
    DecodersBusy,
    ImagingError,
    NotDecodedInTime,
    TooLarge,
    UnreadableImage,
    read_safely,
)
from core.imaging.file_kinds import has_preamble, is_raster
from core.plain_text import clean_name
from core.studies.studies import Upload
from core.vlm.ehr import EhrError, read_ehr
from core.web.access import concerning
from core.web.api import receipt_of
from core.web.archives import MAX_ARCHIVE_BYTES, Archive, is_archive
from core.web.ehr_api import LARGEST_EHR, ehr_object
from core.web.services import services

blueprint = Blueprint("ingestion", __name__)

# For so long the files of one request are read before it is answered; those left over are read when it is their turn.
# Many proxies give up on a request after 60 seconds.
_READING_SECONDS = 30
_LONGEST_KEY = 255
# So long a file may wait for a decoder and be decoded while its sender waits. What takes longer is decoded when it is
# the study's turn, so that slow files hold no thread of the server.
_DECODING_SECONDS = 3.0


class BadKey(ChestLensError):
    """A header that cannot be used."""

    code = "bad_key"


@blueprint.post("/api/studies")
def create() -> tuple[Response, int] | tuple[Response, int, dict[str, str]]:
    """Take one file, refuse it at once if it cannot be read, and queue it; or take many, each by itself.

    One file: 201 with ``id``, ``status`` and ``links``. A zip archive, or several fields ``file``: 201 with the list
    ``studies`` of such, the list ``refused`` of ``filename``, ``code`` and ``message``, and the number of ``skipped``
    files of the operating system; 422 if none could be taken.

    With the header ``Idempotency-Key``, a request that is sent again makes no second study.
    With ``ehr``, a health record as JSON text or file, the record is kept with the study, and ``ehr`` and ``lines`` of
    the answer say what was read; it belongs to one file. A wrong one keeps the file out: ``POST /api/ehr`` tells first.
    With ``force=1``, as a field or in the address, also what does not look like a frontal chest is judged.
    """
    uploads = request.files.getlist("file")
    if not uploads:
        raise UnreadableImage("The request carries no file; send it as the multipart field 'file'.")
    ehr = _ehr()
    if ehr is not None and (len(uploads) > 1 or is_archive(_start(uploads[0].stream))):
        raise EhrError("A health record belongs to one radiograph; send each with its own.")
    if len(uploads) > 1:
        services().studies.check_room(batch=True)
        return _create_many(((clean_name(upload.filename), _content(upload)) for upload in uploads), skipped=0)
    upload = uploads[0]
    if is_archive(_start(upload.stream)):
        services().studies.check_room(batch=True)
        _check_archive_length(upload.stream)
        archive = Archive(upload.stream)
        return _create_many(archive.members(), skipped=archive.skipped)
    services().studies.check_room()
    data = _content(upload)
    if isinstance(data, ImagingError):
        raise data
    force, key = insisted(), idempotency_key()
    if (known := services().studies.known(key, data)) is not None:
        created = receipt_of(known)
    else:
        try:
            admitted = read_upload(data, force=force)
        except (DecodersBusy, NotDecodedInTime):
            # Whoever sends many at once loses none: each is read when it is its turn, and then refused where it must.
            admitted = None
        # What takes long waits behind the files that do not.
        name, slow = clean_name(upload.filename), admitted is None
        created = take_upload(name, data, admitted, force=force, batch=slow, key=key, ehr=ehr)
    if ehr is not None:
        created |= ehr_object(services().studies.ehr(created["id"]))
    return jsonify(created), 201, {"Location": created["links"]["self"]}


def read_upload(data: bytes, *, force: bool = False) -> Admitted:
    """Read a file and look at it.

    Args:
        data: the file.
        force: admit it whatever it shows.

    Raises:
        ImagingError: it cannot be read, or is no frontal chest radiograph.
        DecodersBusy: no decoder was free for this sender in time.
        NotDecodedInTime: it takes longer than its sender should wait.
    """
    return admit(read_safely(data, within_s=_DECODING_SECONDS, client=request.remote_addr), force=force)


def idempotency_key() -> str | None:
    """The sender's name for this request, if it has one.

    Raises:
        BadKey: it is too long.
    """
    key = request.headers.get("Idempotency-Key") or None
    if key is not None and len(key) > _LONGEST_KEY:
        raise BadKey(f"An Idempotency-Key may have {_LONGEST_KEY} characters at most.")
    return key


def insisted() -> bool:
    """Whether the request insists that files be judged whatever they show: ``force=1``."""
    return request.values.get("force", "") in ("1", "true")


def take_upload(
    filename: str,
    data: bytes,
    admitted: Admitted | None,
    *,
    force: bool = False,
    batch: bool = False,
    key: str | None = None,
    ehr: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Store a file as a study and queue it.

    Returns:
        What the sender is told: ``id``, ``filename``, ``status``, ``links``.
    """
    study = services().studies.receive(Upload(filename, data, admitted, force, batch, key, ehr=ehr))
    concerning([study.id])
    return receipt_of(study)


def _create_many(files: Iterable[tuple[str, bytes | ImagingError]], *, skipped: int) -> tuple[Response, int]:
    """Take what can be taken; a file that is refused never keeps another from being taken."""
    studies: list[dict[str, Any]] = []
    refused: list[dict[str, str]] = []
    end, force = time.monotonic() + _READING_SECONDS, insisted()
    key = idempotency_key()
    for number, (filename, content) in enumerate(files):
        its_key = None if key is None else f"{key}/{number}"
        try:
            if isinstance(content, ImagingError):
                raise content
            # What is no image by its first bytes is refused within milliseconds, however late it comes.
            in_time = time.monotonic() < end or not _looks_like_image(content)
            if (known := services().studies.known(its_key, content)) is not None:
                studies.append(receipt_of(known))
                continue
            try:
                admitted = read_upload(content, force=force) if in_time else None
            except (DecodersBusy, NotDecodedInTime):
                admitted = None
            studies.append(take_upload(filename, content, admitted, force=force, batch=True, key=its_key))
        except ImagingError as error:
            refused.append({"filename": filename, "code": error.code, "message": str(error)})
    answer: dict[str, Any] = {"studies": studies, "refused": refused, "skipped": skipped}
    if studies:
        return jsonify(answer), 201
    count = "The one file in it was" if len(refused) == 1 else f"All {len(refused)} files in it were"
    answer["error"] = {"code": "refused", "message": f"{count} refused: {refused[0]['message']}"}
    return jsonify(answer), 422


def _ehr() -> dict[str, Any] | None:
    """The health record that came as field or file."""
    file = request.files.get("ehr")
    text = request.form.get("ehr") if file is None else file.stream.read(LARGEST_EHR + 1).decode(errors="replace")
    if not text or not text.strip():
        return None
    if len(text) > LARGEST_EHR:
        raise EhrError(f"A health record may have {LARGEST_EHR // 1024} kB.")
    return read_ehr(text)


def _content(upload: FileStorage) -> bytes | ImagingError:
    data = upload.stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        return TooLarge(f"The file is over {MAX_FILE_BYTES // 2**20} MB; export the radiograph smaller.")
    return data


def _start(stream: IO[bytes]) -> bytes:
    start = stream.read(4)
    stream.seek(0)
    return start


def _check_archive_length(stream: IO[bytes]) -> None:
    length = stream.seek(0, 2)
    stream.seek(0)
    if length > MAX_ARCHIVE_BYTES:
        raise TooLarge(f"The zip archive is over {MAX_ARCHIVE_BYTES // 2**20} MB; divide it into several.")


def _looks_like_image(data: bytes) -> bool:
    return is_raster(data) or has_preamble(data)
