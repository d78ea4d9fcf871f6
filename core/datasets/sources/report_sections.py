"""A free-text radiology report to its findings and impression."""

import re

# A heading is in capitals at the start of a line, or one of the two that matter, in capitals anywhere or at the start
# of a line in any case: exported reports are often a single line.
_BODY = r"FINDINGS?|IMPRESSIONS?|CONCLUSIONS?|FINDINGS?\s*(?:AND|/|&)\s*IMPRESSIONS?"
_HEADING = re.compile(
    rf"^[ \t]*(?P<known>(?i:{_BODY}))[ \t]*:|\b(?P<inline>{_BODY})[ \t]*:|^[ \t]*(?P<other>[A-Z][A-Z ()/,&#0-9-]+):",
    re.MULTILINE,
)
_FINAL = re.compile(r"^[ \t]*FINAL (?:REPORT|ADDENDUM)[ \t]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def findings_and_impression(report: str, *, last_paragraph: bool = False) -> tuple[str | None, str | None]:
    """The text under the headings FINDINGS and IMPRESSION, each on one line.

    CONCLUSION counts as impression, and a section headed FINDINGS AND IMPRESSION as findings. Sections of other
    headings, WET READ among them, are passed over, as is all that stands before a line FINAL REPORT. Of a heading
    that occurs twice the last section counts, for addenda repeat the report.

    Args:
        report: the whole text.
        last_paragraph: where neither heading occurs, take the last paragraph that is under no other heading as the
            impression: the convention of the MIMIC-CXR code (Johnson et al., 2019) for reports without headings.

    Returns:
        Findings and impression; None for one that is not there.
    """
    text = report.replace("\r\n", "\n")
    if final := list(_FINAL.finditer(text)):
        text = text[final[0].end() :]
    sections: dict[str, str] = {}
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=False):
        body = _one_line(text[heading.end() : end])
        name = (heading["known"] or heading["inline"] or "").upper()
        if body and name:
            sections["findings" if name.startswith("FINDING") else "impression"] = body
    if not sections and last_paragraph:
        paragraphs = [part for part in _PARAGRAPH.split(text) if part.strip()]
        if paragraphs and not _HEADING.match(paragraphs[-1].lstrip("\n")):
            sections["impression"] = _one_line(paragraphs[-1])
    return sections.get("findings"), sections.get("impression")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
