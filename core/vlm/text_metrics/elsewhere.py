"""Scores whose packages are given a process of their own: GREEN, RaTEScore and RadGraph F1."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from core.errors import ChestLensError

_PROGRAM = Path(__file__).with_name("libraries.py")

Library = Literal["radgraph", "ratescore", "green"]
LIBRARIES: tuple[Library, ...] = get_args(Library)
TITLES: dict[Library, str] = {"radgraph": "RadGraph F1", "ratescore": "RaTEScore", "green": "GREEN"}
# RaTEScore has two: one finds entities, one says how alike two of them are.
_MODELS: dict[Library, tuple[str, ...]] = {
    "radgraph": ("radgraph-xl",),
    "ratescore": ("Angelakeke/RaTE-NER-Deberta", "FremyCompany/BioLORD-2023-C"),
    "green": ("StanfordAIMI/GREEN-radllama2-7b",),
}


class Unavailable(ChestLensError):
    """A score cannot be had here; the message says what is missing."""


class Elsewhere:
    """One of the three scores.

    Args:
        name: which.
        python: the interpreter that has its package; by default the one that runs ChestLens.
        models: folders, or names in the local cache of the hub; by default the published ones.

    Raises:
        Unavailable: package or weights are missing, or the interpreter.
    """

    def __init__(self, name: Library, python: str | None = None, models: Sequence[str] | None = None) -> None:
        self._name, self._python = name, python or sys.executable
        self._models = tuple(models or _MODELS[name])
        if lacking := self._run("check", name, *self._models).strip():
            raise Unavailable(f"{TITLES[name]} needs {lacking}")

    def scores(self, candidates: Sequence[str], references: Sequence[str]) -> list[float]:
        """A number in [0, 1] for each pair.

        Raises:
            Unavailable: the package failed.
        """
        with tempfile.TemporaryDirectory() as folder:
            pairs, out = Path(folder) / "pairs.json", Path(folder) / "scores.json"
            given = {"candidates": list(candidates), "references": list(references)}
            pairs.write_text(json.dumps(given), encoding="utf-8")
            self._run("score", self._name, str(pairs), str(out), *self._models)
            return [float(one) for one in json.loads(out.read_text(encoding="utf-8"))]

    def _run(self, *arguments: str) -> str:
        # Isolated: this folder's modules are not the package's business.
        command = [self._python, "-I", str(_PROGRAM), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            raise Unavailable(f"{TITLES[self._name]} cannot be asked: {self._python}: {error.strerror}.") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise Unavailable(f"{TITLES[self._name]} failed in {self._python}: {last[:300]}")
        return done.stdout


def interpreters(given: Sequence[str]) -> Mapping[Library, str]:
    """What ``--score_python NAME=PYTHON`` says, given any number of times.

    Raises:
        Unavailable: it is not of that form.
    """
    found: dict[Library, str] = {}
    for one in given:
        name, equals, python = one.partition("=")
        if name not in LIBRARIES or not equals or not python:
            raise Unavailable(f"--score_python takes NAME=PYTHON with one of {', '.join(LIBRARIES)}, not {one!r}.")
        found[name] = python
    return found
