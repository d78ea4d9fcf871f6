from collections.abc import Callable

import numpy as np
import pytest

from core.classifier import SHIPPED
from core.evaluation.bench import evaluation, peers
from core.evaluation.bench.load import Load
from core.evaluation.bench.peers import measure_peers
from core.evaluation.bench.rounds import in_turn
from core.evaluation.bench.start import import_costs


def test_works_take_turns_and_the_ratio_is_that_of_each_round() -> None:
    done: list[str] = []
    seconds = {"a": iter((9, 1, 2, 4)), "b": iter((9, 3, 8, 4)), "c": iter((9, 1, 1, 1))}
    now = 0.0

    def work(name: str) -> Callable[[], None]:
        def run() -> None:
            nonlocal now
            done.append(name)
            now += next(seconds[name])

        return run

    row = in_turn("row", {name: work(name) for name in "abc"}, rounds=3, scales={"c": 10}, clock=lambda: now)
    assert "".join(done) == "abc" + "abc" + "bca" + "cab"
    assert row.ratios == (3, 4, 1)
    told = row.to_json()
    assert told["ratio"] == {"of": "b / a", "median": 3, "lowest": 1, "highest": 4}
    assert told["works"]["c"]["median_s"] == 10
    assert "b takes 3.00 times as long as a (1.00 to 4.00 in 3 rounds)" in str(row)


def test_a_comparison_of_one_is_none() -> None:
    with pytest.raises(ValueError, match="needs two works"):
        in_turn("row", {"a": lambda: None})


def test_what_clients_met_is_told_even_if_it_was_nothing_good() -> None:
    told = Load(clients=2, seconds=(1.0, 2.0, 3.0), errors=1, wall=4.0).to_json()
    assert (told["studies_per_s"], told["median_s"], told["errors"]) == (0.75, 2.0, 1)
    assert told["p95_s"] == pytest.approx(np.percentile([1, 2, 3], 95))
    assert "nothing finished, 4 errors" in str(Load(2, (), 4, 1.0))


def test_imports_are_told_by_package() -> None:
    costs = import_costs("core.imaging")
    assert min(costs["numpy"], costs["core"]) > 0
    assert "torch" not in costs


def test_chestlens_and_its_peers_do_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchxrayvision")
    monkeypatch.setattr(evaluation, "ROWS", 8_000)
    monkeypatch.setattr(evaluation, "PATIENTS", 900)
    monkeypatch.setattr(peers, "_PEER_SIDE", 64)  # its 14 heatmaps take 14 passes
    one, folder, intervals = measure_peers(SHIPPED, rounds=1, n_files=2, resamples=10)
    assert list(one.works) == [
        "ChestLens",
        "torchxrayvision with pytorch-grad-cam",
        "ChestLens' bare forward pass",
    ]
    assert "folder of 2 files" in folder.name
    # Half of the resamples are done by scikit-learn, and count twice.
    assert "8,000 images, 10 resamples" in intervals.name
    assert min(one.ratios + folder.ratios + intervals.ratios) > 0
