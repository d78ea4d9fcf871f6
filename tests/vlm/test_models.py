"""What cannot be opened is told in one sentence that says which of many things is wrong, before anything is loaded."""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.vlm import models
from core.vlm.adapters import attach, save_adapter
from core.vlm.backends import Decoding
from core.vlm.merging import merge
from core.vlm.models import Opening, WriterError, fingerprint, load_model, needed_bytes
from core.vlm.small_models import make_small
from core.vlm.training import train_writer
from core.vlm.training_settings import StageSettings
from core.vlm.writer import Writer

TEXTS = ["Write the Findings and the Impression. The heart is normal. No pleural effusion."] * 20


def saved(folder, architecture="llava-llama", seed=0):
    model, processor = make_small(architecture, TEXTS, seed=seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    model, processor = load_model(base)
    adapted = attach(model, "lora-16")
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    save_adapter(adapted, base, folder)
    processor.save_pretrained(folder)
    return folder


def refused(source, message, opening=None):
    with pytest.raises(WriterError, match=message) as failure:
        load_model(source, opening)
    assert "\n" not in str(failure.value)


def test_an_unknown_folder(tmp_path):
    refused(tmp_path / "nowhere", r"holds no model \(config\.json is missing\)")


def test_an_unknown_name_on_the_hub(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    refused("hf:nobody/nothing-of-this-name", "nobody/nothing-of-this-name cannot be had from the Hugging Face hub")
    refused("hf:a b c", "cannot be had")


def test_a_model_of_the_wrong_architecture(tmp_path):
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=50)
    BertModel(config).save_pretrained(tmp_path)
    refused(tmp_path, "wrong architecture: BertModel is no model that reads images")


def test_code_that_comes_with_a_model_is_not_run_unasked(base, tmp_path):
    shutil.copytree(base, tmp_path / "model")
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageTextToText": "own.Model"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    (tmp_path / "model" / "own.py").write_text("raise SystemExit('the code ran')")
    refused(tmp_path / "model", "code of its own, which is not run unless --trust_remote_code")


def test_weights_that_are_missing(base, tmp_path):
    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / "model.safetensors").unlink()
    refused(tmp_path / "model", "no weights in safetensors form")


def test_memory_that_does_not_suffice_is_told_before_loading(base, monkeypatch):
    size = (base / "model.safetensors").stat().st_size
    assert size < needed_bytes(base) < 1.3 * size
    assert needed_bytes(base, "bf16") == pytest.approx(needed_bytes(base) / 2, rel=0.01)
    monkeypatch.setattr(models, "available_bytes", lambda: size // 2)
    monkeypatch.setattr(models.AutoModelForImageTextToText, "from_pretrained", lambda *_, **__: pytest.fail("loaded"))
    refused(base, r"needs about 0\.0 GB of memory, and 0\.0 GB are free")


def test_four_bits_without_their_package_are_told(base, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(base, "in 4 bits needs the package bitsandbytes", Opening(precision="4bit"))


def test_what_is_adapted_or_merged_from_a_writer_of_reports_answers_no_more_questions_than_it_does(tmp_path):
    model, processor = make_small("llava-llama", TEXTS)
    model.config.answers_questions = False
    for part in (model, processor):
        part.save_pretrained(tmp_path / "base")
    save_adapter(attach(load_model(tmp_path / "base")[0], "lora-16"), tmp_path / "base", tmp_path / "adapter")
    merge(tmp_path / "adapter", tmp_path / "merged")
    assert not any(Writer(tmp_path / name).answers_questions for name in ("base", "adapter", "merged"))


def test_four_bits_write_on_a_cpu_too_and_take_a_quarter_of_the_memory(base):
    four_bit = pytest.importorskip("bitsandbytes").nn.Linear4bit
    model, _ = load_model(base, Opening(precision="4bit"))
    whole, _ = load_model(base, Opening(precision="bf16"))
    layers = {name: module for name, module in model.named_modules() if isinstance(module, four_bit)}
    assert {name.rpartition(".")[2] for name in layers} >= {"q_proj", "up_proj", "down_proj"}
    for name, layer in layers.items():
        assert layer.weight.quant_type == "nf4"
        assert 4 * layer.weight.nbytes == whole.get_submodule(name).weight.nbytes, "half a byte instead of two"
    writer = Writer(base, Decoding(temperature=0, max_new_tokens=4), opening=Opening(precision="4bit"))
    grey = Image.new("RGB", (64, 64), "gray")
    assert writer.answer(grey, "Write.", seed=1) == writer.answer(grey, "Write.", seed=1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_training_in_four_bits_without_a_gpu(base, tmp_path):
    with pytest.raises(ValueError, match="qlora keeps the base model in 4 bits, which needs an NVIDIA GPU"):
        train_writer("language", base, tmp_path, tmp_path / "run", StageSettings(preset="qlora"))


def test_an_adapter_that_is_missing(base, adapter, tmp_path):
    refused(base, r"holds no adapter \(adapter_config\.json is missing\)", Opening(adapter=str(tmp_path)))
    shutil.copy(adapter / "adapter_config.json", tmp_path)
    refused(base, "holds no adapter weights", Opening(adapter=str(tmp_path)))
    with pytest.raises(WriterError, match="holds no adapter"):
        merge(tmp_path / "nowhere", tmp_path / "out")


def test_an_adapter_whose_base_is_gone(adapter, tmp_path):
    shutil.copytree(adapter, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    refused(tmp_path / "adapter", "belongs to .*gone, which is not there")


@pytest.mark.parametrize("other", ["another class", "other weights", "other shapes"])
def test_an_adapter_of_another_base(adapter, tmp_path, other):
    base = saved(tmp_path / "base", "qwen2.5-vl") if other == "another class" else saved(tmp_path / "base", seed=1)
    if other == "other shapes":
        shutil.copytree(adapter, tmp_path / "adapter")
        (tmp_path / "adapter" / "base.json").unlink()
        weights = load_file(tmp_path / "adapter" / "adapter_model.safetensors")
        wide = {name: torch.cat([one, one], dim=1) if "lora_A" in name else one for name, one in weights.items()}
        save_file(wide, tmp_path / "adapter" / "adapter_model.safetensors")
        adapter = tmp_path / "adapter"
    refused(base, "is of another base", Opening(adapter=str(adapter)))


def test_an_adapter_opens_by_its_own_name_and_by_its_bases(base, adapter):
    weights = []
    for source, opening in ((adapter, None), (base, Opening(adapter=str(adapter)))):
        model, _ = load_model(source, opening)
        weights.append({name: weight for name, weight in model.named_parameters() if "lora_" in name})
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert json.loads((adapter / "base.json").read_text())["fingerprint"] == fingerprint(base)


def test_an_adapter_is_merged_before_it_is_trained_on(adapter, tmp_path):
    (tmp_path / "train.json").write_text(
        '[{"image": "a.png", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}]'
    )
    (tmp_path / "val.json").write_text((tmp_path / "train.json").read_text())
    with pytest.raises(ValueError, match="is an adapter: merge it with its base first"):
        train_writer("language", adapter, tmp_path, tmp_path / "run", StageSettings())


def test_a_model_without_a_chat_template_is_named_so(base, tmp_path, phantom_png_bytes):
    from PIL import Image

    from core.vlm.writer import Writer

    shutil.copytree(base, tmp_path / "model")
    (tmp_path / "model" / "chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="no chat template"):
        Writer(tmp_path / "model").answer(Image.new("RGB", (64, 64)), "Write.", seed=1)
