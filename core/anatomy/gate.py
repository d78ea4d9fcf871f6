"""The gate: may the classifier judge this picture, and how must it lie for that?

What a file says of itself (modality, body part, view, frames) is judged while it is read. Here the picture is looked
at, put upright, and accepted, taken with doubt or refused. One path for pages, interface and command lines.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from core.anatomy.anatomy import Anatomy
from core.anatomy.look import Looker, posed, shipped_looker
from core.imaging import Radiograph, RefusedImage
from core.imaging.radiograph import shares_of_white

Verdict = Literal["accepted", "unsure", "refused"]

# Frontal chest radiographs are nearly square; 2.0 leaves room for unusual crops.
_MAX_ASPECT = 2.0
_MIN_GREY_LEVELS = 16
_CHECKS = ("file type", "image size and shape", "contrast", "stated modality and view", "what the picture shows")
_LOOKS_LIKE = {
    "frontal": "a frontal chest radiograph, but not clearly",
    "lateral": "a chest from the side",
    "other_part": "a radiograph of another part of the body",
    "piece": "a piece of a chest radiograph without the whole of both lungs",
    "picture": "a photograph, a drawing, a text or noise",
}
_FORCED = "The picture was refused as no frontal chest radiograph and judged because somebody insisted"
_UNSURE = "It is doubtful whether this is a frontal chest radiograph; nothing below may be relied on."


class NotAFrontalChest(RefusedImage):
    """The picture is readable, but it does not look like a frontal chest radiograph."""

    code = "not_a_frontal_chest"


@dataclass(frozen=True)
class Gate:
    """The gate's verdict.

    Attributes:
        verdict: accepted, unsure (judged, with a warning) or refused (judged only where somebody insisted).
        frontal: probability that the picture is a frontal chest radiograph.
        turned: degrees by which it lay turned, counter-clockwise; it was turned back.
        inverted: whether it was a negative; it was inverted back.
        forced: whether somebody insisted that it be judged, and it would have been refused otherwise.
        checks: what was looked at, in words.
    """

    verdict: Verdict
    frontal: float
    turned: int = 0
    inverted: bool = False
    forced: bool = False
    checks: tuple[str, ...] = _CHECKS


@dataclass(frozen=True)
class Admitted:
    """A radiograph that may be judged.

    Attributes:
        radiograph: upright, bright = dense, with a warning for each doubt and each change.
        anatomy: what was seen in it.
        gate: the verdict.
    """

    radiograph: Radiograph
    anatomy: Anatomy
    gate: Gate


def admit(
    radiograph: Radiograph, *, force: bool = False, outlines: bool = True, looker: Looker | None = None
) -> Admitted:
    """Look at a radiograph as it was read, put it upright and decide.

    Args:
        radiograph: as its file gives it; its pixels may be as ``read_stored`` gives them, and then stay so if upright.
        force: judge it even if it would be refused; it then says so.
        outlines: find those of lungs and heart; the decision does not need them.
        looker: the network; by default the shipped one.

    Raises:
        NotAFrontalChest: it does not look like a frontal chest radiograph.
    """
    looker = looker or shipped_looker()
    anatomy = looker.look(radiograph.pixels, outlines=outlines)
    reason = _shape_fault(radiograph) or _look_fault(anatomy, looker.config.refuse_below)
    if reason and not force:
        raise NotAFrontalChest(reason)
    verdict: Verdict = "accepted"
    if reason:
        verdict = "refused"
    elif anatomy.frontal < looker.config.accept_from:
        verdict = "unsure"
    gate = Gate(verdict, anatomy.frontal, anatomy.turned, anatomy.inverted, forced=bool(reason))
    return Admitted(put_upright(radiograph, gate, reason), anatomy, gate)


def upright(radiograph: Radiograph, *, looker: Looker | None = None) -> Radiograph:
    """A radiograph of a collection, which is known to show a chest: turned and inverted back where it needs that."""
    turned, inverted = (looker or shipped_looker()).pose(radiograph.pixels)
    return put_upright(radiograph, Gate("accepted", frontal=1.0, turned=turned, inverted=inverted))


def put_upright(radiograph: Radiograph, gate: Gate, reason: str = "") -> Radiograph:
    """The radiograph as the gate had it judged: turned and inverted back, with a warning for each.

    Args:
        radiograph: as its file gives it.
        gate: what was decided of it.
        reason: why it would have been refused; only where somebody insisted.
    """
    warnings = list(radiograph.warnings)
    if gate.forced:
        warnings.insert(0, f"{_FORCED}{': ' + reason if reason else '.'}")
    elif gate.verdict == "unsure":
        warnings.insert(0, _UNSURE)
    if gate.turned:
        warnings.append(f"The picture lay turned by {gate.turned} degrees; it was turned upright.")
    if gate.inverted:
        tagged = radiograph.metadata.get("photometric") == "MONOCHROME1"
        warnings.append(
            "The file's MONOCHROME1 tag contradicts the image and was ignored."
            if tagged
            else "The image looked inverted (bright air); it was inverted back."
        )
    if not gate.turned and not gate.inverted:
        return replace(radiograph, warnings=tuple(warnings))
    shares = shares_of_white(radiograph.pixels)
    pixels = np.ascontiguousarray(posed(shares, -gate.turned // 90, gate.inverted), dtype=np.float32)
    return replace(radiograph, pixels=pixels, warnings=tuple(warnings))


def _shape_fault(radiograph: Radiograph) -> str:
    height, width = radiograph.pixels.shape
    if max(height, width) > _MAX_ASPECT * min(height, width):
        return (
            f"The image is {width} x {height} pixels, too elongated for a frontal chest radiograph; "
            "upload the whole radiograph, uncropped."
        )
    sample = radiograph.pixels[:: max(1, height // 256), :: max(1, width // 256)]
    if len(np.unique(np.round(shares_of_white(sample) * 255))) < _MIN_GREY_LEVELS:
        return "The image has almost no grey levels, so it is not a radiograph; upload the original file."
    return ""


def _look_fault(anatomy: Anatomy, refuse_below: float) -> str:
    if anatomy.frontal >= refuse_below:
        return ""
    return (
        f"The picture looks like {_LOOKS_LIKE[anatomy.kind]}, not like a frontal chest radiograph; "
        "send a frontal (PA or AP) view of the whole chest."
    )
