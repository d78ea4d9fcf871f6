"""How a policy turns probabilities into calls."""

import json

import numpy as np
import pytest

from core.classifier import SHIPPED, CheckpointError, load_config
from core.classifier.checkpoint import CheckpointConfig
from core.classifier.policies import OperatingPoint, Policy
from core.findings import LABELS

POINT = OperatingPoint(0.5, 0.2, None, None, None, None, 9, 90)
POLICY = Policy("reading", "a test", 0.6, dict.fromkeys(LABELS, POINT))


def probabilities(**values: float) -> np.ndarray:
    """One radiograph's probabilities (1, 14): 1% where nothing is given."""
    return np.array([[values.get(label, 0.01) for label in LABELS]])


def called(calls: np.ndarray) -> list[str]:
    return [label for label, one in zip(LABELS, calls[0], strict=True) if one]


def test_a_radiograph_below_the_threshold_of_being_abnormal_gets_no_call() -> None:
    calls = POLICY.calls(probabilities(Mass=0.7, Edema=0.3), np.array([0.59]))
    assert not calls.called.any()


def test_an_abnormal_one_gets_what_reaches_its_thresholds() -> None:
    calls = POLICY.calls(probabilities(Mass=0.5, Edema=0.2, Nodule=0.19), np.array([0.6]))
    assert called(calls.present) == ["Mass"]
    assert called(calls.possible) == ["Edema"]


def test_an_abnormal_one_without_such_a_finding_gets_its_most_probable_one_as_possible() -> None:
    calls = POLICY.calls(probabilities(Nodule=0.15, Hernia=0.14), np.array([0.6]))
    assert called(calls.possible) == ["Nodule"]
    assert not calls.present.any()


def test_what_the_model_does_not_know_is_never_called() -> None:
    unknown = np.full((1, 14), np.nan)
    assert not POLICY.calls(unknown, np.array([0.9])).called.any()


def test_thresholds_alone_decide_where_being_abnormal_is_not_judged() -> None:
    calls = POLICY.calls(probabilities(Mass=0.7, Edema=0.3), None)
    assert (called(calls.present), called(calls.possible)) == (["Mass"], ["Edema"])


def test_a_checkpoint_without_policies_calls_present_from_one_half_on_and_says_so() -> None:
    data = load_config(SHIPPED).to_json()
    del data["policies"], data["abnormal"]
    config = CheckpointConfig.from_json(json.loads(json.dumps(data)))
    policy = config.policy("screening")
    assert "python -m core decide" in policy.chosen_for
    calls = policy.calls(probabilities(Mass=0.5, Edema=0.499), None)
    assert called(calls.called) == ["Mass"]


def test_a_policy_that_a_checkpoint_lacks_is_named_with_those_that_it_has() -> None:
    with pytest.raises(CheckpointError, match="no policy 'brave'; choose one of: reading, screening, specific"):
        load_config(SHIPPED).policy("brave")
