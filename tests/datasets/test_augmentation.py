import numpy as np

from core.datasets.augmentation import seed_augmentation, training_augmentation
from core.imaging import render_phantom

IMAGE = np.round(render_phantom(size=128) * 255).astype(np.uint8)[..., None]


def _variants(first_seed: int, count: int = 40) -> np.ndarray:
    augmentation = training_augmentation()
    images = []
    for seed in range(first_seed, first_seed + count):
        seed_augmentation(augmentation, seed)
        images.append(augmentation(image=IMAGE)["image"])
    return np.stack(images)


def test_the_same_seed_gives_the_same_picture_and_other_seeds_others() -> None:
    first = _variants(0)
    assert (first == _variants(0)).all()
    # One in 120 comes out untouched, because every step is left out.
    assert len({image.tobytes() for image in first}) >= len(first) - 1


def test_pictures_keep_their_size_and_stay_recognisable() -> None:
    variants = _variants(100)
    assert variants.shape[1:] == IMAGE.shape
    assert variants.dtype == np.uint8
    plain = IMAGE.astype(float).ravel()
    flipped = IMAGE[:, ::-1].astype(float).ravel()
    alike = [
        max(np.corrcoef(v.astype(float).ravel(), plain)[0, 1], np.corrcoef(v.astype(float).ravel(), flipped)[0, 1])
        for v in variants
    ]
    assert min(alike) > 0.3  # an unrelated picture has about 0


def test_sharpness_varies_so_that_it_cannot_tell_the_source() -> None:
    def sharpness(image: np.ndarray) -> float:
        return float(np.abs(np.diff(image[..., 0].astype(float), axis=0)).mean())

    values = np.array([sharpness(image) for image in _variants(200, count=60)])
    assert values.std() / values.mean() > 0.1
