import shutil
from pathlib import Path

import pytest
from PIL import Image

from core.datasets import DatasetError
from core.datasets.samples import load_samples
from core.findings import LABELS


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (80, 80), 120).save(path)


def test_nih_samples_carry_labels_and_boxes_in_fractions_of_the_image(nih_folder: Path) -> None:
    samples = {sample.name: sample for sample in load_samples(nih_folder)}
    assert len(samples) == 24
    mass, normal = samples["00000003_000.png"], samples["00000001_000.png"]
    assert mass.labels == ("Effusion", "Mass")
    assert normal.labels == ()
    assert normal.boxes == ()
    (box,) = mass.boxes
    assert (box.finding, box.left, box.top) == ("Mass", 160 / 1024, 560 / 1024)
    assert (box.right, box.bottom) == (400 / 1024, 800 / 1024)
    assert "NIH" in str(mass.source)


def test_a_table_brings_labels_and_reports_and_unknown_stays_unknown(tmp_path: Path) -> None:
    for name in "ab":
        _picture(tmp_path / "images" / f"{name}.png")
    (tmp_path / "table.csv").write_text(
        "image_path,source,Mass,Nodule,report_findings,report_impression\n"
        "images/a.png,mine,1,0,A round shadow.,A mass.\nimages/b.png,mine,,,,\n"
    )
    first, second = load_samples(tmp_path)
    assert first.labels == ("Mass",)
    assert (first.report_findings, first.report_impression) == ("A round shadow.", "A mass.")
    assert first.source == "table.csv (mine)"
    assert (second.labels, second.source) == (None, None)


def test_any_folder_gives_its_images_and_not_its_other_files(tmp_path: Path, chest_dicom: Path) -> None:
    _picture(tmp_path / "b" / "two.png")
    _picture(tmp_path / "one.jpg")
    shutil.copy(chest_dicom, tmp_path / "b" / "IM0001")
    shutil.copy(chest_dicom, tmp_path / "b" / "1.2.840.113.7")
    for name in ("table.csv", "notes.txt", ".hidden.png", "b/DICOMDIR", ".cache/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("file,repo\n")
    samples = load_samples(tmp_path)
    assert [sample.name for sample in samples] == ["one.jpg", "1.2.840.113.7", "IM0001", "two.png"]
    assert all(sample.labels is None and sample.source is None for sample in samples)
    assert len({sample.id for sample in samples}) == 4
    assert load_samples(tmp_path) == samples, "ids must be the same at the next start"


def test_files_outside_the_folder_are_out_of_reach(tmp_path: Path) -> None:
    _picture(tmp_path / "elsewhere" / "secret.png")
    _picture(tmp_path / "samples" / "open.png")
    (tmp_path / "samples" / "link.png").symlink_to(tmp_path / "elsewhere" / "secret.png")
    assert [sample.name for sample in load_samples(tmp_path / "samples")] == ["open.png"]
    (tmp_path / "samples" / "table.csv").write_text(
        f"path\n../elsewhere/secret.png\n{tmp_path}/elsewhere/secret.png\nopen.png\n"
    )
    assert [sample.name for sample in load_samples(tmp_path / "samples")] == ["open.png"]


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_without_radiographs_is_told_of(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "samples"
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(DatasetError, match=r"folder.*\.$"):
        load_samples(folder)


def test_openi_samples_carry_the_radiologists_report(tmp_path: Path) -> None:
    _picture(tmp_path / "images" / "1_IM-0001-4001.dcm.png")
    (tmp_path / "indiana_reports.csv").write_text(
        "uid,MeSH,Problems,image,indication,comparison,findings,impression\n"
        "1,Cardiomegaly/mild,Cardiomegaly,Xray Chest PA,,,The heart is large.,Cardiomegaly.\n"
    )
    (tmp_path / "indiana_projections.csv").write_text("uid,filename,projection\n1,1_IM-0001-4001.dcm.png,Frontal\n")
    (sample,) = load_samples(tmp_path)
    assert sample.labels == ("Cardiomegaly",)
    assert sample.report_findings == "The heart is large."


@pytest.mark.real_data
def test_the_real_nih_copy_is_listed_quickly(shared_data: Path) -> None:
    samples = load_samples(shared_data / "nih")
    assert len(samples) > 3000
    assert sum(bool(sample.boxes) for sample in samples) > 400
    assert {label for sample in samples for label in sample.labels or ()} == set(LABELS)
