"""Images that stand in for those of reports whose own are not at hand: another patient's, with the same labels."""

import random
from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from core.datasets.table import DatasetError
from core.findings import LABELS


class ImagePairs:
    """Images by their set of labels.

    Such a pair teaches what findings look like and how they are written up, and nothing else about the image: size,
    side and severity in the report are not those in the picture.

    Args:
        table: labelled images; an unknown label counts as absent.

    Raises:
        DatasetError: no row has an image.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        rows = table[table["image_path"].notna()]
        if rows.empty:
            raise DatasetError("The table of images to pair with has no row with an image in a split that needs one.")
        self._paths: dict[frozenset[str], list[str]] = defaultdict(list)
        for path, values in zip(rows["image_path"], rows[list(LABELS)].to_numpy() == 1, strict=True):
            self._paths[frozenset(label for label, value in zip(LABELS, values, strict=True) if value)].append(path)
        self._nearest: dict[frozenset[str], list[frozenset[str]]] = {}

    def draw(self, labels: Mapping[str, bool], draw: random.Random) -> str:
        """One image with these labels; where there is none, one of those whose label set is most alike (Jaccard)."""
        wanted = frozenset(name for name, value in labels.items() if value)
        if wanted not in self._nearest:
            likeness = {one: _jaccard(one, wanted) for one in self._paths}
            best = max(likeness.values())
            self._nearest[wanted] = [one for one, value in likeness.items() if value == best]
        return draw.choice(self._paths[draw.choice(self._nearest[wanted])])


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 1.0
