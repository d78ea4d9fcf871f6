"""Reports of the Indiana University collection (Open-i): XML files, the Kaggle tables, and the packaged copy.

Demner-Fushman et al., JAMIA 2016, doi:10.1093/jamia/ocv080. The package ``torchxrayvision`` carries all 3,955 reports
and a list of views; only its data files are read, the package itself is never imported.
"""

import importlib.util
import re
import tarfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pandas as pd

from core.datasets.sources.files import read_rows
from core.datasets.table import DatasetError, Problem, require_columns
from core.findings import LABELS

REPORT_ARCHIVE = "NLMCXR_reports.tgz"
KAGGLE_REPORTS, KAGGLE_PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
_VIEW_LIST = "nlmcxr_tsne_pa.csv.gz"
# The largest of the 3,955 reports has 9 kB; a file of megabytes is none of them.
_LARGEST_REPORT = 2**20

# What the head of a MeSH major contains when the label is positive.
_HEADS: dict[str, str] = {
    "Atelectasis": "atelectas",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "pulmonary edema",
    "Effusion": "pleural effusion",
    "Emphysema": "emphysema",
    "Fibrosis": "fibrosis",
    "Hernia": "hernia",
    "Infiltration": "infiltrate",
    "Mass": "mass",
    "Nodule": "nodule",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
}


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type before its entities are read: expanding them can fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise ValueError("it declares a document type, which no report of the collection does")


def packaged_file(name: str) -> Path | None:
    """A data file of the installed ``torchxrayvision`` package, or None where it is not installed."""
    package = importlib.util.find_spec("torchxrayvision")
    for folder in (package.submodule_search_locations or ()) if package else ():
        if (path := Path(folder) / "data" / name).is_file():
            return path
    return None


def read_openi_reports(path: str | Path | None = None, *, problems: list[Problem] | None = None) -> pd.DataFrame:
    """Read all reports, with or without images.

    Args:
        path: folder with XML reports (its own, or in a folder below it), or a ``.tgz`` of them; None for the copy
            in the installed ``torchxrayvision`` package.
        problems: gets an entry for each file that could not be read.

    Returns:
        One row per report in the order of their numbers: ``uid`` (CXR1), ``pmc_id``, ``findings``, ``impression``,
        ``indication``, ``comparison`` (text or None), ``mesh_major``, ``mesh_automatic``, ``image_ids`` and
        ``captions`` (lists; the last two in parallel).

    Raises:
        DatasetError: there is no such file or folder, no report could be read, or the package is not installed.
    """
    if path is None:
        source = packaged_file(REPORT_ARCHIVE)
        if source is None:
            raise DatasetError(
                "The Open-i reports come with the package torchxrayvision, which is not installed: "
                f"run pip install --no-deps torchxrayvision, or put {REPORT_ARCHIVE} into --data_dir."
            )
    else:
        source = Path(path)
    found: list[Problem] = []
    rows = []
    for name, content in _documents(source, found):
        try:
            rows.append(_report(content))
        except (ElementTree.ParseError, ValueError) as error:
            found.append(Problem(name, f"The report cannot be read: {error}."))
    if not rows:
        raise DatasetError(f"No Open-i report could be read from {source}: it should hold files such as 1.xml.")
    if problems is not None:
        problems.extend(found)
    # As objects: the string type of pandas would turn None into NaN.
    reports = pd.DataFrame(rows, dtype=object)
    return reports.sort_values("uid", key=lambda uids: uids.map(_number), kind="stable").reset_index(drop=True)


def read_kaggle_reports(folder: Path, problems: list[Problem]) -> pd.DataFrame:
    """Read ``indiana_reports.csv`` into the columns of ``read_openi_reports``.

    Its ``MeSH`` joins the majors of the XML with semicolons, its ``image`` is the caption; the images are in the
    table of projections.
    """
    path = folder / KAGGLE_REPORTS
    table = read_rows(path, problems, dtype=str)
    wanted = ("uid", "MeSH", "image", "indication", "comparison", "findings", "impression")
    require_columns(table.columns, wanted, file=path, hint="use the table as Kaggle publishes it.")
    return tabled_reports(table, path.name, problems)


def tabled_reports(table: pd.DataFrame, name: str, problems: list[Problem]) -> pd.DataFrame:
    """Reports in the columns of Kaggle's table, into those of ``read_openi_reports``.

    Args:
        table: cells as text, None or NaN where there is none.
        name: of the table, for problems.
        problems: gets an entry for each row without a report number.
    """
    numbered = table["uid"].str.fullmatch(r"\s*\d+\s*").fillna(False).astype(bool)
    problems.extend(Problem(f"{name} row {row + 2}", "It has no report number.") for row in table.index[~numbered])
    table = table[numbered]
    texts = table[["findings", "impression", "indication", "comparison"]].apply(lambda column: column.str.strip())
    return pd.DataFrame(
        {
            "uid": "CXR" + table["uid"].str.strip(),
            "pmc_id": table["uid"].str.strip(),
            **{name: texts[name].astype(object).where(texts[name].fillna("").ne(""), None) for name in texts},
            "mesh_major": [[part.strip() for part in str(majors).split(";")] for majors in table["MeSH"].fillna("")],
            "mesh_automatic": [[] for _ in table.index],
            "image_ids": [[] for _ in table.index],
            "captions": [[caption] for caption in table["image"].fillna("").str.strip()],
        }
    ).reset_index(drop=True)


def mesh_labels(majors: list[str]) -> dict[str, float]:
    """The 14 labels that the human MeSH coding of a report gives.

    A label is positive when the head of a major (before ``/``) names it; Pleural_Thickening when a major contains
    both thickening and pleura.

    Returns:
        1.0 or 0.0 for each label; NaN for all where the report was not indexed.
    """
    coded = [major.lower() for major in majors if major]
    if not coded or any("no indexing" in major for major in coded):
        return dict.fromkeys(LABELS, float("nan"))
    heads = [major.split("/")[0] for major in coded]
    labels = {label: float(any(word in head for head in heads)) for label, word in _HEADS.items()}
    labels["Pleural_Thickening"] = float(any("thickening" in major and "pleura" in major for major in coded))
    return labels


@dataclass(frozen=True)
class CodedDetail:
    """What the coding of a report says of one finding beside its name.

    Attributes:
        places: as ``core.anatomy.Place`` keys (``left_lower_zone``); empty where a major of the finding has none.
        severity: ``mild``, ``moderate`` or ``severe``; None where it is not coded, or differs between majors.
        several: True where the coding says multiple, else None.
    """

    places: tuple[str, ...]
    severity: str | None
    several: bool | None


_SIDES = {"left": ("left",), "right": ("right",), "bilateral": ("left", "right")}
_ZONES = {
    "base": "lower",
    "lower lobe": "lower",
    "upper lobe": "upper",
    "apex": "upper",
    "middle lobe": "middle",
    "lingula": "middle",
    "hilum": "middle",
}
# Lobes that one lung alone has.
_SIDE_OF_ZONE = {"middle lobe": ("right",), "lingula": ("left",)}
_SEVERITIES = {
    "mild": "mild",
    "small": "mild",
    "borderline": "mild",
    "moderate": "moderate",
    "large": "severe",
    "severe": "severe",
}


def coded_details(majors: list[str]) -> dict[str, CodedDetail]:
    """Place, degree and number of each coded finding, from the qualifiers of its majors.

    >>> coded_details(["Pleural Effusion/left/small"])["Effusion"]
    CodedDetail(places=('left_lung',), severity='mild', several=None)
    """
    found: dict[str, list[list[str]]] = {}
    for major in (one.lower() for one in majors if one):
        head, *qualifiers = major.split("/")
        names = [label for label, word in _HEADS.items() if word in head]
        if "thickening" in major and "pleura" in major:
            names.append("Pleural_Thickening")
        for name in names:
            found.setdefault(name, []).append(qualifiers)
    return {name: _detail(coded) for name, coded in found.items()}


def _detail(coded: list[list[str]]) -> CodedDetail:
    places = [_places(qualifiers) for qualifiers in coded]
    severities = {_SEVERITIES.get(next((one for one in own if one in _SEVERITIES), "")) for own in coded}
    everywhere = dict.fromkeys(key for own in places for key in own) if all(places) else {}
    several = any("multiple" in own for own in coded)
    return CodedDetail(tuple(everywhere), severities.pop() if len(severities) == 1 else None, several or None)


def _places(qualifiers: list[str]) -> list[str]:
    sides = dict.fromkeys(side for one in qualifiers for side in _SIDES.get(one, _SIDE_OF_ZONE.get(one, ())))
    zones = dict.fromkeys(_ZONES[one] for one in qualifiers if one in _ZONES)
    if zones and sides:
        return [f"{side}_{zone}_zone" for side in sides for zone in zones]
    return [f"{side}_lung" for side in sides] or [f"{zone}_zone" for zone in zones]


def packaged_views() -> pd.Series | None:
    """Views of the packaged list (``PA`` for frontal, ``L``), by image id; None where it is not installed.

    The list has one image of each report. Clustering of the pixels gave it (t-SNE; package of Cohen et al., MIDL 2022).
    """
    path = packaged_file(_VIEW_LIST)
    if path is None:
        return None
    table = read_rows(path, [])
    require_columns(table.columns, ("imageid", "tsne-view"), file=path, hint="install torchxrayvision>=1.3,<1.6.")
    return table.set_index("imageid")["tsne-view"]


def _number(uid: str) -> int:
    digits = re.sub(r"\D", "", uid)
    return int(digits) if digits else 0


def _documents(source: Path, problems: list[Problem]) -> Iterator[tuple[str, bytes]]:
    """Name and content of each XML file in a folder or archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*.xml")):
            try:
                with path.open("rb") as file:
                    content = file.read(_LARGEST_REPORT + 1)
            except OSError as error:
                problems.append(Problem(str(path), f"The report cannot be read: {error.strerror}."))
                continue
            if len(content) > _LARGEST_REPORT:
                problems.append(Problem(str(path), "The file is far too large for a report."))
                continue
            yield str(path), content
        return
    if not source.is_file():
        raise DatasetError(f"There are no Open-i reports at {source}: give the folder with the XML files or the .tgz.")
    try:
        with tarfile.open(source, "r|*") as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith(".xml"):
                    continue
                if member.size > _LARGEST_REPORT:
                    problems.append(Problem(member.name, "The file is far too large for a report."))
                    continue
                content_file = archive.extractfile(member)
                if content_file is not None:
                    yield member.name, content_file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{source} is not a whole archive of reports ({error}): download it again.") from error


def _report(content: bytes) -> dict[str, object]:
    root = ElementTree.fromstring(content, parser=ElementTree.XMLParser(target=_NoDoctype()))
    uid = _attribute(root.find("uId"))
    if not uid:
        raise ValueError("it has no uId")
    sections: dict[str, str] = {}
    for part in root.iter("AbstractText"):
        if text := " ".join("".join(part.itertext()).split()):
            sections.setdefault(part.get("Label", "").upper(), text)
    images = [image for image in root.iter("parentImage") if image.get("id")]
    return {
        "uid": uid,
        "pmc_id": _attribute(root.find("pmcId")),
        **{name: sections.get(name.upper()) for name in ("findings", "impression", "indication", "comparison")},
        "mesh_major": [(major.text or "").strip() for major in root.iter("major")],
        "mesh_automatic": [(word.text or "").strip() for word in root.iter("automatic")],
        "image_ids": [image.get("id", "") for image in images],
        "captions": [(image.findtext("caption") or "").strip() for image in images],
    }


def _attribute(element: ElementTree.Element | None) -> str | None:
    return element.get("id") if element is not None else None
