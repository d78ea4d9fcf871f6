"""The writer: a vision-language model that chooses the words of a report, sentence by sentence."""

import copy
import inspect
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import DynamicCache

from core.errors import ChestLensError
from core.settings import ROOT
from core.vlm.prompts import Reply, read_reply
from core.vlm.training import WriterTrainingError, chat_prompt, load_model

SHIPPED_WRITER = ROOT / "core" / "checkpoints" / "writer"

# Below so many weights further threads save no time, and cost tens of times as much where the machine is busy.
_ONE_THREAD = 50_000_000
# Candidates that are weighed at once; more would fill the memory with copies of the text so far.
_AT_ONCE = 16


class WriterError(ChestLensError):
    """The writer cannot be opened; the message says why."""


@dataclass(frozen=True)
class Decoding:
    """How words are drawn from the model.

    Attributes:
        temperature: 0 always takes the likeliest, 1 draws as often as the model finds it likely.
        top_p: of free text, the likeliest tokens that together have this probability are drawn from (Holtzman et al.,
            ICLR 2020).
        max_new_tokens: length of free text at most, in tokens.
    """

    temperature: float = 0.4
    top_p: float = 0.9
    max_new_tokens: int = 512


class Writer:
    """A loaded model folder. One text is worked on at a time; threads wait for each other.

    Args:
        folder: in Hugging Face form; by default the one that ChestLens ships.
        decoding: how words are drawn.

    Attributes:
        identity: name and version, as pages and records state them.

    Raises:
        WriterError: the folder holds no usable model.
    """

    def __init__(self, folder: str | Path = SHIPPED_WRITER, decoding: Decoding | None = None) -> None:
        self._model: Any
        self._processor: Any
        try:
            self._model, self._processor = load_model(folder)
        except WriterTrainingError as error:
            raise WriterError(str(error)) from None
        self._model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self.decoding = decoding or Decoding()
        self.identity = _identity(Path(folder))
        self._threads = 1 if self._model.num_parameters() < _ONE_THREAD else torch.get_num_threads()
        self._lock = threading.Lock()
        # Version 5.24 of transformers calls it cache.
        accepted = inspect.signature(self._model.forward).parameters
        self._memory_name = "cache" if "cache" in accepted else "past_key_values"

    def begin(self, picture: Image.Image, prompt: str) -> "TextInProgress":
        """A text that answers a prompt, empty so far.

        Args:
            picture: as ``core.vlm.pictures`` makes it.
            prompt: as ``core.vlm.prompts`` renders it.
        """
        inputs = self._inputs(picture, prompt)
        memory = DynamicCache(config=self._model.config.get_text_config())
        with self._at_work():
            logits = self._read_on(memory, **inputs)
        return TextInProgress(self, memory, logits[0, -1])

    def reply(self, picture: Image.Image, prompt: str, *, seed: int) -> Reply:
        """A free text, in its parts; the same seed gives the same text. Nothing vouches for what it says."""
        inputs = self._inputs(picture, prompt)
        temperature = self.decoding.temperature
        sampling = {"do_sample": True, "temperature": temperature, "top_p": self.decoding.top_p, "top_k": 0}
        # The draws of the rest of the program are not to depend on how much was written.
        with self._at_work(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            tokens = self._model.generate(
                **inputs,
                **(sampling if temperature > 0 else {"do_sample": False}),
                max_new_tokens=self.decoding.max_new_tokens,
            )
        written = tokens[0, inputs["input_ids"].shape[1] :]
        return read_reply(str(self._processor.tokenizer.decode(written, skip_special_tokens=True)))

    def _inputs(self, picture: Image.Image, prompt: str) -> Any:
        text = chat_prompt(self._processor, prompt)
        return self._processor(images=picture, text=text, return_tensors="pt").to(self._model.device)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Alone with the model, without gradients, on as many threads as pay."""
        before = torch.get_num_threads()
        with self._lock, torch.inference_mode():
            torch.set_num_threads(self._threads)
            try:
                yield
            finally:
                torch.set_num_threads(before)

    def _tokens(self, text: str) -> list[int]:
        return list(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _read_on(self, memory: DynamicCache, **inputs: Any) -> torch.Tensor:
        """Logits (B, T, V) of the next token behind each of the inputs, which the memory then holds too."""
        logits: torch.Tensor = self._model(**inputs, **{self._memory_name: memory}, use_cache=True).logits
        return logits


class TextInProgress:
    """What was written so far, and how likely the writer finds each of several ways to go on.

    Made by ``Writer.begin``.
    """

    def __init__(self, writer: Writer, memory: DynamicCache, last: torch.Tensor) -> None:
        self._writer = writer
        self._memory = memory
        self._last = last

    def likelihoods(self, candidates: Sequence[str]) -> list[float]:
        """The mean log-probability of a token of each candidate, as what comes next.

        The mean, because the sum would always prefer to say less.
        """
        found: list[float] = []
        for start in range(0, len(candidates), _AT_ONCE):
            found += self._likelihoods([self._writer._tokens(text) for text in candidates[start : start + _AT_ONCE]])
        return found

    def add(self, text: str) -> None:
        """Go on with this text."""
        with self._writer._at_work():
            tokens = torch.tensor([self._writer._tokens(text)], device=self._last.device)
            self._last = self._writer._read_on(self._memory, input_ids=tokens)[0, -1]

    def _likelihoods(self, candidates: list[list[int]]) -> list[float]:
        longest = max(map(len, candidates))
        # What is filled up at the right is seen by nothing before it.
        rows = [tokens + [0] * (longest - len(tokens)) for tokens in candidates]
        with self._writer._at_work():
            filled = torch.tensor(rows, device=self._last.device)
            memory = copy.deepcopy(self._memory)
            memory.batch_repeat_interleave(len(candidates))
            logits = self._writer._read_on(memory, input_ids=filled)[:, :-1]
            first = self._last.expand(len(candidates), 1, -1)
            chances = torch.cat([first, logits], dim=1).float().log_softmax(dim=-1)
            each = chances.gather(2, filled[..., None])[..., 0]
            return [float(each[row, : len(tokens)].mean()) for row, tokens in enumerate(candidates)]


def _identity(folder: Path) -> dict[str, str]:
    """What ``identity.json`` says, or the folder's name for models of others."""
    try:
        stored = json.loads((folder / "identity.json").read_text())
        return {"name": str(stored["name"]), "version": str(stored["version"])}
    except (OSError, ValueError, KeyError):
        return {"name": folder.name, "version": "not stated"}
