"""Augmentation suited to radiographs (Albumentations)."""

import random

import albumentations as A
import cv2
import numpy as np


def seed_augmentation(augmentation: A.Compose, seed: int) -> None:
    """Make the next picture depend on ``seed`` alone.

    ``Compose.set_random_seed`` would give every step the same first random number, so that all or none of them apply.
    """
    augmentation.set_random_state(np.random.default_rng(seed), random.Random(seed))


def training_augmentation() -> A.Compose:
    """Small changes of pose, exposure and sharpness for square grey uint8 images (S, S).

    Sharpness and compression vary so that neither the resolution nor the codec of a source tells the label. The
    horizontal flip moves the heart: it suits image labels, and must not be used with text that says left or right.
    """
    return A.Compose(
        [
            A.HorizontalFlip(p=0.5),
            A.Affine(
                rotate=(-12, 12),
                scale=(0.85, 1.15),
                translate_percent=(-0.06, 0.06),
                shear=(-4, 4),
                keep_ratio=False,
                p=0.9,
            ),
            A.RandomBrightnessContrast(brightness_limit=0.08, contrast_limit=0.15, p=0.5),
            A.RandomGamma(gamma_limit=(75, 135), p=0.4),
            A.OneOf(
                [
                    A.GaussianBlur(sigma_limit=(0.3, 1.2), blur_limit=(3, 7)),
                    A.Downscale(scale_range=(0.45, 0.9)),
                    # Many small copies in circulation were shrunk without antialiasing.
                    A.Downscale(
                        scale_range=(0.4, 0.9),
                        interpolation_pair={"downscale": cv2.INTER_LINEAR, "upscale": cv2.INTER_CUBIC},
                    ),
                ],
                p=0.4,
            ),
            # Copies of one radiograph in several codecs must get the same findings.
            A.GaussNoise(std_range=(0.003, 0.03), p=0.3),
            A.ImageCompression(quality_range=(50, 98), p=0.5),
            A.CoarseDropout(
                num_holes_range=(1, 3), hole_height_range=(0.06, 0.18), hole_width_range=(0.06, 0.18), p=0.3
            ),
        ]
    )
