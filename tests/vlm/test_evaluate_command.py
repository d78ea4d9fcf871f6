import json
from pathlib import Path

import pandas as pd
import pytest
from manifests import EVIDENCE, REFERENCES, manifest

from core.vlm.__main__ import main

FEW = ["--resamples", "20"]


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "base.csv"
    manifest(evidence=[json.dumps(one) for one in EVIDENCE]).to_csv(path, index=False)
    return path


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.jsonl"
    manifest(REFERENCES, evidence=EVIDENCE).to_json(path, orient="records", lines=True)
    return path


def failure(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["evaluate", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_two_systems_side_by_side(csv: Path, jsonl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    given = ["--predictions", str(csv), "--predictions", f"fine-tuned={jsonl}", "--output_dir", str(folder)]
    assert main(["evaluate", *given, *FEW]) == 0
    printed = capsys.readouterr().out
    head = next(line for line in printed.splitlines() if line.strip().startswith("base"))
    assert head.split() == ["base", "fine-tuned", "constant", "tuned", "constant", "template"]
    assert "Less base" in printed
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["systems"]["fine-tuned"]["scores"]["bleu_4"]["value"] == pytest.approx(1, abs=1e-6)
    assert metrics["systems"]["constant"]["baseline"] is True
    assert metrics["systems"]["base"]["scores"]["pathologies"]["Edema"]["f1"]["value"] == 1
    rows = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    assert sorted(set(rows["system"])) == ["base", "constant", "fine-tuned", "template", "tuned constant"]
    assert len(rows) == 5 * 5
    page = (folder / "report.html").read_text()
    assert '<mark class="present" title="Cardiomegaly: present">' in page
    assert "http" not in page.replace("http://www.w3.org/", "")


def test_text_of_a_manifest_is_shown_as_text(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    manifest().assign(findings="<script>alert(1)</script> Mass.").to_csv(path, index=False)
    assert main(["evaluate", "--predictions", str(path), "--output_dir", str(tmp_path / "out"), *FEW]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_bad_manifests_end_with_one_sentence(
    csv: Path, jsonl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def written(text: str, name: str = "bad.csv") -> list[str]:
        (tmp_path / name).write_text(text)
        return ["--predictions", str(tmp_path / name)]

    header = "id,reference_findings,reference_impression,findings,impression\n"
    assert "There is no manifest" in failure(["--predictions", str(tmp_path / "none.csv")], capsys)
    assert "lacks the column 'impression'" in failure(
        written("id,reference_findings,reference_impression,findings\n"), capsys
    )
    assert "has no rows" in failure(written(header), capsys)
    assert "has no rows" in failure(written("", "empty.jsonl"), capsys)
    assert "the id '1' occurs more than once" in failure(written(header + "1,a,b,c,d\n1,a,b,c,d\n"), capsys)
    assert "line 2 is not JSON" in failure(written('{"id": 1}\n{', "bad.jsonl"), capsys)
    assert "line 1 is not a JSON object" in failure(written("[]\n", "list.jsonl"), capsys)
    assert "is a .csv or .jsonl file" in failure(written("", "bad.txt"), capsys)
    assert "cannot be read as CSV" in failure(written(""), capsys)
    shorter = written("".join(jsonl.read_text().splitlines(keepends=True)[:3]), "short.jsonl")
    assert "are not of the same studies" in failure(["--predictions", str(csv), *shorter], capsys)
    assert "Two systems are called 'base'" in failure(["--predictions", str(csv), "--predictions", str(csv)], capsys)


@pytest.mark.parametrize("arguments", [[], ["--predictions", "a.csv", "--dataset", "openi"], ["--dataset", "openi"]])
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", *arguments])
    assert ended.value.code == 2


@pytest.mark.real_data
def test_the_baselines_of_open_i(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torchxrayvision")
    given = [
        "--dataset",
        "openi",
        "--data_dir",
        str(shared_data / "openi"),
        "--output_dir",
        str(tmp_path),
        "--backend",
        "none",
    ]
    assert main(["evaluate", *given, *FEW]) == 0
    assert "590 studies" in capsys.readouterr().out
    scores = json.loads((tmp_path / "metrics.json").read_text())["systems"]["constant"]["scores"]
    found = [scores[f"bleu_{n}"]["value"] for n in range(1, 5)] + [scores["rouge_l"]["value"]]
    assert found == pytest.approx([0.464, 0.301, 0.209, 0.154, 0.373], abs=5e-4)
