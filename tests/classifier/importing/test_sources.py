import io
import json
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from public_models import forget_labels, save_timm, save_transformers
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification, ViTModel

import evaluate
from core.__main__ import main
from core.classifier import SHIPPED, CheckpointError, Classifier, load_checkpoint, load_config
from core.classifier.importing import checkpoint_folder
from core.findings import LABELS
from core.imaging import Radiograph, render_phantom
from core.settings import ServerSettings
from core.web import create_app, services_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved ``vit`` (NORMAL, PNEUMONIA) and a saved ``resnet`` of timm (names of CheXpert)."""
    folder = tmp_path_factory.mktemp("saved")
    save_transformers("vit", folder / "vit")
    save_timm("test_resnet", folder / "timm")
    return folder


@pytest.fixture
def vit(saved: Path, tmp_path: Path) -> Path:
    """A copy of the saved network that a test may spoil."""
    return Path(shutil.copytree(saved / "vit", tmp_path / "vit"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where networks that are imported on the way are kept."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "chestlens"


@pytest.fixture
def said(capsys: pytest.CaptureFixture, tmp_path: Path) -> Callable[..., str]:
    """Import a source in vain, and what is said of it."""

    def fail(source: object, *options: str) -> str:
        assert main(["import", str(source), "--output_dir", str(tmp_path / "out"), *options]) == 1
        sentence = capsys.readouterr().err
        assert sentence.startswith("error: ")
        assert sentence.count("\n") == 1
        assert not (tmp_path / "out").exists()
        return sentence

    return fail


def phantom() -> Radiograph:
    return Radiograph(render_phantom(size=128))


def test_unnamed_outputs_are_told_by_a_file(vit: Path, said: Callable[..., str], tmp_path: Path) -> None:
    expected = Classifier(checkpoint_folder(vit)).predict(phantom()).probabilities
    forget_labels(vit)
    assert "(LABEL_0, LABEL_1)" in said(vit)
    labels = tmp_path / "map.yaml"
    labels.write_text("LABEL_1: Pneumonia\n")
    assert main(["import", str(vit), "--labels", str(labels), "--output_dir", str(tmp_path / "out")]) == 0
    found = Classifier(tmp_path / "out").predict(phantom()).probabilities
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_head_that_nothing_tells_of_is_said_and_can_be_given(
    vit: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = json.loads((vit / "config.json").read_text())
    del config["problem_type"]
    (vit / "config.json").write_text(json.dumps(config))
    assert main(["import", str(vit), "--output_dir", str(tmp_path / "told")]) == 0
    assert "exclude each other (softmax) unless --head says otherwise" in capsys.readouterr().out
    assert main(["import", str(vit), "--head", "sigmoid", "--output_dir", str(tmp_path / "given")]) == 0
    assert "--head" not in capsys.readouterr().out
    assert load_config(tmp_path / "told").imported.head == "softmax"
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        normal, pneumonia = ViTForImageClassification.from_pretrained(vit).eval()(x).logits[0]
    assert normal != 0
    for folder, logit in (("told", pneumonia - normal), ("given", pneumonia)):
        network, _ = load_checkpoint(tmp_path / folder)
        torch.testing.assert_close(network.logits_of(torch.stack([normal, pneumonia])[None])[0, 0], logit)


def test_an_input_that_nothing_tells_of_is_said(vit: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (vit / "preprocessor_config.json").unlink()
    assert main(["import", str(vit), "--output_dir", str(tmp_path / "out")]) == 0
    sentence = "64 x 64 pixels and ImageNet's mean and deviation are assumed"
    assert sentence in capsys.readouterr().out
    assert sentence in (tmp_path / "out" / "README.md").read_text()


def test_rescaling_that_is_not_to_one_is_kept(vit: Path, tmp_path: Path) -> None:
    path = vit / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {
        "rescale_factor": 1 / 127.5,
        "image_mean": [1, 1, 1],
        "image_std": [1] * 3,
    }
    path.write_text(json.dumps(settings))
    assert main(["import", str(vit), "--output_dir", str(tmp_path / "out")]) == 0
    architecture = load_config(tmp_path / "out").imported
    assert architecture.mean == pytest.approx((0.5,) * 3)
    assert architecture.std == pytest.approx((0.5,) * 3)


def test_weights_without_a_trained_head_are_refused(
    vit: Path, said: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ViTModel(ViTConfig.from_pretrained(vit)).save_pretrained(tmp_path / "body")
    capsys.readouterr()
    assert "no trained image classifier: its weights lack classifier" in said(tmp_path / "body")
    weights = load_file(vit / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "classifier" not in name}, vit / "model.safetensors")
    assert "its weights lack classifier" in said(vit)


def test_code_of_a_models_own_is_never_run(vit: Path, said: Callable[..., str], tmp_path: Path) -> None:
    traces = tmp_path / "ran"
    (vit / "own.py").write_text(f"open({str(traces)!r}, 'w')\nclass OwnConfig: ...\nclass Own: ...\n")
    config = json.loads((vit / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForImageClassification": "own.Own"}}
    (vit / "config.json").write_text(json.dumps(config))
    assert main(["import", str(vit), "--output_dir", str(tmp_path / "known")]) == 0
    assert "auto_map" not in (tmp_path / "known" / "config.json").read_text()
    (vit / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
    assert "without code of its own" in said(vit)
    assert not traces.exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_type": "vit"}', '{"architecture": "no_such_net"}'])
def test_a_folder_of_something_else_is_said_in_one_sentence(
    text: str, said: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text(text)
    said(tmp_path / "other")


def test_torn_weights_are_said_in_one_sentence(vit: Path, said: Callable[..., str]) -> None:
    data = (vit / "model.safetensors").read_bytes()
    (vit / "model.safetensors").write_bytes(data[: len(data) // 2])
    assert "no image classifier that the installed libraries can load" in said(vit)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*arguments: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_hub_is_said_to_be_out_of_reach(said: Callable[..., str], tmp_path: Path) -> None:
    assert "go online, or download it elsewhere" in said("hf:someone/lungs", "--cache_dir", str(tmp_path / "hub"))
    assert "hf:OWNER/MODEL" in said("hf:a/b/c")


@pytest.mark.usefixtures("offline")
def test_a_model_of_the_hub_that_was_downloaded_before_needs_no_network(saved: Path, tmp_path: Path) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    kept = tmp_path / "hub" / "models--someone--lungs"
    shutil.copytree(saved / "vit", kept / "snapshots" / revision)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(revision)
    command = ["import", "hf:someone/lungs", "--output_dir", str(tmp_path / "out")]
    assert main([*command, "--cache_dir", str(tmp_path / "hub")]) == 0
    assert load_config(tmp_path / "out").name == "someone/lungs"
    assert np.isfinite(Classifier(tmp_path / "out").predict(phantom()).probabilities[LABELS.index("Pneumonia")])


@pytest.mark.usefixtures("offline")
def test_a_folder_needs_no_network(saved: Path) -> None:
    assert Classifier(checkpoint_folder(saved / "vit")).config.label_names == ("Pneumonia",)
    assert Classifier(checkpoint_folder(saved / "timm")).config.label_names == ("Cardiomegaly", "Edema", "Effusion")


def test_a_checkpoint_is_served_as_it_is_and_another_folder_is_imported_once(saved: Path, cache: Path) -> None:
    first = checkpoint_folder(saved / "timm")
    assert first.parent == cache
    written = (first / "model.safetensors").stat().st_mtime_ns
    assert checkpoint_folder(saved / "timm") == first
    assert (first / "model.safetensors").stat().st_mtime_ns == written
    assert checkpoint_folder(first) == first


def test_a_damaged_checkpoint_of_ours_is_not_taken_for_a_strangers(tmp_path: Path, settings: ServerSettings) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "damaged"))
    config = json.loads((folder / "config.json").read_text())
    config["calibration"]["slopes"][0] = float("nan")
    (folder / "config.json").write_text(json.dumps(config))
    assert checkpoint_folder(folder) == folder
    with pytest.raises(CheckpointError, match="slopes are not all numbers above 0"):
        create_app(replace(settings, checkpoint=folder))


def test_public_weights_are_evaluated_by_the_same_command(saved: Path, nih_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "evaluation"
    command = ["--model_path", str(saved / "timm"), "--dataset", "nih", "--data_dir", str(nih_folder)]
    assert evaluate.main([*command, "--split", "train", "--output_dir", str(output)]) == 0
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["per_label"]["Effusion"]["auroc"] is not None
    assert metrics["per_label"]["Mass"]["auroc"] is None


def test_public_weights_are_calibrated_on_a_users_validation_images(
    saved: Path, nih_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "checkpoint"
    assert main(["import", str(saved / "timm"), "--output_dir", str(folder)]) == 0
    before = load_config(folder)
    assert set(before.policies) == set()
    data = ["--dataset", "nih", "--data_dir", str(nih_folder), "--split_fractions", "0.5", "0.5", "0"]
    assert main(["decide", str(folder), *data]) == 0
    after = load_config(folder)
    assert set(after.policies) == {"reading", "screening", "specific"}
    assert after.calibration != before.calibration
    validated = after.provenance["validation_studies"]
    assert 0 < len(validated) < 24
    command = ["--model_path", str(folder), *data[:4], "--split", "val", "--output_dir", str(tmp_path / "out")]
    assert evaluate.main(command) == 0
    predicted = (tmp_path / "out" / "predictions.csv").read_text().splitlines()[1:]
    assert sorted(Path(line.split(",")[0]).stem for line in predicted) == validated


def test_public_weights_are_served_by_the_page(saved: Path, settings: ServerSettings, phantom_png_bytes: bytes) -> None:
    app = create_app(replace(settings, checkpoint=saved / "vit"))
    try:
        client = app.test_client()
        created = client.post("/api/studies", data={"file": (io.BytesIO(phantom_png_bytes), "chest.png")})
        assert created.status_code == 201
        for _ in range(600):
            study = client.get(created.headers["Location"]).json
            if study["status"] in ("done", "failed"):
                break
            time.sleep(0.05)
    finally:
        services_of(app).close()
    assert study["status"] == "done"
    assert study["model"]["architecture"] == "ViTForImageClassification"
    probabilities = {finding["name"]: finding["probability"] for finding in study["findings"]}
    assert 0 < probabilities["Pneumonia"] < 1
    assert probabilities["Mass"] is None
    assert "Pneumonia" in study["heatmaps"]
