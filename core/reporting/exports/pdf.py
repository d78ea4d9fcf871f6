"""The report as PDF: pictures, report, evidence table, model and, on every page, the disclaimer."""

import io
from datetime import UTC
from typing import Any

from PIL import Image as PillowImage
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, SimpleDocTemplate, Spacer, Table

from core import DISCLAIMER, __version__
from core.findings import display_name
from core.reporting.certainty import PHRASES
from core.reporting.evidence import DECISIONS, FindingEvidence
from core.reporting.exports.pdf_text import FONT, paragraph, plain_line, styles
from core.reporting.exports.pictures import caption, overlaid, trust
from core.reporting.exports.plain import anatomy_lines
from core.reporting.exports.study import ReportedStudy
from core.reporting.report import SECTIONS
from core.reporting.review import state_in_words
from core.reporting.wording import in_words
from core.reporting.worth import abnormal_in_words, place_on_bar, ticks_on_bar

# Pictures as letters (ASCII base 85) took half of the time of a report and a fifth of its bytes; no channel of today
# needs them.
rl_config.useA85 = 0

Styles = dict[str, ParagraphStyle]

_MARGIN = 16 * mm
_FOOTER = 20 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_GAP = 5 * mm
# Height of the pictures in points and scale of the running text, tried in turn until everything fits on one page.
_LAYOUTS = ((86 * mm, 1.0), (72 * mm, 1.0), (60 * mm, 1.0), (60 * mm, 0.9), (50 * mm, 0.85))
# ReportLab's frames keep their content so many points from their edges.
_FRAME_PADDING = 6
_NO_PADDING = tuple((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM"))
_BLACK, _LINE, _BAR, _PRESENT, _POSSIBLE, _TICK = map(
    HexColor, ("#000000", "#c9ced6", "#8b95a3", "#c2570c", "#b99a1a", "#15181c")
)


def as_pdf(study: ReportedStudy, finding: str | None) -> bytes:
    """The report on A4, one page where it fits.

    Text is selectable. Letters outside of the Windows Western set are in DejaVu Sans, which is embedded; what that does
    not have either, such as East Asian script, is shown as a question mark.

    Args:
        finding: whose heatmap stands beside the radiograph; the leading one if None.
    """
    shown = study.pictured(finding)
    pictures = [_jpeg(overlaid(study, None)), _jpeg(overlaid(study, shown))]
    largest, pages = _build(study, shown, pictures, *_LAYOUTS[0])
    data = largest
    for layout in _LAYOUTS[1:]:
        if pages != 2:  # more than two never shrink to one
            break
        data, pages = _build(study, shown, pictures, *layout)
    return data if pages == 1 else largest


def _build(
    study: ReportedStudy, shown: FindingEvidence | None, pictures: list[bytes], height: float, scale: float
) -> tuple[bytes, int]:
    """The document in one of ``_LAYOUTS``, and its number of pages."""
    style = styles(scale)
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=_MARGIN - _FRAME_PADDING,
        rightMargin=_MARGIN - _FRAME_PADDING,
        topMargin=10 * mm,
        bottomMargin=_FOOTER,
        title=plain_line(f"Chest radiograph report {study.name}"),
        author="ChestLens",
        subject=DISCLAIMER,
        lang="en",
        invariant=1,  # no time of writing in the file: the same study gives the same bytes
    )
    story: list[Flowable] = [
        *_head(study, style),
        _pictures(study, shown, pictures, height, style),
        Spacer(1, 2 * mm),
        _sections(study, style),
        Spacer(1, 2 * mm),
        KeepTogether(_evidence_table(study, style)),
        Spacer(1, 2 * mm),
        paragraph(_anatomy(study), style["small"]),
        paragraph(_identity(study), style["small"]),
    ]
    document.build(story, canvasmaker=_NumberedCanvas)
    return file.getvalue(), document.page


def _anatomy(study: ReportedStudy) -> str:
    return ". ".join(anatomy_lines(study.evidence)) + "."


def _head(study: ReportedStudy, style: Styles) -> list[Flowable]:
    rows, columns = study.radiograph.pixels.shape
    facts = [
        f"File: {study.name or 'not named'}",
        f"{study.evidence.view} view" if study.evidence.view else "View not stated",
        f"{columns} x {rows} pixels",
        f"{study.created.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
    ]
    title = Table(
        [
            [
                paragraph("Chest radiograph report", style["title"]),
                paragraph(f"{_state(study)}. Research only.", style["flag"]),
            ]
        ],
        colWidths=[_WIDTH * 0.55, _WIDTH * 0.45],
        style=[
            *_NO_PADDING,
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
            ("VALIGN", (0, 0), (-1, -1), "BOTTOM"),
            ("LINEBELOW", (0, 0), (-1, -1), 0.8, _TICK),
        ],
    )
    lines = ["  ·  ".join(facts)]
    if study.evidence.abnormal is not None:
        lines.append(abnormal_in_words(study.evidence.abnormal))
    return [title, Spacer(1, 1.2 * mm), *(paragraph(line, style["small"]) for line in lines), Spacer(1, 2.5 * mm)]


def _state(study: ReportedStudy) -> str:
    """The state of the report, its first word in capitals."""
    first, rest = state_in_words(study.review).split(maxsplit=1)
    return f"{first.upper()} {rest}"


def _pictures(
    study: ReportedStudy, shown: FindingEvidence | None, pictures: list[bytes], height: float, style: Styles
) -> Table:
    """Radiograph and overlay side by side, each with its caption."""
    rows, columns = study.radiograph.pixels.shape
    width = (_WIDTH - _GAP) / 2
    scale = min(width / columns, height / rows)
    images = [Image(io.BytesIO(data), width=columns * scale, height=rows * scale) for data in pictures]
    left = "Radiograph"
    right = f"{caption(study, shown)}; bright is strong, scaled per finding, not a segmentation. {trust(shown)}"
    return Table(
        [[images[0], "", images[1]], [paragraph(left, style["small"]), "", paragraph(right, style["small"])]],
        colWidths=[width, _GAP, width],
        style=[
            *_NO_PADDING,
            *(("BACKGROUND", (column, 0), (column, 0), _BLACK) for column in (0, 2)),
            ("TOPPADDING", (0, 1), (-1, 1), 2),
            ("ALIGN", (0, 0), (-1, 0), "CENTER"),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ],
    )


def _sections(study: ReportedStudy, style: Styles) -> Table:
    """The report, headings at the left; a section that is longer than the page goes on on the next."""
    rows = [
        [
            paragraph(section.capitalize(), style["heading"]),
            [paragraph(line, style["base"]) for line in study.text(section).splitlines()],
        ]
        for section in SECTIONS
    ]
    first = 22 * mm
    return Table(
        rows,
        colWidths=[first, _WIDTH - first],
        splitInRow=1,
        style=[*_NO_PADDING, ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5), ("VALIGN", (0, 0), (-1, -1), "TOP")],
    )


def _evidence_table(study: ReportedStudy, style: Styles) -> Table:
    """Findings by decision and probability, each with its bar, figures, decision and place."""
    heads = ("Finding", "Probability", "", "Decision", "Certainty (right of 100 calls)", "Place")
    rows: list[list[Any]] = [[paragraph(head, style["small"]) for head in heads]]
    for item in (item for decision in DECISIONS for item in study.evidence.decided(decision)):
        font = style["cell_strong" if item.decision == "present" else "cell"]
        certainty = "" if item.certainty is None else PHRASES[item.certainty].name
        right = "" if item.precision is None else f" (about {round(100 * item.precision)})"
        cells = (_percent(item.probability), item.decision, certainty + right, in_words(item.places))
        texts = [paragraph(text, font) for text in cells]
        name = paragraph(display_name(item.finding.name), font)
        rows.append([name, _Bar(item), *texts])
    widths = [36, 33, 16, 17, 46]
    return Table(
        rows,
        colWidths=[*(width * mm for width in widths), _WIDTH - sum(widths) * mm],
        repeatRows=1,
        style=[
            *_NO_PADDING,
            ("LINEBELOW", (0, 0), (-1, -1), 0.35, _LINE),
            ("TOPPADDING", (0, 0), (-1, -1), 1.1),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1.4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ],
    )


def _percent(value: float | None) -> str:
    return "not assessed" if value is None else f"{value:.1%}"


def _identity(study: ReportedStudy) -> str:
    model = study.evidence.model
    words = "by a fixed template" if study.report.source == "template" else "by a language model, checked"
    if study.review:
        words += ", reviewed by a person"
    sign_off = study.review.sign_off if study.review else None
    record = f" Record of the review, SHA-256: {sign_off.record}." if sign_off else ""
    return (
        f"Model {model['name']} version {model['version']} ({model['architecture']}), ChestLens {__version__}. Text "
        f"written {words}.{record} Probabilities are calibrated; each bar has its own scale, with "
        f"ticks where possible and present begin. Policy {study.evidence.policy}."
    )


class _Bar(Flowable):
    """A probability as a bar on the scale of its finding, with ticks where possible and present begin."""

    def __init__(self, item: FindingEvidence) -> None:
        super().__init__()
        self.width, self.height = 30 * mm, 5
        self._probability, self._point = item.probability, item.operating_point
        self._colour = {"present": _PRESENT, "possible": _POSSIBLE}.get(item.decision, _BAR)

    def draw(self) -> None:
        """Draw on the canvas that ReportLab has set."""
        canvas = self.canv
        canvas.setFillColor(_LINE)
        canvas.rect(0, 1, self.width, 3, stroke=0, fill=1)
        if self._probability is None or self._point is None:
            return
        canvas.setFillColor(self._colour)
        canvas.rect(0, 1, self.width * place_on_bar(self._probability, self._point), 3, stroke=0, fill=1)
        canvas.setFillColor(_TICK)
        for _, place in ticks_on_bar(self._point):
            canvas.rect(self.width * place - 0.4, -0.5, 0.8, 6, stroke=0, fill=1)


class _NumberedCanvas(Canvas):
    """Writes disclaimer and "page x of y" on each page once their number is known."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:
        """Keep the page for ``save``."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Add the footers and write the file."""
        for number, page in enumerate(self._pages, start=1):
            self.__dict__.update(page)
            self.setStrokeColor(_TICK)
            self.setLineWidth(0.4)
            self.line(_MARGIN, _FOOTER - 3 * mm, _MARGIN + _WIDTH, _FOOTER - 3 * mm)
            self.setFillColor(_TICK)
            self.setFont(FONT, 7.5)
            self.drawString(_MARGIN, _FOOTER - 7 * mm, DISCLAIMER)
            self.drawRightString(_MARGIN + _WIDTH, _FOOTER - 7 * mm, f"Page {number} of {len(self._pages)}")
            super().showPage()
        super().save()


def _jpeg(picture: PillowImage.Image) -> bytes:
    """At 1024 pixels on 86 mm the picture has 300 dots per inch."""
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=92, subsampling=0)
    return file.getvalue()
