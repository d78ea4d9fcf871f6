import math
import random
from collections import Counter
from pathlib import Path

import pytest

from core.vlm.text_metrics import bleu, normalise, rouge_l, rouge_l_each

WORDS = (
    "the",
    "heart",
    "is",
    "normal",
    "in",
    "size",
    "no",
    "effusion",
    "or",
    "pneumothorax",
    "lungs",
    "are",
    "clear",
    ".",
)


def texts(seed: int, count: int = 60) -> tuple[list[str], list[str]]:
    """Random candidates and references that share words, some of them empty or one word long."""
    chance = random.Random(seed)

    def text() -> str:
        return " ".join(chance.choices(WORDS, k=chance.choice((0, 1, 2, 5, 12, 30))))

    references = [text() for _ in range(count)]
    candidates = [chance.choice((text(), reference, reference[: len(reference) // 2])) for reference in references]
    return candidates, references


def caption_bleu(candidates: list[str], references: list[str]) -> list[float]:
    """BLEU-1 to BLEU-4 as the evaluation of MS COCO captions describes it, one order after another."""
    guess, correct, candidate_length, reference_length = [0] * 4, [0] * 4, 0, 0
    for candidate, reference in zip(candidates, references, strict=True):
        ours, theirs = candidate.split(), reference.split()
        candidate_length, reference_length = candidate_length + len(ours), reference_length + len(theirs)
        for n in range(1, 5):
            grams = [Counter(tuple(side[i : i + n]) for i in range(len(side) - n + 1)) for side in (ours, theirs)]
            guess[n - 1] += max(0, len(ours) - n + 1)
            correct[n - 1] += sum(min(count, grams[1][gram]) for gram, count in grams[0].items())
    scores, product = [], 1.0
    ratio = (candidate_length + 1e-15) / (reference_length + 1e-9)
    for n in range(1, 5):
        product *= (correct[n - 1] + 1e-15) / (guess[n - 1] + 1e-9)
        scores.append(product ** (1 / n) * (math.exp(1 - 1 / ratio) if ratio < 1 else 1))
    return scores


def caption_rouge_l(candidate: str, reference: str) -> float:
    """ROUGE-L of one pair with the table of the textbook; an empty text is one empty token, as in the field's code."""
    ours, theirs = candidate.split() or [""], reference.split() or [""]
    table = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    precision, recall = table[-1][-1] / len(ours), table[-1][-1] / len(theirs)
    return (1 + 1.44) * precision * recall / (recall + 1.44 * precision) if precision and recall else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_bleu_agrees_with_the_definition_of_captions(seed: int) -> None:
    candidates, references = texts(seed)
    assert bleu(candidates, references) == pytest.approx(caption_bleu(candidates, references), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_bleu_agrees_with_sacrebleu(seed: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics")
    candidates, references = texts(seed)
    for order, score in enumerate(bleu(candidates, references), start=1):
        judge = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
        assert score == pytest.approx(judge.corpus_score(candidates, [references]).score / 100, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_rouge_l_agrees_with_the_definition_of_captions(seed: int) -> None:
    candidates, references = texts(seed)
    expected = [caption_rouge_l(*pair) for pair in zip(candidates, references, strict=True)]
    assert rouge_l_each(candidates, references) == pytest.approx(expected, abs=1e-9)
    assert rouge_l(candidates, references) == pytest.approx(sum(expected) / len(expected), abs=1e-9)


def test_rouge_l_has_the_precision_and_recall_of_rouge_score() -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer")

    class Whitespace:
        def tokenize(self, text: str) -> list[str]:
            return text.split()

    judge = scorer.RougeScorer(["rougeL"], tokenizer=Whitespace())
    candidates, references = texts(9)
    for score, candidate, reference in zip(rouge_l_each(candidates, references), candidates, references, strict=True):
        if candidate and reference:
            found = judge.score(reference, candidate)["rougeL"]
            bottom = found.recall + 1.44 * found.precision
            assert score == pytest.approx(2.44 * found.precision * found.recall / bottom if bottom else 0, abs=1e-6)


def test_hand_worked_scores() -> None:
    # Three of four words, two of three pairs, one of two triples; one word shorter than the reference.
    expected = [
        (3 / 4 * penalty) if n == 1 else (product ** (1 / n) * penalty)
        for penalty in [math.exp(1 - 5 / 4)]
        for n, product in ((1, 3 / 4), (2, 3 / 4 * 2 / 3), (3, 3 / 4 * 2 / 3 * 1 / 2))
    ]
    found = bleu(["the heart is large"], ["the heart is normal ."])
    assert found[:3] == pytest.approx(expected, abs=1e-6)
    assert found[3] < 1e-3
    # The common subsequence has three words: precision 3/4, recall 3/5.
    assert rouge_l(["the heart is large"], ["the heart is normal ."]) == pytest.approx(
        2.44 * 0.75 * 0.6 / (0.6 + 1.44 * 0.75), abs=1e-6
    )


@pytest.mark.parametrize(
    ("candidate", "reference", "first", "rouge"),
    [("", "no effusion .", 0, 0), ("no effusion", "", 0, 0), ("", "", 0, 1), ("clear", "clear", 1, 1)],
)
def test_empty_and_one_word_texts(candidate: str, reference: str, first: float, rouge: float) -> None:
    found = bleu([candidate], [reference])
    assert found[0] == pytest.approx(first, abs=1e-6)
    assert found[3] == pytest.approx(0, abs=1e-3)
    assert rouge_l([candidate], [reference]) == rouge


def test_identical_texts_score_one_and_nothing_scores_nothing() -> None:
    _, references = texts(3)
    assert bleu(references, references) == pytest.approx([1] * 4, abs=1e-6)
    assert rouge_l(references, references) == pytest.approx(1)
    assert bleu([], []) == pytest.approx([0] * 4, abs=1e-6)
    assert rouge_l([], []) == 0


def test_repeating_a_word_does_not_raise_bleu() -> None:
    assert bleu(["effusion effusion effusion"], ["no effusion here"])[0] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize("score", [bleu, rouge_l])
def test_candidates_and_references_must_match_in_number(score) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="1 candidates and 2 references"):
        score(["a"], ["a", "b"])


def test_normalisation_keeps_words_and_stops_only() -> None:
    assert normalise("The XXXX heart, (mildly) enlarged.\nNo right-sided\teffusion?") == (
        "the heart mildly enlarged . no right sided effusion"
    )
    assert normalise(None) == normalise(" ,; ") == ""


@pytest.mark.real_data
def test_the_constant_report_scores_on_r2gens_test_split_what_is_published(shared_data: Path) -> None:
    pytest.importorskip("torchxrayvision")
    from core.datasets.sources.openi import load_openi
    from core.vlm.evaluation_baselines import CONSTANT, TUNED

    table = load_openi(images=False, r2gen_split=shared_data / "openi" / "r2gen_split.csv").table
    references = [normalise(text) for text in table.loc[table["split"] == "test", "report_findings"]]
    assert len(references) == 590
    constant, tuned = ([normalise(one["findings"])] * 590 for one in (CONSTANT, TUNED))
    assert bleu(constant, references) == pytest.approx((0.464, 0.301, 0.209, 0.154), abs=5e-4)
    assert rouge_l(constant, references) == pytest.approx(0.373, abs=5e-4)
    assert bleu(tuned, references)[3] == pytest.approx(0.197, abs=5e-4)
