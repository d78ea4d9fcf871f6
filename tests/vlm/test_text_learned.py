"""METEOR, BERTScore and CheXbert on a WordNet of one entry and a BERT of two layers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.settings import ROOT
from core.vlm.evaluation import evaluate
from core.vlm.text_metrics.chexbert import CONDITIONS, CheXbert
from core.vlm.text_metrics.elsewhere import Unavailable, interpreters
from core.vlm.text_metrics.learned import load_learned
from core.vlm.text_metrics.measures import resample

transformers = pytest.importorskip("transformers")

VOCABULARY = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "heart", "is", "normal", "large", "no", "effusion")
EVERY = np.ones(3, dtype=bool)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def chexbert(bert: Path) -> Path:
    """The layout of the published file; the heads answer 'uncertain' for cardiomegaly and 'negative' for the rest."""
    state = {
        f"module.bert.{name}": value
        for name, value in transformers.BertModel.from_pretrained(bert).state_dict().items()
    }
    state["module.bert.embeddings.position_ids"] = torch.arange(512)[None]
    for place, condition in enumerate(CONDITIONS):
        bias = torch.zeros(2 if condition == "No Finding" else 4)
        bias[3 if condition == "Cardiomegaly" else 0 if condition == "No Finding" else 2] = 1
        state[f"module.linear_heads.{place}.weight"] = torch.zeros(len(bias), 16)
        state[f"module.linear_heads.{place}.bias"] = bias
    torch.save({"model_state_dict": state}, bert / "chexbert.pth")
    return bert / "chexbert.pth"


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    scores, missing = load_learned()
    assert scores == []
    assert [reason.split(" needs ")[0] for reason in missing.values()] == [
        "METEOR",
        "BERTScore",
        "CheXbert F1",
        "RadGraph F1",
        "RaTEScore",
        "GREEN",
    ]
    assert missing["green"].startswith("GREEN needs the packages green-score and sentence-transformers")
    assert sys.executable in missing["green"]
    assert missing["meteor"] == "METEOR needs the package nltk: run pip install nltk."


def test_another_python_is_asked_and_what_it_lacks_is_told(tmp_path: Path) -> None:
    _, missing = load_learned(pythons=interpreters([f"green={tmp_path / 'none'}"]))
    assert missing["green"] == f"GREEN cannot be asked: {tmp_path / 'none'}: No such file or directory."
    with pytest.raises(Unavailable, match="--score_python takes NAME=PYTHON"):
        interpreters(["bleu=python"])


def test_a_package_that_fails_is_told_and_the_other_scores_stay(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$3" = check ] || { echo "RuntimeError: no weights fit" >&2; exit 1; }\n')
    python.chmod(0o755)
    learned, _ = load_learned(pythons=interpreters([f"ratescore={python}"]))
    assert "ratescore" in [one.name for one in learned]
    rows = [{"id": f"{n}", "reference_findings": "No effusion.", "reference_impression": "Clear."} for n in range(3)]
    table = pd.DataFrame([row | {"findings": "No effusion.", "impression": "Clear."} for row in rows])
    found = evaluate({"ours": table}, learned=learned, resamples=5)
    assert found.unavailable["ratescore"] == f"RaTEScore failed in {python}: RuntimeError: no weights fit"
    assert found.systems["ours"].scores["rouge_l"].value == 1


def test_models_that_are_not_there_are_named(tmp_path: Path) -> None:
    pytest.importorskip("bert_score")
    _, missing = load_learned(bertscore_model="no/such-model", chexbert=tmp_path / "none.pth")
    assert missing["bertscore"].startswith("BERTScore needs the model no/such-model")
    _, missing = load_learned(bertscore_model=str(tmp_path / "none"), chexbert=tmp_path / "none.pth")
    assert missing["bertscore"] == f"BERTScore needs the model {tmp_path / 'none'}: there is no such folder."
    assert missing["chexbert"] == f"CheXbert F1 needs its weights: there is no file {tmp_path / 'none.pth'}."


def test_bertscore_is_one_for_equal_texts_and_nothing_for_none(bert: Path) -> None:
    pytest.importorskip("bert_score")
    scores, _ = load_learned(bertscore_model=str(bert))
    score = next(one for one in scores if one.name == "bertscore")
    texts = ["the heart is normal", "no effusion", ""]
    (measure,) = score.measures(texts, ["the heart is normal", "the heart is large", "no effusion"], EVERY)
    equal, unlike, empty = measure.counts[:, 0]
    assert equal == pytest.approx(1, abs=1e-5)
    assert 0 < unlike < 0.99
    assert empty == 0


def test_chexbert_reads_the_published_layout(bert: Path, chexbert: Path) -> None:
    found = CheXbert(chexbert, bert).asserted(["the heart is large", "", "no effusion"])
    assert found.shape == (3, 14)
    assert [CONDITIONS[place] for place in np.flatnonzero(found.all(axis=0))] == ["Cardiomegaly"]
    assert found.sum() == 3
    scores, _ = load_learned(chexbert=chexbert, chexbert_bert=str(bert))
    score = next(one for one in scores if one.name == "chexbert")
    values = resample(score.measures(["a"] * 3, ["b"] * 3, EVERY), np.arange(3), resamples=5)
    assert values["chexbert.micro_f1"][0] == 1


def test_weights_of_another_model_are_refused(bert: Path, tmp_path: Path) -> None:
    torch.save({"model_state_dict": {"module.bert.x": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="does not hold the weights of CheXbert"):
        CheXbert(tmp_path / "other.pth", bert)


def test_meteor_counts_synonyms(tmp_path: Path) -> None:
    pytest.importorskip("nltk")
    folder = tmp_path / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for name in ("cntlist.rev", "index.sense", *(f"{kind}.{part}" for kind in ("index", "data") for part in PARTS)):
        (folder / name).write_text("")
    for part in PARTS:
        (folder / f"{part}.exc").write_text("")
    (folder / "lexnames").write_text("00\tnoun.body\t1\n")
    (folder / "data.noun").write_text("00000000 00 n 02 lung 0 pulmo 0 000 | an organ of breathing\n")
    (folder / "index.noun").write_text("lung n 1 0 1 0 00000000\npulmo n 1 0 1 0 00000000\n")
    # In a process of its own: WordNet stays loaded.
    program = (
        "import nltk, numpy as np\n"
        "nltk.data.path = []\n"
        "from core.vlm.text_metrics.learned import load_learned\n"
        "print(load_learned()[1]['meteor'])\n"
        f"nltk.data.path = [{str(tmp_path)!r}]\n"
        "score = load_learned()[0][0]\n"
        "texts = ['The pulmo is clear.', 'The heart is clear.', '']\n"
        "print(*score.measures(texts, ['The lung is clear.'] * 3, np.ones(3, dtype=bool))[0].counts[:, 0])\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    missing, scores = run.stdout.splitlines()
    assert missing.startswith("METEOR needs WordNet")
    synonym, other, empty = map(float, scores.split())
    assert synonym > 0.98 > other > 0.5
    assert empty == 0


PARTS = ("adj", "adv", "noun", "verb")
