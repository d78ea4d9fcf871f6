"""One name for an image, whatever path a table, a prediction or a teacher gives it.

Tables name images by file name (``00000001_000.png``), by a path from somewhere, or by one that was true on another
machine, and prepared copies change the suffix. An image is told by its file name without the suffix of a picture, and
where several images are called so (``view1_frontal`` of CheXpert) by as many of the folders above it as are needed.
Copies of one image in several folders are one image where its source names images, not views: a name without folders is
that of each copy.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from core.datasets.table import DatasetError

# Only these: the last part of a UID that serves as a name is no suffix.
_SUFFIX = re.compile(r"\.(?:png|jpe?g|jfif|dcm|dicom|dic|ima)$", re.IGNORECASE)


def image_name(path: object) -> str:
    """A path with forward slashes and without the suffix of a picture."""
    return _SUFFIX.sub("", str(path).strip().replace("\\", "/"))


def of_images(predictions: pd.DataFrame, table: pd.DataFrame, *, name: str) -> pd.DataFrame:
    """What is predicted for the images of a table.

    Args:
        predictions: indexed by ``image_name``; each name once.
        table: with ``image_path``, and ``study_id``, which is the image's own name where a source names images so and
            the paths are those of copies.
        name: what the predictions are called in messages.

    Returns:
        The predictions for each row of the table, on its index; NaN where there are none.

    Raises:
        DatasetError: it cannot be told which of several images a prediction is for.
    """
    given = _by_last_part([str(one) for one in predictions.index])
    own = [image_name(path) for path in table["image_path"].fillna("")]
    rows = _by_last_part(own)
    copied = _copies(table, own)
    places: list[int] = []
    for image, study in zip(own, table["study_id"].astype(str), strict=True):
        last = image.rsplit("/", 1)[-1]
        candidates = given.get(last, [])
        if not candidates:
            places.append(_by_study(image_name(study).split("/"), given))
        elif len(candidates) == 1 and (len(rows[last]) == 1 or (last in copied and len(candidates[0][1]) == 1)):
            places.append(candidates[0][0])
        else:
            places.append(_closest(image.split("/"), candidates, name))
    taken = predictions.take([max(place, 0) for place in places]) if len(predictions) else predictions.reindex(own)
    taken.index = table.index
    found = pd.Series([place >= 0 for place in places], index=table.index, dtype=bool)
    return taken.where(found)


def _by_last_part(names: Sequence[str]) -> dict[str, list[tuple[int, list[str]]]]:
    """Position and parts of the names, by their last part."""
    groups: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
    for place, one in enumerate(names):
        parts = one.split("/")
        groups[parts[-1]].append((place, [part for part in parts if part not in ("", ".")]))
    return groups


def _copies(table: pd.DataFrame, own: Sequence[str]) -> set[str]:
    """Names that stand for one image of its source each, of which the table may hold copies of several sizes."""
    last = pd.Series([one.rsplit("/", 1)[-1] for one in own], index=table.index)
    source = table["source"] if "source" in table.columns else pd.Series("", index=table.index)
    images = pd.DataFrame({"last": last, "source": source.astype(str), "study": table["study_id"].map(image_name)})
    named_so = images["study"] == images["last"]
    sources = images.groupby("last")["source"].nunique()
    return set(last[named_so]) - set(last[~named_so]) - set(sources.index[sources > 1])


def _by_study(study: list[str], given: dict[str, list[tuple[int, list[str]]]]) -> int:
    """The one candidate that an image is called by in its source, -1 where there is none."""
    alike = [
        place
        for place, parts in given.get(study[-1], [])
        if all(one == other for one, other in zip(reversed(study), reversed(parts), strict=False))
    ]
    return alike[0] if len(alike) == 1 else -1


def _closest(image: list[str], candidates: list[tuple[int, list[str]]], name: str) -> int:
    """The candidate that shares most folders with the image, -1 where the folders contradict each other."""
    shared = []
    for place, parts in candidates:
        common = 0
        for one, other in zip(reversed(image), reversed(parts), strict=False):
            if one != other:
                break
            common += 1
        shared.append((common, common == len(parts), place))
    best = max(shared)
    if sum(one[:2] == best[:2] for one in shared) > 1 or (best[1] and len(candidates[0][1]) == 1):
        raise DatasetError(
            f"{name} names several images {image[-1]!r} alike: give their paths, with as many folders as tell them "
            "apart."
        )
    return best[2] if best[0] > 1 else -1
