"""The four objects of one study, as every export takes them."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from core.classifier import Prediction
from core.findings import LABELS
from core.imaging import Radiograph
from core.reporting.evidence import Evidence, FindingEvidence
from core.reporting.exports.plain import as_object
from core.reporting.report import Report, Section
from core.reporting.review import Review

# Namespace of all identifiers made here, so that they meet no identifier that others derive from the same content.
_NAMESPACE = uuid.UUID("5d3b8f0e-7f0c-5d55-9c1e-2f6f0b0f4a57")


@dataclass(frozen=True)
class ReportedStudy:
    """One radiograph and all that is said of it.

    Attributes:
        radiograph, prediction, evidence, report: the four objects; the report is the draft.
        name: what the study is called, usually the file's name.
        created: when it was analysed or, on a server, uploaded; with its time zone.
        review: what a reviewer made of the draft; None while nobody has touched it.
    """

    radiograph: Radiograph
    prediction: Prediction
    evidence: Evidence
    report: Report
    name: str
    created: datetime
    review: Review | None = None

    def text(self, section: Section) -> str:
        """A section as it stands: the reviewer's text, or else the draft's."""
        return self.report.text(section) if self.review is None else self.review.text.get(section, "")

    @property
    def reported(self) -> datetime:
        """When the report was signed or, until then, made."""
        return self.review.sign_off.time if self.review and self.review.sign_off else self.created

    @cached_property
    def pixel_digest(self) -> str:
        """Names the radiograph: the same pixels have the same digest in every analysis."""
        pixels = np.ascontiguousarray(self.radiograph.pixels)
        return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()

    @cached_property
    def digest(self) -> str:
        """Names this analysis: another model, wording, time or source gives another one; name and review do not."""
        content = [
            self.pixel_digest,
            self.radiograph.source,
            as_object(self.evidence, self.report),
            self.created.isoformat(),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def identifier(self, *parts: str) -> uuid.UUID:
        """A name-based UUID (RFC 9562 section 5.5), the same whenever the same object of this analysis is made."""
        return derived_uuid(self.digest, *parts)

    def pictured(self, finding: str | None) -> FindingEvidence | None:
        """The finding whose heatmap an export shows.

        Args:
            finding: a label's name; None takes the most probable present finding or, where none is present, the most
                probable possible and then the most probable absent one.

        Returns:
            None where the model knows no finding at all.
        """
        if finding is not None:
            return self.evidence.findings[LABELS.index(finding)]
        for decision in ("present", "possible", "absent"):
            if candidates := self.evidence.decided(decision):
                return candidates[0]
        return None


def derived_uuid(*parts: str) -> uuid.UUID:
    """A UUID made of texts."""
    return uuid.uuid5(_NAMESPACE, "\0".join(parts))
