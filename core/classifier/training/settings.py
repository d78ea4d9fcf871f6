"""Everything that decides the outcome of a training, as one record that is saved with the checkpoint."""

from dataclasses import dataclass

from core.classifier.errors import TrainingError
from core.precision import PRECISIONS

SCHEDULES = ("cosine", "plateau", "constant")
MONITORS = ("auroc", "loss")


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training.

    Attributes:
        backbone: timm model name.
        initial_weights: ``imagenet``, ``none``, or the folder of an earlier ChestLens checkpoint.
        image_size: side of the network input, in pixels, 32 to 1024.
        epochs, batch_size: passes over the training images, images a forward pass over all processes together.
        gradient_accumulation_steps: forward passes an optimiser step, which then sees that many times the batch.
        learning_rate, weight_decay: AdamW.
        layer_decay: factor of the learning rate from each layer group to the one below it; 1 trains all alike.
        schedule: of the learning rate: ``cosine`` to 0 over all epochs, ``plateau`` or ``constant``.
        plateau_patience: epochs without a better monitored figure after which ``plateau`` divides the rate by 10.
        warmup_share: share of all steps in which the learning rate rises from 0.
        clip_norm: largest norm of the gradient, 0 for any.
        use_focal_loss, focal_gamma, focal_alpha: focal loss (Lin et al., ICCV 2017) instead of binary cross-entropy;
            alpha weighs positives, negative for no weighting.
        use_asymmetric_loss: asymmetric loss (Ridnik et al., ICCV 2021) with its gammas of 4 and 1 and clip of 0.05.
        use_class_weights: weigh positives by the square root of negatives over positives.
        class_balanced_sampling: draw images with rare findings more often, at most ten times as often as normal ones.
        attention_weight: how much the boxes of ``--boxes`` count beside the labels.
        teacher_weight: how much the logits of ``--teacher`` count beside the labels.
        drop_rate, drop_path_rate: regularisation of the network.
        ema_decay: decay of the moving average of the weights, which is what is validated and saved.
        precision: ``bf16``, ``fp16`` (with loss scaling, on a GPU), ``fp32``, or ``auto``: bf16 where the processor
            computes in it, fp16 on older GPUs, else fp32.
        compile: let PyTorch compile the training step, which takes a minute or two and makes a CPU quicker.
        monitor: what chooses the best epoch: macro ``auroc``, or ``loss``, on the validation images.
        early_stopping_patience: epochs without a better figure after which training ends; 0 for never.
        loader_workers: processes that read and augment images. Negative: none on a CPU where the images fit into
            memory, because they would take time from the network; else one a core, 8 at most.
        seed: seed of initial head, order and augmentation.
    """

    backbone: str = "tf_efficientnet_lite0"
    initial_weights: str = "imagenet"
    image_size: int = 320
    epochs: int = 10
    batch_size: int = 32
    gradient_accumulation_steps: int = 1
    learning_rate: float = 3e-4
    weight_decay: float = 0.02
    layer_decay: float = 1.0
    schedule: str = "cosine"
    plateau_patience: int = 2
    warmup_share: float = 0.15
    clip_norm: float = 1.0
    use_focal_loss: bool = False
    focal_gamma: float = 2.0
    focal_alpha: float = -1.0
    use_asymmetric_loss: bool = False
    use_class_weights: bool = False
    class_balanced_sampling: bool = False
    attention_weight: float = 0.1
    teacher_weight: float = 1.0
    drop_rate: float = 0.2
    drop_path_rate: float = 0.1
    ema_decay: float = 0.995
    precision: str = "auto"
    compile: bool = False
    monitor: str = "auroc"
    early_stopping_patience: int = 0
    loader_workers: int = -1
    seed: int = 0

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
