"""The small model is one of Hugging Face's, and its tower sees what the classifier sees."""

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from core.classifier import SHIPPED
from core.classifier.checkpoint import load_checkpoint
from core.classifier.ensemble import members_of
from core.vlm.architecture import make_model, train_tokenizer
from core.vlm.chat import chat_prompt
from core.vlm.models import WriterError, load_model
from core.vlm.parts import parts_of
from core.vlm.training_settings import Size


def test_the_folder_opens_through_the_auto_classes_with_the_same_weights(tiny_model):
    model = AutoModelForImageTextToText.from_pretrained(tiny_model)
    again, processor = load_model(tiny_model)
    assert type(model).__name__ == "FastVlmForConditionalGeneration"
    assert AutoProcessor.from_pretrained(tiny_model).tokenizer.vocab_size == processor.tokenizer.vocab_size
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name]), name


def test_the_tower_gives_the_classifiers_last_feature_map(tiny_model):
    model, _ = load_model(tiny_model)
    network, config = load_checkpoint(SHIPPED)
    network = members_of(network, config.architecture)["tf_efficientnet_lite0"]
    grey = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        expected = network.eval().forward_features(grey)
        seen = model.eval().model.vision_tower(grey.expand(-1, 3, -1, -1)).last_hidden_state
    assert torch.allclose(seen, expected, atol=1e-4)


@pytest.mark.parametrize("text", ["The lungs are clear.", "Größe: 2,5 cm, 日本", "", "a\n\nb\tc  d"])
def test_every_text_survives_the_tokenizer(tiny_model, text):
    tokenizer = load_model(tiny_model)[1].tokenizer
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_a_prompt_holds_the_image_once_and_leaves_the_reply_open(tiny_model):
    _, processor = load_model(tiny_model)
    assert chat_prompt(processor, "<image>\nWrite.") == "<|user|><image>Write.<|assistant|>"


@pytest.mark.parametrize(
    ("size", "message"), [(Size(image_side=100), "multiple of 32"), (Size(width=30, heads=4), "number of heads")]
)
def test_impossible_sizes_are_refused(size, message):
    with pytest.raises(ValueError, match=message):
        make_model(train_tokenizer(["a b c"], vocabulary=300), SHIPPED, size)


def test_parts_of_a_model_do_not_overlap(tiny_model):
    model, _ = load_model(tiny_model)
    parts = [{id(weight) for weight in parts_of(model, stage)} for stage in ("vision", "projector", "language")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(list(model.parameters()))


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(WriterError, match=r"config\.json is missing"):
        load_model(tmp_path)


def test_a_broken_model_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "no such kind"}')
    with pytest.raises(WriterError, match="cannot be opened"):
        load_model(tmp_path)
