"""The closed form of a constant text's score is the score of that text against every report."""

import pytest

from core.vlm.text_metrics.normalisation import normalise
from core.vlm.text_metrics.overlap import bleu
from core.vlm.typicality import Typicality

REPORTS = [
    "The heart is normal in size. The lungs are clear. No pleural effusion or pneumothorax.",
    "Heart size within normal limits. The lungs are clear. The lungs are clear.",
    "The cardiac silhouette is enlarged. No pleural effusion or pneumothorax is seen.",
]


@pytest.mark.parametrize(
    "text",
    [
        "The lungs are clear. The lungs are clear. No pleural effusion or pneumothorax.",
        "The heart is normal in size. The lungs are clear.",
        "The lungs are clear. The heart is normal in size. No pleural effusion. No pleural effusion or pneumothorax.",
    ],
)
def test_the_score_equals_corpus_bleu_of_the_same_text_for_every_report(text):
    candidate, references = normalise(text), [normalise(report) for report in REPORTS]
    expected = bleu([candidate] * len(references), references)[3]
    assert Typicality(REPORTS).bleu(candidate) == pytest.approx(expected, abs=1e-6)
    assert expected > 0.1


@pytest.mark.parametrize("text", ["", "no effusion .", "entirely other words stand here ."])
def test_text_without_common_four_word_runs_scores_nothing(text):
    assert Typicality(REPORTS).bleu(text) == 0


def test_usual_order_scores_higher():
    typical = Typicality([REPORTS[0]])
    usual, reversed_order = (
        normalise(REPORTS[0]),
        "no pleural effusion or pneumothorax . the lungs are clear . the heart is normal in size .",
    )
    assert typical.score(usual) > typical.score(reversed_order)


def test_an_empty_collection_is_refused():
    with pytest.raises(ValueError, match="no reference"):
        Typicality([])
