"""The rendered phantom is read as what it is: a normal chest, or one with the lesion that was planted."""

import numpy as np
import pytest

from core.anatomy import admit
from core.classifier import Classifier
from core.findings import LABELS
from core.imaging import Radiograph, render_phantom
from core.imaging.phantom import Lesion
from core.reporting import Assessment, assess


def _read(classifier: Classifier, *lesions: Lesion) -> Assessment:
    admitted = admit(Radiograph(render_phantom(size=512, lesions=lesions)))
    assert admitted.gate.verdict == "accepted"
    return assess(admitted, classifier)


def test_without_a_lesion_nothing_is_called(classifier: Classifier) -> None:
    assert _read(classifier).evidence.decided("present", "possible") == []


@pytest.mark.parametrize(("x", "y"), [(0.27, 0.38), (0.72, 0.5)])
def test_a_planted_tumour_is_called_a_mass_where_it_lies(classifier: Classifier, x: float, y: float) -> None:
    read = _read(classifier, Lesion(x, y, 0.11, 0.15))
    mass = LABELS.index("Mass")
    assert read.evidence.findings[mass].decision in ("present", "possible")
    heatmap = read.prediction.heatmaps[mass]
    row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
    assert (column + 0.5) / heatmap.shape[1] == pytest.approx(x, abs=0.11)
    assert (row + 0.5) / heatmap.shape[0] == pytest.approx(y, abs=0.11)
