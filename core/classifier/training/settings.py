"""Everything that decides the outcome of a training, as one record that is saved with the checkpoint."""

from dataclasses import dataclass, field
from typing import Any

from core.classifier.errors import TrainingError
from core.precision import PRECISIONS

SCHEDULES = ("cosine", "plateau", "constant")
MONITORS = ("auroc", "loss")


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training. Each is an option of ``train.py``, with the meaning that stands beside it."""

    backbone: str = _setting("tf_efficientnet_lite0", "timm model name.")
    initial_weights: str = _setting("imagenet", "imagenet, none, or the folder of an earlier ChestLens checkpoint.")
    image_size: int = _setting(320, "side of the network input, in pixels, 32 to 1024.")
    epochs: int = _setting(10, "passes over the training images.")
    batch_size: int = _setting(32, "images a forward pass, over all processes together.")
    gradient_accumulation_steps: int = _setting(
        1,
        "forward passes an optimiser step, which then sees that many times the batch.",
    )
    learning_rate: float = _setting(3e-4, "learning rate of AdamW.")
    weight_decay: float = _setting(0.02, "weight decay of AdamW.")
    layer_decay: float = _setting(
        1.0,
        "factor of the learning rate from each layer group to the one below it; 1 trains all alike.",
    )
    schedule: str = _setting("cosine", "of the learning rate: cosine to 0 over all epochs, plateau or constant.")
    plateau_patience: int = _setting(
        2,
        "epochs without a better monitored figure after which plateau divides the rate by 10.",
    )
    warmup_share: float = _setting(0.15, "share of all steps in which the learning rate rises from 0.")
    clip_norm: float = _setting(1.0, "largest norm of the gradient, 0 for any.")
    use_focal_loss: bool = _setting(False, "focal loss (Lin et al., ICCV 2017) instead of binary cross-entropy.")
    focal_gamma: float = _setting(2.0, "exponent of the focal loss.")
    focal_alpha: float = _setting(-1.0, "weight of positives in the focal loss, negative for no weighting.")
    use_asymmetric_loss: bool = _setting(
        False,
        "asymmetric loss (Ridnik et al., ICCV 2021) with its gammas of 4 and 1 and clip of 0.05.",
    )
    use_class_weights: bool = _setting(False, "weigh positives by the square root of negatives over positives.")
    class_balanced_sampling: bool = _setting(
        False,
        "draw images with rare findings more often, at most ten times as often as normal ones.",
    )
    attention_weight: float = _setting(0.1, "how much the boxes of --boxes count beside the labels.")
    teacher_weight: float = _setting(1.0, "how much the logits of --teacher count beside the labels.")
    drop_rate: float = _setting(0.2, "share of features that dropout sets to 0.")
    drop_path_rate: float = _setting(0.1, "share of blocks that stochastic depth leaves out.")
    ema_decay: float = _setting(
        0.995,
        "decay of the moving average of the weights, which is what is validated and saved.",
    )
    precision: str = _setting(
        "auto",
        "bf16, fp16 (with loss scaling, on a GPU), fp32, or auto: bf16 where the processor computes in it, "
        "fp16 on older GPUs, else fp32.",
    )
    compile: bool = _setting(
        False,
        "let PyTorch compile the training step, which takes a minute or two and makes a CPU quicker.",
    )
    monitor: str = _setting("auroc", "what chooses the best epoch: macro auroc, or loss, on the validation images.")
    early_stopping_patience: int = _setting(0, "epochs without a better figure after which training ends; 0 for never.")
    loader_workers: int = _setting(
        -1,
        "processes that read and augment images. Negative: none on a CPU where the images fit into memory, "
        "because they would take time from the network; else one a core, 8 at most.",
    )
    seed: int = _setting(0, "seed of initial head, order and augmentation.")

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            TrainingError: names the flag and says what it takes.
        """
        for name, allowed in (("precision", PRECISIONS), ("schedule", SCHEDULES), ("monitor", MONITORS)):
            if getattr(self, name) not in allowed:
                raise TrainingError(f"--{name} must be one of {', '.join(allowed)}, not {getattr(self, name)!r}.")
        for name in ("epochs", "batch_size", "gradient_accumulation_steps"):
            if getattr(self, name) < 1:
                raise TrainingError(f"--{name} must be 1 or more, not {getattr(self, name)}.")
        if not 32 <= self.image_size <= 1024:
            raise TrainingError(f"--image_size must be from 32 to 1024 pixels, not {self.image_size}.")
        if not 0 < self.layer_decay <= 1:
            raise TrainingError(f"--layer_decay must be above 0 and at most 1, not {self.layer_decay}.")
        if self.use_focal_loss and self.use_asymmetric_loss:
            raise TrainingError("Choose one of --use_focal_loss and --use_asymmetric_loss.")
