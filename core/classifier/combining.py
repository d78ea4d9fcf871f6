"""Checkpoints to one checkpoint that gives the mean of their networks, calibrated anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from core.classifier.checkpoint import CheckpointConfig, CheckpointError, load_checkpoint
from core.classifier.ensemble import SEPARATOR, MeanOfNetworks, members_in
from core.classifier.errors import ClassifierError
from core.classifier.heatmaps import evidence_maps, has_linear_head
from core.classifier.training.images import TrainingImages
from core.classifier.training.outcome import save_calibrated
from core.classifier.training.validation import aurocs_of, predict_logits
from core.datasets import patient_keys
from core.findings import LABELS


def combine(
    folders: list[Path], output_dir: str | Path, table: pd.DataFrame, *, image_size: int | None = None
) -> float | None:
    """Write a checkpoint whose logits and heatmaps are the means of those of others.

    Weights are rounded to half precision, in which they are stored, so that two members take the room of one.
    Calibration and operating points are chosen after that, on the validation images that all members were kept from.

    Args:
        folders: two checkpoints or more; of a mean, each member counts like any other.
        output_dir: the checkpoint to write.
        table: as returned by ``core.datasets``, with those validation images.
        image_size: side of the input of all members, in pixels; by default the largest that a member was trained at.

    Returns:
        The macro AUROC on the validation images, or None where no label can be judged.

    Raises:
        CheckpointError: the members do not go together; the sentence says in what.
        ClassifierError: the table lacks some of the validation images.
    """
    if len(folders) < 2:
        raise CheckpointError("Give two checkpoints or more to combine.")
    loaded = [load_checkpoint(folder) for folder in folders]
    configs = [config for _, config in loaded]
    networks = [one for network, _ in loaded for one in members_in(network)]
    network = _rounded(MeanOfNetworks(networks).eval())
    _check(network, folders, configs)
    preprocessing = replace(
        configs[0].preprocessing, image_size=image_size or max(config.preprocessing.image_size for config in configs)
    )
    studies = configs[0].provenance["validation_studies"]
    rows = table[table["study_id"].isin(studies)].reset_index(drop=True)
    if len(rows) < len(studies):
        raise ClassifierError(
            f"The data has {len(rows)} of the {len(studies)} validation images of {folders[0]}: give the --dataset "
            "and --data_dir that it was trained with."
        )
    logits = predict_logits(network, TrainingImages(rows, preprocessing, name="validation"), device=torch.device("cpu"))
    labels = rows[list(LABELS)].to_numpy(dtype=np.float32)
    aurocs = aurocs_of(labels, logits)
    auroc = float(np.mean(list(aurocs.values()))) if aurocs else None
    common = {"data": configs[0].provenance["data"], "validation_studies": studies}
    common["validation_patients"] = sorted(patient_keys(rows).unique())
    members = [member for config in configs for member in _provenance(config)]
    save_calibrated(
        Path(output_dir),
        network,
        preprocessing,
        logits,
        rows,
        architecture=SEPARATOR.join(config.architecture for config in configs),
        provenance={"members": members, **common, "val_macro_auroc": auroc},
    )
    return auroc


def _provenance(config: CheckpointConfig) -> list[dict[str, Any]]:
    """Where each network of a checkpoint comes from."""
    if "members" in config.provenance:
        return list(config.provenance["members"])
    own = {key: value for key, value in config.provenance.items() if not key.startswith("validation_")}
    return [{"architecture": config.architecture, "image_size": config.preprocessing.image_size} | own]


def _rounded(network: MeanOfNetworks) -> MeanOfNetworks:
    """The network with its kernels and matrices rounded to half precision, in place.

    Biases and the statistics of batch norm, which are few and may be large, stay as they are.
    """
    for parameter in network.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half().float()
    return network


def _check(network: MeanOfNetworks, folders: list[Path], configs: list[CheckpointConfig]) -> None:
    """Refuse members that do not go together."""
    first = configs[0]
    for folder, config in zip(folders, configs, strict=True):
        if config.imported is not None:
            raise CheckpointError(f"{folder} was imported and cannot be combined.")
        if config.label_names != LABELS:
            raise CheckpointError(f"{folder} does not know all 14 findings and cannot be combined.")
        if replace(config.preprocessing, image_size=0) != replace(first.preprocessing, image_size=0):
            raise CheckpointError(f"{folder} and {folders[0]} prepare images differently and cannot be combined.")
        studies = config.provenance.get("validation_studies")
        if not studies or set(studies) != set(first.provenance["validation_studies"]):
            raise CheckpointError(
                f"{folder} and {folders[0]} were validated on different images, so that nothing is left to calibrate "
                "their mean on: train one with --validation_of the other."
            )
    if not has_linear_head(network):
        raise CheckpointError("Only networks that end in average pooling and one linear layer can be combined.")
    try:
        evidence_maps(network, torch.zeros(1, 1, 64, 64))
    except RuntimeError as error:
        raise CheckpointError("The networks' last feature maps differ in size, so that they have no mean.") from error
