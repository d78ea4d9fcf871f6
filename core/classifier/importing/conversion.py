"""Public weights to a checkpoint folder."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.atomic import write_text
from core.classifier.calibration import identity_calibration
from core.classifier.checkpoint import CheckpointConfig, CheckpointError, save_checkpoint
from core.classifier.feature_maps import feature_layer
from core.classifier.heatmaps import has_linear_head
from core.classifier.imported_architecture import Head, ImportedArchitecture
from core.classifier.imported_network import ImportedNetwork, build_imported
from core.classifier.importing.folders import HUB, PublicModel, download, read_folder
from core.classifier.importing.label_map import LabelMap, match_labels, read_label_file
from core.classifier.importing.torchxrayvision import load_library_weights
from core.classifier.policies import common_threshold_policy
from core.classifier.preprocessing import Preprocessing
from core.settings import DEFAULT_POLICY

# From so many findings on, outputs whose folder says nothing are taken to be judged one by one: several findings are
# often there together, while a choice between classes has few of them.
_FINDINGS_ONE_BY_ONE = 3
_PUBLISHED = (
    "what torchxrayvision published with the weights, or one half where it published nothing; nothing was measured"
)
_CARD = """# {name}

The public weights `{source}`, converted for ChestLens. Not trained, not measured and not calibrated by ChestLens:
probabilities are the network's own, and decisions use thresholds that were published with the weights, or one half
where none were. {facts}

The whole radiograph is padded to a square of {side} x {side} pixels and stretched to its own range of grey, which may
differ from what the network was trained on. Who made it tells of images and licence; public images that you evaluate
it on may have trained it. Research and education only.
"""


@dataclass(frozen=True)
class Imported:
    """A checkpoint that was made of public weights.

    Attributes:
        folder: the checkpoint.
        sentences: what a user should know of it.
    """

    folder: Path
    sentences: tuple[str, ...]


def import_checkpoint(
    source: str,
    output_dir: str | Path,
    *,
    labels: str | Path | None = None,
    head: Head | None = None,
    cache_dir: str | Path | None = None,
) -> Imported:
    """Write public weights as a checkpoint.

    Args:
        source: ``hf:OWNER/MODEL`` of the Hugging Face hub, the only source that is always looked for on the network; a
            folder that transformers or timm saved; or weights of torchxrayvision, by name.
        output_dir: the checkpoint folder to write.
        labels: YAML or JSON file that says which outputs mean which findings, where their names do not.
        head: ``sigmoid`` where outputs are judged one by one, ``softmax`` where they exclude each other [what the
            source says].
        cache_dir: where downloaded files lie [the library's own].

    Raises:
        CheckpointError: the source cannot be had or read, or its outputs are not known.
    """
    told = read_label_file(labels) if labels is not None else None
    if source.startswith(HUB):
        folder, name = download(source.removeprefix(HUB), cache_dir), source.removeprefix(HUB)
    elif Path(source).is_dir():
        folder, name = Path(source), Path(source).resolve().name
    else:
        return _import_library_weights(source, Path(output_dir), told, head, cache_dir)
    return _import_model(read_folder(folder, name), source, Path(output_dir), told, head)


def _import_model(
    model: PublicModel, source: str, output_dir: Path, told: dict[str, str | None] | None, head: Head | None
) -> Imported:
    sentences = list(model.assumed)
    chosen = head or model.head
    if chosen is None:
        chosen = _likely_head(match_labels(model.outputs, told, several=True), len(model.outputs))
        manner = "judged one by one (sigmoid)" if chosen == "sigmoid" else "taken to exclude each other (softmax)"
        sentences.append(
            f"It does not say how its outputs go together: they are {manner} unless --head says otherwise."
        )
    known = match_labels(model.outputs, told, several=chosen == "softmax")
    if chosen == "softmax" and any(len(outputs) == len(model.outputs) for outputs in known.columns.values()):
        raise CheckpointError(f"{source} has no output but those of one finding: it needs --head sigmoid.")
    architecture = ImportedArchitecture(
        library=model.library,
        model=model.description,
        mean=model.mean,
        std=model.std,
        head=chosen,
        columns=tuple(known.columns.values()),
        n_outputs=len(model.outputs),
    )
    network = ImportedNetwork(model.network, architecture).eval()
    _check(network, architecture, model.image_size, source)
    side = model.image_size
    if not has_linear_head(network, side) and feature_layer(network, side) is None:
        sentences.append("No layer of it tells places of the image apart: it has no heatmaps.")
    config = CheckpointConfig(
        architecture=model.architecture,
        # Canonical pixels as they are: what each channel needs lies in the network.
        preprocessing=Preprocessing(side, mean=0.0, std=1.0, low_percentile=0, high_percentile=100),
        calibration=identity_calibration(len(known.labels)),
        provenance=_provenance(source),
        label_names=known.labels,
        name=model.name,
        imported=architecture,
    )
    return _write(network, config, source, output_dir, [known.in_words(), *sentences])


def _check(network: ImportedNetwork, architecture: ImportedArchitecture, side: int, source: str) -> None:
    """Refuse a network that cannot judge such images, or that its configuration does not build again as it was."""
    probe = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        try:
            expected = network(probe)
        except Exception as error:  # a network says in its own way that an image is of the wrong size
            raise CheckpointError(f"{source} cannot judge an image of {side} x {side} pixels, as it says.") from error
        try:
            rebuilt = build_imported(ImportedArchitecture.from_json(json.loads(json.dumps(asdict(architecture)))))
            rebuilt.load_state_dict(network.state_dict())
            same = torch.allclose(rebuilt.eval()(probe), expected, rtol=1e-3, atol=1e-4)
        except Exception as error:  # as for folders
            raise CheckpointError(
                f"{source} cannot be built again from its configuration ({type(error).__name__})."
            ) from error
    if not same:
        raise CheckpointError(f"{source} gives other outputs when it is built again from its configuration.")


def _import_library_weights(
    name: str,
    output_dir: Path,
    told: dict[str, str | None] | None,
    head: Head | None,
    cache_dir: str | Path | None,
) -> Imported:
    """Keep the outputs that are findings; the rest of the network is timm's, which training can start from."""
    # timm takes longer to import than all else here.
    from core.classifier.network import create_network

    weights = load_library_weights(name, cache_dir)
    if head == "softmax":
        raise CheckpointError(f"The outputs of {name} do not exclude each other: leave out --head.")
    known = match_labels(weights.outputs, told)
    columns = [outputs[0] for outputs in known.columns.values()]
    state = dict(weights.state)
    for part in weights.head():
        state[part] = state[part][columns].clone()
    network = create_network(weights.architecture, len(columns))
    network.load_state_dict(state)
    thresholds = {
        label: weights.thresholds[weights.outputs[outputs[0]]]
        for label, outputs in known.columns.items()
        if weights.outputs[outputs[0]] in weights.thresholds
    }
    policy = common_threshold_policy(DEFAULT_POLICY, _PUBLISHED, known.labels, 0.5, published=thresholds)
    config = CheckpointConfig(
        architecture=weights.architecture,
        preprocessing=weights.preprocessing,
        calibration=identity_calibration(len(columns)),
        policies={DEFAULT_POLICY: policy},
        provenance=_provenance(f"torchxrayvision {name}"),
        label_names=known.labels,
        name=f"torchxrayvision-{name}",
    )
    named = replace(known, left_out=tuple(filter(None, known.left_out)))
    return _write(network, config, f"{name} of torchxrayvision", output_dir, [named.in_words()])


def _likely_head(known: LabelMap, n_outputs: int) -> Head:
    return "sigmoid" if n_outputs == 1 or len(known.columns) >= _FINDINGS_ONE_BY_ONE else "softmax"


def _provenance(source: str) -> dict[str, Any]:
    """No image here is known to have validated the network; which ones trained it is not known either."""
    return {"imported_from": source, "validation_studies": []}


def _write(
    network: nn.Module, config: CheckpointConfig, source: str, output_dir: Path, sentences: list[str]
) -> Imported:
    save_checkpoint(output_dir, network, config)
    side = config.preprocessing.image_size
    card = _CARD.format(name=config.name, source=source, side=side, facts=" ".join(sentences))
    write_text(output_dir / "README.md", card)
    return Imported(output_dir, tuple(sentences))
