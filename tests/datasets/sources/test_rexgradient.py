import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zstandard
from PIL import Image

from core.datasets.sources.rexgradient import load_rexgradient
from core.datasets.table import COLUMNS, DatasetError
from core.findings import LABELS
from core.imaging.reader import read_radiograph
from core.settings import ROOT

SPLITS = {"train": ("A1", "A2"), "valid": ("B1",), "test": ("C1",)}


def image_name(patient: str, image: int) -> str:
    return f"deid_png/{patient}/acc{patient}/studies/1.2.{patient}/series/1.3.{image}/instances/1.4.{image}.png"


def png_bytes(seed: int) -> bytes:
    """A 16-bit grey PNG, as the collection has them."""
    pixels = np.random.default_rng(seed).integers(0, 2**16, (64, 64)).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def study(patient: str) -> dict[str, object]:
    return {
        "AccessionNumber": f"acc{patient}",
        "StudyInstanceUid": f"1.2.{patient}",
        "PatientSex": "F",
        "PatientAge": "007Y" if patient != "B1" else "006M",
        "StudyDate": "20200102",
        "StudyDescription": "XR CHEST",
        "Indication": "Cough",
        "Comparison": float("nan"),
        "Findings": f"Findings of {patient}.",
        "Impression": "Normal." if patient != "A2" else float("nan"),
    }


def study_id(patient: str) -> str:
    return f"p{patient}_study_{patient}"


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    """Tables of four studies, each with a PA and a lateral image, in both forms; no images."""
    folder = tmp_path / "rex"
    (folder / "metadata").mkdir(parents=True)
    for split, patients in SPLITS.items():
        entries = {
            study_id(patient): {
                **study(patient),
                "PatientID": patient,
                "EthnicGroup": None,
                "ImagePath": [f"../{image_name(patient, 1)}", f"../{image_name(patient, 2)}"],
                "ImageViewPosition": ["POSTERO_ANTERIOR", "LATERAL"],
            }
            for patient in patients
        }
        (folder / "metadata" / f"{split}_metadata_view_position.json").write_text(json.dumps(entries))
        rows = [{"id": study_id(patient), **study(patient)} for patient in patients]
        pd.DataFrame(rows).to_csv(folder / "metadata" / f"{split}_metadata.csv", index=False)
    return folder


def all_images() -> dict[str, bytes]:
    patients = [patient for group in SPLITS.values() for patient in group]
    return {image_name(p, n): png_bytes(10 * i + n) for i, p in enumerate(patients) for n in (1, 2)}


@pytest.fixture
def rex_folder(metadata: Path) -> Path:
    for name, content in all_images().items():
        path = metadata / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return metadata


def tar_bytes(members: dict[str, bytes], extra: Iterator[tarfile.TarInfo] | tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info in extra:
            archive.addfile(info)
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def write_parts(folder: Path, archive: bytes, *, compress: bool, count: int = 3) -> None:
    content = zstandard.compress(archive) if compress else archive
    step = len(content) // count + 1
    for part in range(count):
        (folder / f"deid_png.part{part:02d}").write_bytes(content[part * step : (part + 1) * step])


def change_entry(folder: Path, split: str, patient: str, **fields: object) -> None:
    path = folder / "metadata" / f"{split}_metadata_view_position.json"
    entries = json.loads(path.read_text())
    entries[study_id(patient)].update(fields)
    path.write_text(json.dumps(entries))


def test_frontal_images_with_patients_splits_and_reports_are_found(rex_folder: Path) -> None:
    found = load_rexgradient(rex_folder)
    assert (found.problems, found.notes) == ((), ())
    assert tuple(found.table.columns) == COLUMNS
    table = found.table.set_index("patient_id")
    assert table["image_path"].tolist() == [str(rex_folder / image_name(p, 1)) for p in ("A1", "A2", "B1", "C1")]
    assert table["split"].tolist() == ["train", "train", "val", "test"]
    assert table["view"].tolist() == ["PA"] * 4
    assert table["age"].tolist() == [7, 7, 0.5, 7]
    assert table.loc["A1", "study_id"] == "pA1_study_A1"
    assert table.loc["A2", "report_findings"] == "Findings of A2."
    assert table.loc["A2", "report_impression"] is None
    assert table[list(LABELS)].isna().all(axis=None)


def test_sixteen_bit_images_keep_their_grey_levels(rex_folder: Path) -> None:
    radiograph = read_radiograph(Path(load_rexgradient(rex_folder).table.loc[0, "image_path"]).read_bytes())
    assert len(np.unique(radiograph.pixels)) > 256


def test_unknown_views_are_left_out_and_counted(rex_folder: Path) -> None:
    change_entry(rex_folder, "train", "A1", ImageViewPosition=[float("nan"), None])
    found = load_rexgradient(rex_folder)
    assert found.table["patient_id"].tolist() == ["A2", "B1", "C1"]
    assert found.notes == ("2 of 8 images are of unknown view and were left out.",)


def test_bad_entries_become_problems(rex_folder: Path) -> None:
    change_entry(rex_folder, "train", "A1", ImageViewPosition=["PA"])
    change_entry(rex_folder, "train", "A2", ImagePath=["../../etc/passwd.png", f"../{image_name('A2', 1)}"])
    change_entry(rex_folder, "train", "A2", ImageViewPosition=["PA", "AP"])
    change_entry(rex_folder, "valid", "B1", ImagePath=float("nan"))
    path = rex_folder / "metadata" / "test_metadata_view_position.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pX_y": None}))
    found = load_rexgradient(rex_folder)
    assert found.table["patient_id"].tolist() == ["A2", "C1"]
    assert sorted(problem.item for problem in found.problems) == [
        "pA1_study_A1",
        "pA2_study_A2",
        "pB1_study_B1",
        "test_metadata_view_position.json pX_y",
    ]


def test_without_views_all_images_are_kept_and_that_is_said(rex_folder: Path) -> None:
    for path in (rex_folder / "metadata").glob("*.json"):
        path.unlink()
    with (rex_folder / "metadata" / "train_metadata.csv").open("a") as file:
        file.write(",acc,1.2,F,007Y,20200102,,,,,\n")
    found = load_rexgradient(rex_folder)
    assert len(found.table) == 8
    assert set(found.table["patient_id"]) == {"A1", "A2", "B1", "C1"}
    assert found.table["view"].isna().all()
    assert any("lateral images are among the rows" in note for note in found.notes)
    assert [problem.item for problem in found.problems] == ["train_metadata.csv row 4"]


def test_missing_images_are_listed_and_their_absence_is_an_error(rex_folder: Path) -> None:
    (rex_folder / image_name("A1", 1)).unlink()
    found = load_rexgradient(rex_folder)
    assert [problem.item for problem in found.problems] == [str(rex_folder / image_name("A1", 1))]
    (rex_folder / "deid_png").rename(rex_folder / "elsewhere")
    with pytest.raises(DatasetError, match=r"None of the 4 .* put deid_png\.part00"):
        load_rexgradient(rex_folder)


def test_a_renamed_column_and_a_torn_table_are_named(rex_folder: Path) -> None:
    path = rex_folder / "metadata" / "test_metadata_view_position.json"
    whole = path.read_text()
    path.write_text(whole.replace('"ImageViewPosition"', '"View"'))
    with pytest.raises(DatasetError, match="lacks the column 'ImageViewPosition'"):
        load_rexgradient(rex_folder)
    path.write_text(whole[:100])
    with pytest.raises(DatasetError, match="cannot be read as JSON"):
        load_rexgradient(rex_folder)


@pytest.mark.parametrize("compress", [True, False])
def test_only_frontal_images_are_unpacked_from_the_parts(metadata: Path, compress: bool) -> None:
    images = all_images()
    write_parts(metadata, tar_bytes({f"./{name}": content for name, content in images.items()}), compress=compress)
    assert len(load_rexgradient(metadata).table) == 4
    unpacked = {path.relative_to(metadata).as_posix(): path.read_bytes() for path in metadata.rglob("*.png")}
    assert unpacked == {name: content for name, content in images.items() if name.endswith("/1.4.1.png")}
    assert not list(metadata.rglob("*.partial"))


def test_without_views_everything_of_the_studies_is_unpacked_once(metadata: Path) -> None:
    for path in (metadata / "metadata").glob("*.json"):
        path.unlink()
    other = image_name("Z9", 1)
    write_parts(metadata, tar_bytes({**all_images(), other: png_bytes(1)}), compress=True)
    assert len(load_rexgradient(metadata).table) == 8
    assert not (metadata / other).exists()
    for part in metadata.glob("deid_png.part*"):
        part.write_bytes(b"")
    assert len(load_rexgradient(metadata).table) == 8


def test_unpacking_goes_on_where_it_stopped(metadata: Path) -> None:
    archive = tar_bytes(all_images())
    write_parts(metadata, archive[: len(archive) // 2], compress=False)
    with pytest.raises(DatasetError, match=r"damaged or ends early .* the 2 images unpacked so far stay"):
        load_rexgradient(metadata)
    first = next(metadata.rglob("1.4.1.png"))
    before = first.stat().st_mtime_ns
    write_parts(metadata, archive, compress=False)
    assert len(load_rexgradient(metadata).table) == 4
    assert first.stat().st_mtime_ns == before


@pytest.mark.parametrize("compress", [True, False])
def test_an_archive_cut_off_between_two_images_is_noticed(metadata: Path, compress: bool) -> None:
    images = all_images()
    some = dict(list(images.items())[:2])
    ended = tar_bytes(some)
    length = sum(512 + -(-len(content) // 512) * 512 for content in some.values())
    write_parts(metadata, ended[:length], compress=compress)
    with pytest.raises(DatasetError, match="its end is missing"):
        load_rexgradient(metadata)


def test_images_that_the_archive_lacks_are_missing_images(metadata: Path) -> None:
    images = all_images()
    del images[image_name("C1", 1)]
    write_parts(metadata, tar_bytes(images), compress=True)
    found = load_rexgradient(metadata)
    assert [problem.item for problem in found.problems] == [str(metadata / image_name("C1", 1))]


def test_a_torn_compressed_archive_is_said(metadata: Path) -> None:
    write_parts(metadata, tar_bytes(all_images()), compress=True)
    (metadata / "deid_png.part02").unlink()
    with pytest.raises(DatasetError, match="damaged or ends early"):
        load_rexgradient(metadata)


def test_a_missing_part_is_named(metadata: Path) -> None:
    write_parts(metadata, tar_bytes(all_images()), compress=True)
    (metadata / "deid_png.part01").unlink()
    with pytest.raises(DatasetError, match=r"lacks its part deid_png\.part01"):
        load_rexgradient(metadata)


def test_members_that_lead_out_of_the_folder_are_not_unpacked(metadata: Path) -> None:
    for path in (metadata / "metadata").glob("*.json"):
        path.unlink()
    link = tarfile.TarInfo(image_name("A1", 1))
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    names = [
        "deid_png/../../escaped.png",
        "deid_png/A1/accA1/studies/1.2.A1/series/../instances/x.png",
        "/deid_png/A1/x.png",
    ]
    content = dict.fromkeys(names, b"out") | {image_name("A1", 2): png_bytes(3)}
    write_parts(metadata, tar_bytes(content, (link,)), compress=False)
    assert load_rexgradient(metadata).table["image_path"].tolist() == [str(metadata / image_name("A1", 2))]
    assert not [
        path for path in metadata.parent.rglob("*") if path.is_symlink() or path.name in ("escaped.png", "x.png")
    ]


def test_a_full_disk_is_said_and_leaves_no_torn_file(metadata: Path) -> None:
    write_parts(metadata, tar_bytes(all_images()), compress=False)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DatasetError, match=r"could not be written .* make room on the disk"):
            load_rexgradient(metadata)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in (metadata / "deid_png").rglob("*") if path.is_file()]


def run_reader(code: str, cache: Path, **environment: str) -> str:
    """The reader in a process of its own: the hub client reads its settings when it is imported."""
    variables = {**os.environ, "HF_HOME": str(cache), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tables_come_from_the_hub_where_the_folder_has_none(rex_folder: Path, tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for path in (rex_folder / "metadata").glob("*.json"):
        path.unlink()
    (rex_folder / "metadata").rename(hub)
    code = f"""
from core.datasets.sources.rexgradient import load_rexgradient
found = load_rexgradient({str(rex_folder)!r}, hub_name={str(hub)!r})
print(len(found.table), sorted(zip(found.table["patient_id"], found.table["split"]))[::2], found.notes[0])
"""
    printed = run_reader(code, tmp_path / "cache")
    assert printed.startswith(
        "8 [('A1', 'train'), ('A2', 'train'), ('B1', 'val'), ('C1', 'test')] The tables come from"
    )


def test_no_access_to_the_hub_says_what_to_do(tmp_path: Path) -> None:
    code = f"""
from core.datasets.sources.rexgradient import load_rexgradient
from core.datasets.table import DatasetError
try:
    load_rexgradient({str(tmp_path)!r})
except DatasetError as error:
    print(error)
"""
    printed = run_reader(code, tmp_path / "cache", HF_HUB_OFFLINE="1")
    assert "accept the terms on huggingface.co/datasets/rajpurkarlab/ReXGradient-160K and run hf auth login" in printed
    assert "metadata/" in printed
