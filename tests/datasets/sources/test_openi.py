import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets.sources import openi, openi_reports
from core.datasets.sources.openi import load_openi, read_openi_reports
from core.datasets.sources.openi_reports import CodedDetail, coded_details
from core.datasets.table import COLUMNS, DatasetError, Problem
from core.findings import LABELS

needs_package = pytest.mark.skipif(
    openi_reports.packaged_file("NLMCXR_reports.tgz") is None, reason="torchxrayvision is not installed"
)

# Number, images, majors, findings. Images and views as in the published files: report 10's listed image is lateral.
REPORTS: tuple[tuple[int, tuple[str, ...], tuple[str, ...], str], ...] = (
    (1, ("CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"), ("normal",), "The lungs are clear."),
    (10, ("CXR10_IM-0002-1001", "CXR10_IM-0002-2001"), ("Nodule/lung/left",), "A nodule in the left lung."),
    (100, ("CXR100_IM-0002-1001", "CXR100_IM-0002-2001"), ("Cardiomegaly/mild", "Thickening/pleura/right"), ""),
    (1000, ("CXR1000_IM-0003-1001",), ("No Indexing",), "Unremarkable."),
)


def report_xml(number: int, images: tuple[str, ...], majors: tuple[str, ...], findings: str) -> str:
    parents = "".join(
        f'<parentImage id="{image}"><figureId>F{place}</figureId><caption>Xray Chest PA and Lateral</caption>'
        f'<panel type="single"><url>/hadoop/{image}.jpg</url></panel></parentImage>'
        for place, image in enumerate(images, 1)
    )
    coded = "".join(f"<major>{major}</major>" for major in majors) + "<automatic>nodule</automatic>"
    return (
        f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/><pmcId id="{number}"/>'
        '<MedlineCitation><Article><Abstract><AbstractText Label="COMPARISON">None.</AbstractText>'
        '<AbstractText Label="INDICATION">Positive TB test</AbstractText>'
        f'<AbstractText Label="FINDINGS">{findings}</AbstractText>'
        '<AbstractText Label="IMPRESSION">Normal chest x-XXXX.</AbstractText></Abstract></Article></MedlineCitation>'
        f"<MeSH>{coded}</MeSH>{parents}</eCitation>"
    )


def write_png(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(path)


@pytest.fixture
def openi_folder(tmp_path: Path) -> Path:
    """Four reports as the library publishes them, with all their images."""
    folder = tmp_path / "openi"
    (folder / "ecgen-radiology").mkdir(parents=True)
    for report in REPORTS:
        (folder / "ecgen-radiology" / f"{report[0]}.xml").write_text(report_xml(*report))
        for image in report[1]:
            write_png(folder / "NLMCXR_png" / f"{image}.png")
    return folder


@pytest.fixture
def kaggle_folder(tmp_path: Path) -> Path:
    """The same collection as Kaggle has it."""
    folder = tmp_path / "kaggle"
    folder.mkdir()
    rows = ["uid,MeSH,Problems,image,indication,comparison,findings,impression"]
    projections = ["uid,filename,projection"]
    for number, images, majors, findings in REPORTS:
        rows.append(f"{number},{';'.join(majors)},,Xray Chest PA and Lateral,,None.,{findings},Normal.")
        for image in images:
            name = f"{number}_{image[image.index('IM-') :]}.dcm.png"
            side = "Lateral" if image.endswith(("3001", "2001")) else "Frontal"
            projections.append(f"{number},{name},{side}")
            write_png(folder / "images" / "images_normalized" / name)
    (folder / "indiana_reports.csv").write_text("\n".join(rows) + "\n")
    (folder / "indiana_projections.csv").write_text("\n".join(projections) + "\n")
    return folder


@needs_package
def test_only_images_listed_as_frontal_get_rows(openi_folder: Path) -> None:
    found = load_openi(openi_folder)
    assert tuple(found.table.columns[: len(COLUMNS)]) == COLUMNS
    assert [Path(path).name for path in found.table["image_path"]] == [
        "CXR100_IM-0002-1001.png",
        "CXR1000_IM-0003-1001.png",
    ]
    assert (found.table["view"] == "PA").all()
    assert found.table["patient_id"].tolist() == ["CXR100", "CXR1000"]
    assert any("584 reports have a lateral image" in note for note in found.notes)
    assert "3 images of unknown view were left out." in found.notes


@needs_package
def test_labels_are_the_human_coding_and_unknown_without_it(openi_folder: Path) -> None:
    table = load_openi(openi_folder).table.set_index("study_id")
    assert [label for label in LABELS if table.loc["CXR100", label] == 1] == ["Cardiomegaly", "Pleural_Thickening"]
    assert table.loc["CXR100", list(LABELS)].eq(0).sum() == 12
    assert table.loc["CXR1000", list(LABELS)].isna().all()
    assert table.loc["CXR100", "report_findings"] is None
    assert table.loc["CXR1000", "report_findings"] == "Unremarkable."


def test_reports_keep_sections_coding_and_images(openi_folder: Path) -> None:
    reports = read_openi_reports(openi_folder / "ecgen-radiology")
    assert reports["uid"].tolist() == ["CXR1", "CXR10", "CXR100", "CXR1000"]
    first = reports.iloc[0]
    assert (first["pmc_id"], first["comparison"], first["indication"]) == ("1", "None.", "Positive TB test")
    assert first["image_ids"] == ["CXR1_1_IM-0001-3001", "CXR1_1_IM-0001-4001"]
    assert first["captions"] == ["Xray Chest PA and Lateral"] * 2
    assert reports.loc[2, "mesh_major"] == ["Cardiomegaly/mild", "Thickening/pleura/right"]
    assert reports.loc[2, "mesh_automatic"] == ["nodule"]
    assert reports.loc[2, "findings"] is None


def test_an_archive_of_reports_reads_as_the_folder_does(openi_folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "NLMCXR_reports.tgz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(openi_folder / "ecgen-radiology", "ecgen-radiology")
    assert read_openi_reports(archive).equals(read_openi_reports(openi_folder))


def test_a_torn_archive_is_said(openi_folder: Path, tmp_path: Path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as file:
        file.add(openi_folder / "ecgen-radiology", "ecgen-radiology")
    torn = tmp_path / "NLMCXR_reports.tgz"
    torn.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(DatasetError, match="not a whole archive"):
        read_openi_reports(torn)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_broken_and_dangerous_files_become_problems(openi_folder: Path, encoding: str) -> None:
    reports = openi_folder / "ecgen-radiology"
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    text = f'<?xml version="1.0" encoding="{encoding}"?>{entities}<eCitation><uId id="&b;"/></eCitation>'
    (reports / "7.xml").write_bytes(text.encode(encoding))
    (reports / "8.xml").write_text("<eCitation><uId id='CXR8'>")
    (reports / "9.xml").write_text("<eCitation/>")
    problems: list[Problem] = []
    assert len(read_openi_reports(openi_folder, problems=problems)) == 4
    reasons = {Path(problem.item).name: problem.reason for problem in problems}
    assert set(reasons) == {"7.xml", "8.xml", "9.xml"}
    assert "document type" in reasons["7.xml"]
    assert "no uId" in reasons["9.xml"]


def test_text_alone_has_one_row_per_report(openi_folder: Path) -> None:
    table = load_openi(openi_folder, images=False).table
    assert table["study_id"].tolist() == ["CXR1", "CXR10", "CXR100", "CXR1000"]
    assert table["image_path"].isna().all()
    assert table.set_index("study_id").loc["CXR10", "Nodule"] == 1


def test_the_kaggle_copy_has_the_same_rows_and_its_own_views(kaggle_folder: Path) -> None:
    table = load_openi(kaggle_folder).table.set_index("study_id")
    assert table.index.tolist() == ["CXR1", "CXR10", "CXR100", "CXR1000"]
    assert Path(table.loc["CXR1", "image_path"]).name == "1_IM-0001-4001.dcm.png"
    assert [label for label in LABELS if table.loc["CXR100", label] == 1] == ["Cardiomegaly", "Pleural_Thickening"]
    assert table.loc["CXR1000", list(LABELS)].isna().all()
    assert table["view"].isna().all()
    assert table.loc["CXR100", "report_findings"] is None


def test_bad_kaggle_rows_become_problems(kaggle_folder: Path) -> None:
    with (kaggle_folder / "indiana_reports.csv").open("a") as file:
        file.write("x,normal,,,,,Clear.,\n")
    with (kaggle_folder / "indiana_projections.csv").open("a") as file:
        file.write("1,other.png,Oblique\n")
    found = load_openi(kaggle_folder)
    assert len(found.table) == 4
    assert [problem.item for problem in found.problems] == [
        "indiana_reports.csv row 6",
        "indiana_projections.csv row 9",
    ]


def test_a_renamed_kaggle_column_is_named(kaggle_folder: Path) -> None:
    path = kaggle_folder / "indiana_projections.csv"
    path.write_text(path.read_text().replace("projection", "side", 1))
    with pytest.raises(DatasetError, match="lacks the column 'projection'"):
        load_openi(kaggle_folder)


def test_kaggle_projections_serve_reports_in_xml(openi_folder: Path, kaggle_folder: Path) -> None:
    (kaggle_folder / "indiana_projections.csv").rename(openi_folder / "indiana_projections.csv")
    table = load_openi(openi_folder).table.set_index("study_id")
    assert Path(table.loc["CXR1", "image_path"]).name == "CXR1_1_IM-0001-4001.png"
    assert len(table) == 4


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(params=["bytes", "image column"])
def hugging_face_folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The same collection as ``ykumards/open-i`` has it, in two files; the column of images in either common form."""
    folder = tmp_path / "open-i" / "data"
    folder.mkdir(parents=True)
    rows = []
    for number, images, majors, findings in REPORTS:
        views: dict[str, object] = {"img_frontal": None, "img_lateral": None}
        for image in images:
            view = "img_lateral" if image.endswith(("3001", "2001")) else "img_frontal"
            views[view] = _jpeg() if request.param == "bytes" else {"bytes": _jpeg(), "path": f"{image}.jpg"}
        row = {"uid": number, "MeSH": ";".join(majors), "Problems": "", "image": "Xray Chest PA and Lateral"}
        text = {"indication": None, "comparison": "None.", "findings": findings or None, "impression": "Normal."}
        rows.append(row | text | views)
    for part, name in ((rows[:2], "train-00000-of-00002.parquet"), (rows[2:], "train-00001-of-00002.parquet")):
        pd.DataFrame(part).to_parquet(folder / name)
    return folder.parent


def test_the_hugging_face_copy_has_the_rows_of_kaggles(hugging_face_folder: Path, kaggle_folder: Path) -> None:
    ours, kaggles = load_openi(hugging_face_folder).table, load_openi(kaggle_folder).table
    same = [name for name in COLUMNS if name != "image_path"]
    pd.testing.assert_frame_equal(
        ours[same].sort_values("study_id", ignore_index=True), kaggles[same].sort_values("study_id", ignore_index=True)
    )
    assert all(Path(path).read_bytes() == _jpeg() for path in ours["image_path"])
    assert sorted(Path(path).stem for path in ours["image_path"]) == sorted(ours["study_id"])
    # A second reading writes nothing again.
    times = {path: Path(path).stat().st_mtime_ns for path in ours["image_path"]}
    assert {
        path: Path(path).stat().st_mtime_ns for path in load_openi(hugging_face_folder).table["image_path"]
    } == times


def test_rows_of_a_parquet_file_cannot_name_files_elsewhere(hugging_face_folder: Path) -> None:
    path = hugging_face_folder / "data" / "train-00001-of-00002.parquet"
    table = pd.read_parquet(path).astype({"uid": object})
    table["uid"] = ["../../outside", "1000"]
    table.to_parquet(path)
    first = path.with_name("train-00000-of-00002.parquet")
    pd.read_parquet(first).astype({"uid": str}).to_parquet(first)
    collection = load_openi(hugging_face_folder)
    assert any("no report number" in problem.reason for problem in collection.problems)
    assert not list(hugging_face_folder.parent.rglob("*outside*"))


def test_a_torn_parquet_file_and_one_without_images_are_said(hugging_face_folder: Path) -> None:
    path = hugging_face_folder / "data" / "train-00001-of-00002.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="download it again"):
        load_openi(hugging_face_folder)
    path.unlink()
    first = path.with_name("train-00000-of-00002.parquet")
    pd.read_parquet(first).assign(img_frontal=b"").to_parquet(first)
    with pytest.raises(DatasetError, match="no frontal image"):
        load_openi(hugging_face_folder)


def test_missing_images_are_listed_and_counted(kaggle_folder: Path) -> None:
    (kaggle_folder / "images" / "images_normalized" / "10_IM-0002-1001.dcm.png").unlink()
    found = load_openi(kaggle_folder)
    assert "CXR10" not in set(found.table["study_id"])
    assert [problem.item for problem in found.problems] == ["10_IM-0002-1001"]
    assert any(note.startswith("1 of 4 frontal images are missing") for note in found.notes)


def test_a_folder_without_images_is_said(kaggle_folder: Path) -> None:
    for path in (kaggle_folder / "images").rglob("*.png"):
        path.unlink()
    with pytest.raises(DatasetError, match="No PNG image lies under"):
        load_openi(kaggle_folder)


def test_unrelated_images_are_not_taken_for_the_collection(kaggle_folder: Path) -> None:
    for path in (kaggle_folder / "images").rglob("*.png"):
        path.rename(path.with_name("x" + path.name))
    with pytest.raises(DatasetError, match="None of the 4 frontal images"):
        load_openi(kaggle_folder)


def test_without_the_package_it_is_named_and_guessing_is_a_choice(
    openi_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openi_reports.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match="pip install --no-deps torchxrayvision"):
        load_openi(openi_folder)
    with pytest.raises(DatasetError, match="pip install --no-deps torchxrayvision"):
        read_openi_reports()
    found = load_openi(openi_folder, guess_views=True)
    assert found.table["study_id"].tolist() == ["CXR10", "CXR100", "CXR1000"]
    assert found.table["view"].isna().all()
    assert any("guessed" in note for note in found.notes)


def test_the_published_division_is_found_in_both_forms(kaggle_folder: Path, tmp_path: Path) -> None:
    assert (load_openi(kaggle_folder).table["split"] == "").all()
    annotation = {
        "train": [{"id": "CXR1_1_IM-0001"}],
        "val": [{"id": "CXR10_IM-0002"}],
        "test": [{"id": "CXR100_IM-0002"}],
    }
    (kaggle_folder / "annotation.json").write_text(json.dumps(annotation))
    assert load_openi(kaggle_folder).table["split"].tolist() == ["train", "val", "test", ""]
    given = tmp_path / "r2gen_split.csv"
    given.write_text("r2gen_id,split,uid\nCXR1_1_IM-0001,test,CXR1\n")
    assert load_openi(kaggle_folder, r2gen_split=given).table["split"].tolist() == ["test", "", "", ""]


def test_a_wrong_division_is_said(kaggle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no split file"):
        load_openi(kaggle_folder, r2gen_split=tmp_path / "none.csv")
    (kaggle_folder / "annotation.json").write_text('{"train": ["CXR1"]}')
    with pytest.raises(DatasetError, match="is not R2Gen's annotation file"):
        load_openi(kaggle_folder)


def test_missing_folders_and_reports_are_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no folder"):
        load_openi(tmp_path / "none")
    with pytest.raises(DatasetError, match="There are no Open-i reports at"):
        read_openi_reports(tmp_path / "none")
    with pytest.raises(DatasetError, match="No Open-i report could be read"):
        read_openi_reports(tmp_path)
    with pytest.raises(DatasetError, match="need their folder as --data_dir"):
        openi.load_openi()


@needs_package
def test_a_folder_of_images_takes_the_packaged_reports(tmp_path: Path) -> None:
    write_png(tmp_path / "CXR100_IM-0002-1001.png")
    found = load_openi(tmp_path)
    assert found.table["study_id"].tolist() == ["CXR100"]
    assert found.table.loc[0, "report_impression"]
    assert len(found.problems) == 3266


@needs_package
def test_all_real_reports_are_read() -> None:
    problems: list[Problem] = []
    reports = read_openi_reports(problems=problems)
    findings, impression = reports["findings"].notna(), reports["impression"].notna()
    assert (len(reports), len(problems)) == (3955, 0)
    assert (findings.sum(), impression.sum(), (findings & impression).sum()) == (3425, 3921, 3419)
    assert (~findings & ~impression).sum() == 28
    assert sum(map(len, reports["image_ids"])) == 7470
    table = load_openi(images=False).table
    assert table["Nodule"].isna().sum() == 95
    assert (table["Cardiomegaly"].sum(), table["Pneumothorax"].sum(), table["Pleural_Thickening"].sum()) == (
        375,
        27,
        47,
    )


@needs_package
@pytest.mark.real_data
def test_the_published_division_covers_real_reports(shared_data: Path) -> None:
    table = load_openi(images=False, r2gen_split=shared_data / "openi" / "r2gen_split.csv").table
    assert table["split"].value_counts().to_dict() == {"train": 2069, "": 1000, "test": 590, "val": 296}
    assert table.loc[table["split"] != "", "report_findings"].notna().all()


@pytest.mark.parametrize(
    ("majors", "name", "places", "severity", "several"),
    [
        (["Pleural Effusion/left/small"], "Effusion", ("left_lung",), "mild", None),
        (["Pulmonary Atelectasis/base/bilateral"], "Atelectasis", ("left_lower_zone", "right_lower_zone"), None, None),
        (["Pneumonia/middle lobe/severe"], "Pneumonia", ("right_middle_zone",), "severe", None),
        (["Nodule/lung/apex/multiple"], "Nodule", ("upper_zone",), None, True),
        # One major without a place leaves it open where the finding ends, and two degrees are none.
        (["Infiltrate/lung/lingula/mild", "Infiltrate/moderate"], "Infiltration", (), None, None),
        (["Thickening/pleura/apex/left"], "Pleural_Thickening", ("left_upper_zone",), None, None),
        (["Cardiomegaly/borderline"], "Cardiomegaly", (), "mild", None),
    ],
)
def test_majors_say_where_how_large_and_how_many(majors, name, places, severity, several) -> None:
    assert coded_details(majors) == {name: CodedDetail(places, severity, several)}
