"""Small classifiers of the libraries' own classes with random weights, saved as their users save them."""

import json
from pathlib import Path

import timm
import torch
from timm.models import save_for_hf
from torch import nn
from transformers import (
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextImageProcessor,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

CHEXPERT = ("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Edema", "Pleural Effusion")
CLASSES = ("NORMAL", "PNEUMONIA")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def save_transformers(kind: str, folder: Path) -> None:
    """Write a ``vit``, ``swin``, ``resnet`` or ``convnext`` as ``save_pretrained`` does."""
    torch.manual_seed(0)
    network = _network(kind)
    _spread(network)
    network.save_pretrained(folder)
    if kind == "convnext":  # the one kind whose size is that of the shortest edge
        ConvNextImageProcessor(size={"shortest_edge": 64}).save_pretrained(folder)
    else:
        ViTImageProcessor(size={"height": 64, "width": 64}, image_mean=MEAN, image_std=STD).save_pretrained(folder)


def save_timm(architecture: str, folder: Path, *, labels: tuple[str, ...] = CHEXPERT, side: int = 64) -> nn.Module:
    """Write a timm network as its authors put it on the hub, and return it."""
    torch.manual_seed(0)
    size = {"img_size": side} if "resnet" not in architecture and "convnext" not in architecture else {}
    small = {"embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2), "window_size": 4} if "swin" in architecture else {}
    network = timm.create_model(architecture, pretrained=False, num_classes=len(labels), **size, **small).eval()
    _spread(network)
    network.pretrained_cfg = network.pretrained_cfg | {"input_size": (3, side, side), "mean": MEAN, "std": STD}
    save_for_hf(network, folder, model_config={"label_names": labels}, model_args=size | small, safe_serialization=True)
    return network


def forget_labels(folder: Path) -> None:
    """Name the outputs as a network's authors do who never thought of it."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["id2label"] = {index: f"LABEL_{index}" for index in config["id2label"]}
    path.write_text(json.dumps(config))


def _network(kind: str) -> PreTrainedModel:
    many = {"id2label": dict(enumerate(CHEXPERT)), "problem_type": "multi_label_classification"}
    two = {"id2label": dict(enumerate(CLASSES)), "problem_type": "single_label_classification"}
    if kind == "vit":
        size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
        return ViTForImageClassification(ViTConfig(image_size=64, patch_size=8, **size, **two))
    if kind == "swin":
        size = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4}
        return SwinForImageClassification(SwinConfig(image_size=64, patch_size=4, **size, **many))
    stages = {"hidden_sizes": [16, 32], "depths": [1, 1]}
    if kind == "resnet":
        config = ResNetConfig(embedding_size=16, layer_type="basic", downsample_in_first_stage=True, **stages, **two)
        return ResNetForImageClassification(config)
    return ConvNextForImageClassification(ConvNextConfig(num_stages=2, **stages, **many))


@torch.no_grad()
def _spread(network: nn.Module) -> None:
    """Make outputs differ: a fresh head hardly looks at its input."""
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.mul_(4)
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            layer.bias.normal_(std=0.3)
