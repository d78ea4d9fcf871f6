"""The data quality report."""

import io
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from core.datasets.quality import assess_quality
from core.datasets.quality.duplicates import near_duplicates
from core.datasets.quality.files import examine_files
from core.datasets.quality.page import write_quality_report
from core.datasets.table import Problem, complete
from core.findings import LABELS
from core.imaging import render_phantom
from core.imaging.resampling import lanczos

phantom = lru_cache(lambda size: render_phantom(size=size))


def person(seed: int, size: int = 256) -> np.ndarray:
    """A phantom with an anatomy of its own; ``render_phantom`` alone always draws the same person."""
    rng = np.random.default_rng(seed)
    bend = [gaussian_filter(rng.normal(0, 1, (size, size)), size / 10) for _ in range(2)]
    grid = np.mgrid[:size, :size] + [field / np.abs(field).max() * size * 0.06 for field in bend]
    return map_coordinates(phantom(size), grid, order=1, mode="nearest")


def save(path: Path, pixels: np.ndarray, **options: Any) -> str:
    Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(path, **options)
    return str(path)


def table_of(paths: list[str], **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame({"image_path": paths, "source": "nih", "split": "train"})
    frame = frame.assign(patient_id=[str(n) for n in range(len(paths))], study_id=[str(n) for n in range(len(paths))])
    return complete(frame.assign(**dict.fromkeys(LABELS, 0.0)).assign(**columns))


def shrunk(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.round(lanczos(pixels.astype(np.float32), (64, 64)) * 255), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Six people, and copies of the first in other shapes, in other splits; assessed."""
    folder = tmp_path_factory.mktemp("images")
    people = [person(seed) for seed in range(6)]
    paths = [save(folder / f"{n}.png", pixels) for n, pixels in enumerate(people)]
    first = people[0]
    paths.append(save(folder / "same.png", first, compress_level=1))
    small = np.clip(lanczos(first.astype(np.float32), (180, 180)), 0, 1)
    paths.append(save(folder / "small.jpg", small, quality=40))
    paths.append(save(folder / "bright.jpg", 0.1 + 0.8 * people[1][6:-4, 3:-7] ** 0.7, quality=60))
    rgb = Image.fromarray(np.round(people[2] * 255).astype(np.uint8)).convert("RGB")
    rgb.save(folder / "rgb.png")
    paths.append(str(folder / "rgb.png"))
    (folder / "broken.png").write_bytes((folder / "1.png").read_bytes()[:2000])
    paths += [str(folder / "broken.png"), str(folder / "absent.png")]
    table = table_of(paths)
    table.loc[7, "split"] = "test"
    table.loc[[0, 6, 7], "patient_id"] = "one"
    table.loc[8, "Mass"] = 1.0
    problems = [Problem("reports.csv row 3", "The age <400> is not an age.")]
    return table, assess_quality(table, problems, workers=1)


def test_copies_are_found_and_different_people_are_not(processed: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    _, result = processed
    pairs = {
        (pair["kind"], Path(pair["first"]).name, Path(pair["second"]).name) for pair in result["duplicates"]["pairs"]
    }
    assert pairs == {
        ("exact", "0.png", "same.png"),
        ("exact", "2.png", "rgb.png"),
        ("near", "0.png", "small.jpg"),
        ("near", "1.png", "bright.jpg"),
    }


def test_leaks_and_contradictions_of_duplicates_are_reported(processed: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    _, result = processed
    by_second = {Path(pair["second"]).name: pair for pair in result["duplicates"]["pairs"]}
    assert by_second["small.jpg"]["across_splits"]
    assert sorted(by_second["small.jpg"]["splits"]) == ["test", "train"]
    assert not by_second["same.png"]["across_splits"]
    assert by_second["bright.jpg"]["different_labels"] == ["Mass"]
    assert by_second["bright.jpg"]["different_patients"]
    assert not by_second["same.png"]["different_patients"]
    to_fix = " ".join(item["text"] for item in result["summary"] if item["level"] == "fix")
    for part in ("1 pair of duplicates lies in two splits", "2 pairs of duplicates carry different patient ids"):
        assert part in to_fix


def test_broken_and_missing_files_are_counted_and_listed(processed: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    _, result = processed
    assert [Path(item["item"]).name for item in result["files"]["unreadable"]] == ["broken.png"]
    assert [Path(name).name for name in result["files"]["missing"]] == ["absent.png"]
    train = next(row for row in result["counts"] if row["split"] == "train")
    assert (train["images"], train["patients"], train["missing"], train["unreadable"]) == (11, 10, 1, 1)


def test_a_patient_in_two_splits_is_reported_and_equal_ids_of_two_sources_are_not(
    processed: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    _, result = processed
    assert result["patients_in_several_splits"] == [{"patient": "nih:one", "splits": ["test", "train"]}]
    paths = [save(tmp_path / f"{n}.png", person(n)) for n in range(2)]
    other = table_of(paths, patient_id="7", source=["nih", "openi"], split=["train", "test"])
    assert assess_quality(other, workers=1)["patients_in_several_splits"] == []


def test_the_page_is_whole_and_loads_nothing(processed: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path) -> None:
    _, result = processed
    page = write_quality_report(result, tmp_path / "report").read_text()
    assert json.loads((tmp_path / "report/quality.json").read_text()) == result
    assert not re.search(r"""(?:src|href|url)\s*[=(]\s*["']?[^"'#\s]""", page)
    assert "<script" not in page
    assert set(re.findall(r"https?://[^\"'\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    for text in ("broken.png", "absent.png", "small.jpg", "The age &lt;400&gt; is not an age.", "<svg"):
        assert text in page


def test_many_images_are_searched_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    people = np.stack([shrunk(person(seed, 96)) for seed in range(80)])
    copies = np.stack([np.clip(people[n].astype(float) * 0.8 + 20, 0, 255).astype(np.uint8) for n in (3, 41)])
    monkeypatch.setattr("core.datasets.quality.duplicates._BLOCK", 17)
    pairs = near_duplicates(np.concatenate([people, copies]))
    assert {(pair.first, pair.second) for pair in pairs} == {(3, 80), (41, 81)}


def synthetic_files(folder: Path, sides: list[int]) -> list[str]:
    rng = np.random.default_rng(0)
    return [save(folder / f"{n}.png", rng.uniform(0, 1, (side, side))) for n, side in enumerate(sides)]


def test_a_planted_shortcut_is_flagged_and_chance_is_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    mass = rng.integers(0, 2, 120)
    sides = [80 if present and rng.random() < 0.9 else 64 for present in mass]
    table = table_of(synthetic_files(tmp_path, sides), Mass=mass.astype(float), Edema=rng.integers(0, 2, 120) * 1.0)
    table["source"] = np.where(rng.random(120) < 0.5, "nih", "openi")
    found = assess_quality(table, workers=1)["confounding"]["associations"]
    flagged = {(item["label"], item["feature"]) for item in found if item["flagged"]}
    assert ("Mass", "image width") in flagged
    assert not any(label == "Edema" or feature == "source" for label, feature in flagged)
    assert {("Edema", "source"), ("Edema", "image width")} <= {(item["label"], item["feature"]) for item in found}
    table["source"] = np.where(mass == 1, "nih", "openi")
    result = assess_quality(table, workers=1)
    by_source = next(
        item for item in result["confounding"]["associations"] if (item["label"], item["feature"]) == ("Mass", "source")
    )
    assert by_source["auroc"] == 1.0
    assert by_source["flagged"]
    assert any("By source alone" in item["text"] for item in result["summary"])


def test_unknown_labels_do_not_count_as_absent(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{n}.png", person(n, 96)) for n in range(4)]
    rows = assess_quality(table_of(paths, Mass=[1.0, 0.0, np.nan, np.nan]), workers=1)["prevalence"]
    row = next(row for row in rows if row["label"] == "Mass")
    assert (row["known"], row["positive"], row["prevalence"], row["unknown_share"]) == (2, 1, 0.5, 0.5)


def test_coverage_of_patient_records(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{n}.png", person(n, 96)) for n in range(4)]
    full = {"Age": 72, "Sex": "M", "Vitals": {"heart_rate": {"value": 96, "unit": "bpm"}}, "Labs": {}}
    records = [json.dumps(full), json.dumps({"Age": 40, "Chronic_conditions": ["COPD"]}), None, "{torn"]
    rows = assess_quality(table_of(paths, ehr=records), workers=1)["ehr"]
    assert {row["field"]: row["share"] for row in rows} == {
        "Age": 0.5,
        "Sex": 0.25,
        "Vital: heart_rate": 0.25,
        "Chronic conditions": 0.25,
        "O2 device": 0.0,
    }


def test_a_second_pass_reads_only_changed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [save(tmp_path / f"{n}.png", person(n, 96)) for n in range(3)]
    first = examine_files(paths, cache_dir=tmp_path / "cache", workers=1)
    save(tmp_path / "1.png", person(9, 96))
    read: list[str] = []

    def watched(work: Any, items: list[str], **_: Any) -> Any:
        read.extend(items)
        return ((item, work(item)) for item in items)

    monkeypatch.setattr("core.datasets.quality.files.in_processes", watched)
    second = examine_files(paths, cache_dir=tmp_path / "cache")
    assert read == [paths[1]]
    assert list(first.facts["digest"] == second.facts["digest"]) == [True, False, True]
    assert (first.thumbnails[[0, 2]] == second.thumbnails[[0, 2]]).all()
    (tmp_path / "cache/quality_files.npz").write_bytes(b"PK torn")
    assert len(examine_files(paths, cache_dir=tmp_path / "cache").facts) == 3


@pytest.mark.real_data
def test_real_people_are_told_apart_and_their_altered_copies_found(shared_data: Path) -> None:
    paths = sorted((shared_data / "nih/images").iterdir())[::8]
    patients = [path.name.split("_")[0] for path in paths]
    thumbnails, copies = [], []
    for path in paths:
        with Image.open(path) as image:
            grey = image.convert("L")
        thumbnails.append(shrunk(np.asarray(grey) / 255))
    for path in paths[::12]:
        with Image.open(path) as image:
            grey = image.convert("L")
        file = io.BytesIO()
        grey.crop((9, 5, grey.width - 7, grey.height - 10)).resize((300, 300)).point(lambda v: int(v * 0.8 + 25)).save(
            file, "JPEG", quality=40
        )
        with Image.open(file) as altered:
            copies.append(shrunk(np.asarray(altered) / 255))
    pairs = near_duplicates(np.stack(thumbnails + copies))
    expected = {(12 * number, len(paths) + number) for number in range(len(copies))}
    found = {(pair.first, pair.second) for pair in pairs}
    assert len(expected - found) <= 1
    assert all(
        first < len(paths) and second < len(paths) and patients[first] == patients[second]
        for first, second in found - expected
    )
