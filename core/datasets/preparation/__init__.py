"""Resized copies of images, made once."""

from core.datasets.preparation.copies import LARGEST_SIDE, prepare_images

__all__ = ["LARGEST_SIDE", "prepare_images"]
