import threading

import numpy as np
import pytest

from core.classifier import Classifier
from core.classifier.preprocessing import Preprocessing
from core.imaging import Radiograph, render_phantom


def test_window_and_exposure_do_not_change_the_probabilities(classifier: Classifier) -> None:
    pixels = render_phantom(size=512)
    darker = classifier.predict(Radiograph(pixels * 0.3 + 0.1)).probabilities
    assert darker == pytest.approx(classifier.predict(Radiograph(pixels)).probabilities, abs=0.01)


def test_resolution_hardly_changes_the_probabilities(classifier: Classifier) -> None:
    large, small = (Radiograph(render_phantom(size=size, seed=1)) for size in (2048, 512))
    assert classifier.predict(large).probabilities == pytest.approx(classifier.predict(small).probabilities, abs=0.1)


@pytest.mark.parametrize("shape", [(400, 300), (300, 400), (333, 333)])
def test_heatmaps_have_the_radiographs_proportions(classifier: Classifier, shape: tuple[int, int]) -> None:
    pixels = render_phantom(size=512)[: shape[0], : shape[1]]
    heatmaps = classifier.predict(Radiograph(pixels)).heatmaps
    assert heatmaps.shape[0] == 14
    assert heatmaps.shape[1] / heatmaps.shape[2] == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert heatmaps.min() >= 0
    assert heatmaps.max() <= 1


def test_padding_is_black_and_the_frame_says_where_the_image_lies() -> None:
    square, frame = Preprocessing(image_size=100).canonical(
        np.random.default_rng(0).random((200, 100), dtype=np.float32)
    )
    assert (frame.left, frame.top, frame.right, frame.bottom) == (0.25, 0, 0.75, 1)
    assert square[:, :25].max() == 0
    assert square[:, 75:].max() == 0
    assert square[:, 25:75].std() > 0.1


def test_probabilities_alone_are_those_of_the_prediction(classifier: Classifier) -> None:
    radiograph = Radiograph(render_phantom(size=256, seed=3))
    alone = classifier.probabilities(radiograph)
    np.testing.assert_array_equal(alone, classifier.predict(radiograph).probabilities)
    assert alone.shape == (14,)


def test_threads_get_the_same_answer_as_one(classifier: Classifier) -> None:
    radiographs = [Radiograph(render_phantom(size=256, seed=seed)) for seed in range(4)]
    alone = [classifier.predict(radiograph).probabilities for radiograph in radiographs]
    together: list[np.ndarray | None] = [None] * 4

    def work(index: int) -> None:
        together[index] = classifier.predict(radiographs[index]).probabilities

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.abs(np.stack(alone) - np.stack(together)).max() < 1e-5  # type: ignore[arg-type]


def test_a_mirrored_radiograph_gets_the_same_probabilities_and_mirrored_heatmaps(classifier: Classifier) -> None:
    pixels = render_phantom(size=320)
    as_is, mirrored = classifier.predict(Radiograph(pixels)), classifier.predict(Radiograph(pixels[:, ::-1].copy()))
    assert mirrored.probabilities == pytest.approx(as_is.probabilities, abs=1e-4)
    assert np.abs(mirrored.heatmaps[:, :, ::-1] - as_is.heatmaps).max() < 1e-2
