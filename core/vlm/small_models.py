"""Small models of the true classes of published report writers, with the processors that those classes really have.

Every path of training and writing can be tried on them without a download: their layers, parameter names, image
inputs and chat formats are those of the large models, only their sizes are not. ``python -m core.vlm create
--architecture NAME`` writes one.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3ImageProcessor,
    Gemma3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    MistralConfig,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessor,
    MllamaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from core.errors import ChestLensError
from core.vlm.architecture import train_tokenizer
from core.vlm.training_settings import ARCHITECTURES

Made = tuple[PreTrainedModel, ProcessorMixin]

_WIDTH, _LAYERS, _HEADS, _VISION_LAYERS = 32, 2, 2, 3
_POSITIONS = 2048
_TEXT = {
    "hidden_size": _WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": _LAYERS,
    "num_attention_heads": _HEADS,
    "num_key_value_heads": 1,
    "max_position_embeddings": _POSITIONS,
}

# Chat formats as the published checkpoints have them, for a user's turn with one image and the answer.
_LLAVA_CHAT = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' ' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
_MISTRAL_CHAT = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}[INST] "
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<image>\n{% else %}"
    "{{ content['text'] }}{% endif %}{% endfor %} [/INST]{% else %}"
    " {% for content in message['content'] %}{{ content['text'] }}{% endfor %}{{ eos_token }}{% endif %}{% endfor %}"
)
_QWEN_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ content['text'] }}"
    "{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_MLLAMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' %}<|image|>{% else %}"
    "{{ content['text'] }}{% endif %}{% endfor %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
_GEMMA_CHAT = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<start_of_image>{% else %}{{ content['text'] | trim }}{% endif %}{% endfor %}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def _llava(texts: Iterable[str], language: str) -> Made:
    tokenizer = train_tokenizer(texts, vocabulary=420, named={"image_token": "<image>"})
    text: dict[str, Any] = _tokens_of(tokenizer) | _TEXT
    configuration = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=_VISION_LAYERS,
            num_attention_heads=2,
            image_size=56,
            patch_size=14,
            projection_dim=24,
        ),
        text_config=LlamaConfig(**text) if language == "llama" else MistralConfig(**text, sliding_window=None),
        image_token_index=_id(tokenizer, "<image>"),
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        image_seq_length=16,
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_LLAVA_CHAT if language == "llama" else _MISTRAL_CHAT,
    )
    return LlavaForConditionalGeneration(configuration), processor


def _qwen(texts: Iterable[str]) -> Made:
    named = {
        "image_token": "<|image_pad|>",
        "video_token": "<|video_pad|>",
        "vision_bos_token": "<|vision_start|>",
        "vision_eos_token": "<|vision_end|>",
    }
    special = ("<|im_start|>", "<|im_end|>")
    tokenizer = train_tokenizer(texts, vocabulary=420, special=special, named=named, begin=None, end="<|im_end|>")
    ids = {name: _id(tokenizer, token) for name, token in named.items()}
    head = _WIDTH // _HEADS
    rotary = {"rope_type": "default", "mrope_section": [head // 4, head // 8, head // 8], "rope_theta": 1e6}
    configuration = Qwen2_5_VLConfig(
        vision_config={
            "depth": _VISION_LAYERS,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": _WIDTH,
            "patch_size": 14,
            "fullatt_block_indexes": [1],
            "window_size": 56,
        },
        text_config=_tokens_of(tokenizer) | _TEXT | {"rope_parameters": rotary},
        image_token_id=ids["image_token"],
        video_token_id=ids["video_token"],
        vision_start_token_id=ids["vision_bos_token"],
        vision_end_token_id=ids["vision_eos_token"],
    )
    size = {"shortest_edge": 56 * 56, "longest_edge": 84 * 84}
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=size),
        chat_template=_QWEN_CHAT,
    )
    return Qwen2_5_VLForConditionalGeneration(configuration), processor


def _mllama(texts: Iterable[str]) -> Made:
    special = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|python_tag|>")
    tokenizer = train_tokenizer(
        texts, vocabulary=420, special=special, named={"image_token": "<|image|>"}, end="<|eot_id|>"
    )
    text = _tokens_of(tokenizer) | _TEXT
    configuration = MllamaConfig(
        vision_config={
            "hidden_size": 24,
            "intermediate_size": 32,
            "num_hidden_layers": _VISION_LAYERS,
            "num_global_layers": 1,
            "attention_heads": 2,
            "intermediate_layers_indices": [0, 1],
            "image_size": 56,
            "patch_size": 14,
            "max_num_tiles": 2,
            "vision_output_dim": 72,
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        text_config=text | {"num_hidden_layers": 3, "cross_attention_layers": [1]},
        image_token_index=_id(tokenizer, "<|image|>"),
    )
    processor = MllamaProcessor(
        image_processor=MllamaImageProcessor(size={"height": 56, "width": 56}, max_image_tiles=2),
        tokenizer=tokenizer,
        chat_template=_MLLAMA_CHAT,
    )
    model = MllamaForConditionalGeneration(configuration)
    for name, parameter in model.named_parameters():
        if name.endswith("gate"):
            # Closed at first, which only long training opens.
            torch.nn.init.constant_(parameter, 0.5)
    return model, processor


def _gemma(texts: Iterable[str]) -> Made:
    named = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    special = ("<start_of_turn>", "<end_of_turn>")
    tokenizer = train_tokenizer(texts, vocabulary=420, special=special, named=named)
    ids = {name: _id(tokenizer, token) for name, token in named.items()}
    configuration = Gemma3Config(
        vision_config={
            "hidden_size": 24,
            "intermediate_size": 32,
            "num_hidden_layers": _VISION_LAYERS,
            "num_attention_heads": 2,
            "image_size": 56,
            "patch_size": 14,
            "vision_use_head": False,
        },
        text_config=_tokens_of(tokenizer)
        | _TEXT
        | {"head_dim": 16, "sliding_window": 512, "query_pre_attn_scalar": 16},
        mm_tokens_per_image=4,
        boi_token_index=ids["boi_token"],
        eoi_token_index=ids["eoi_token"],
        image_token_index=ids["image_token"],
    )
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessor(size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=_GEMMA_CHAT,
    )
    model = Gemma3ForConditionalGeneration(configuration)
    # Zero at first: nothing of the image would come through.
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.1)
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, _id(tokenizer, "<end_of_turn>")]
    return model, processor


_MAKERS: dict[str, Callable[[Iterable[str]], Made]] = {
    "llava-llama": lambda texts: _llava(texts, "llama"),
    "llava-mistral": lambda texts: _llava(texts, "mistral"),
    "qwen2.5-vl": _qwen,
    "mllama": _mllama,
    "gemma3": _gemma,
}


def make_small(architecture: str, texts: Iterable[str], *, seed: int = 0) -> Made:
    """An untrained model of some ten thousand weights, and its processor.

    Args:
        architecture: one of ``ARCHITECTURES``.
        texts: what the tokenizer learns from.
        seed: of the weights.

    Raises:
        ChestLensError: there is no such architecture.
    """
    if architecture not in _MAKERS:
        raise ChestLensError(f"There is no architecture {architecture!r}; choose one of {', '.join(ARCHITECTURES)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = _MAKERS[architecture](texts)
    tokenizer = processor.tokenizer
    if model.generation_config.eos_token_id is None:
        model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, processor


def _id(tokenizer: PreTrainedTokenizerFast, token: str) -> int:
    return int(tokenizer.get_vocab()[token])


def _tokens_of(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
