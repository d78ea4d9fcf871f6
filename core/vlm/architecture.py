"""A small vision-language model in Hugging Face form: convolutional tower, projector, causal language model.

The layout is LLaVA's (Liu et al., NeurIPS 2023) with a convolutional tower as in FastVLM (Vasu et al., CVPR 2025); the
classes are those of transformers, so that a folder with a larger model of any kind takes the same way through
``AutoModelForImageTextToText`` and ``AutoProcessor``.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    FastVlmConfig,
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)

from core.classifier.checkpoint import load_checkpoint
from core.classifier.ensemble import members_of
from core.errors import ChestLensError
from core.vlm.training_settings import Size

PAD, BEGIN, END, IMAGE, USER, ASSISTANT = "<pad>", "<s>", "</s>", "<image>", "<|user|>", "<|assistant|>"
# Pixels of the input that one position of the tower's last feature map stands for.
_STRIDE = 32

_CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for part in message.content %}{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}{% if message.role == 'assistant' %}</s>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train_tokenizer(
    texts: Iterable[str],
    *,
    vocabulary: int,
    units: Sequence[str] = (),
    special: Sequence[str] = (USER, ASSISTANT),
    named: Mapping[str, str] = MappingProxyType({"image_token": IMAGE}),
    begin: str | None = BEGIN,
    end: str = END,
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer (Sennrich et al., ACL 2016) of these texts: every text can be written in it.

    Args:
        texts: to learn from.
        vocabulary: tokens at most, beside the units.
        units: strings that are one token each wherever they stand.
        special: further tokens of the chat format.
        named: further tokens that processors ask for by name, such as ``image_token``.
        begin: token that begins a text, or None.
        end: token that ends an answer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    # Digits apart: figures are rare here and their parts would fill the vocabulary.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(dict.fromkeys([PAD, *filter(None, [begin]), end, *named.values(), *special])),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens([AddedToken(unit, normalized=False) for unit in units])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=begin,
        eos_token=end,
        pad_token=PAD,
        extra_special_tokens=dict(named),
    )


def make_model(
    tokenizer: PreTrainedTokenizerFast, tower_checkpoint: Path, size: Size
) -> tuple[PreTrainedModel, ProcessorMixin]:
    """A model with a trained tower and an untrained projector and language model, and its processor.

    Args:
        tokenizer: from ``train_tokenizer``.
        tower_checkpoint: classifier folder whose network, or the first of several, becomes the vision tower.
        size: of the rest.

    Raises:
        CheckpointError: the folder holds no usable classifier.
        ChestLensError: ``image_side`` is no multiple of 32, or ``width`` none of ``heads``.
    """
    if size.image_side % _STRIDE or size.image_side <= 0:
        raise ChestLensError(f"The image side must be a multiple of {_STRIDE}, not {size.image_side}.")
    if size.width % size.heads:
        raise ChestLensError(f"The width ({size.width}) must be a multiple of the number of heads ({size.heads}).")
    loaded, config = load_checkpoint(tower_checkpoint)
    architecture, network = next(iter(members_of(loaded, config.architecture).items()))
    configuration = FastVlmConfig(
        vision_config={
            "model_type": "timm_wrapper",
            "architecture": architecture,
            "do_pooling": False,
            "hidden_size": network.num_features,
        },
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=size.width,
            intermediate_size=size.feed_forward,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            num_key_value_heads=size.heads,
            max_position_embeddings=size.positions,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=True,
        ),
        image_token_index=tokenizer.get_vocab()[IMAGE],
        tie_word_embeddings=True,
    )
    model = FastVlmForConditionalGeneration(configuration)
    _adopt_tower(model, network)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    side = {"height": size.image_side, "width": size.image_side}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(
            size=side,
            crop_size=side,
            do_center_crop=False,
            image_mean=[config.preprocessing.mean] * 3,
            image_std=[config.preprocessing.std] * 3,
        ),
        tokenizer=tokenizer,
        patch_size=_STRIDE,
        vision_feature_select_strategy="full",
        chat_template=_CHAT_TEMPLATE,
    )
    return model, processor


def _adopt_tower(model: PreTrainedModel, network: torch.nn.Module) -> None:
    """Copy the classifier's layers up to its last feature map."""
    tower = model.model.vision_tower.timm_model
    weights = network.state_dict()
    for name, parameter in tower.state_dict().items():
        if name.endswith("conv_stem.weight") or (parameter.shape != weights[name].shape and parameter.ndim == 4):
            # The classifier has one grey input channel; a third of its weights in each of three equal ones is the same.
            weights[name] = weights[name].expand_as(parameter) / parameter.shape[1]
    tower.load_state_dict({name: weights[name] for name in tower.state_dict()})
