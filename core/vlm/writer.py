"""The writer: a vision-language model that turns evidence into Findings and Impression."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import PreTrainedTokenizerBase, TextStreamer

from core.settings import ROOT
from core.vlm.prompts import Reply, read_reply
from core.vlm.training import WriterTrainingError, chat_prompt, load_model

SHIPPED_WRITER = ROOT / "core" / "checkpoints" / "writer"

# Below so many weights further threads save no time, and cost tens of times as much where the machine is busy.
_ONE_THREAD = 50_000_000


class WriterError(ValueError):
    """The writer cannot be opened; the message says why."""


@dataclass(frozen=True)
class Decoding:
    """How text is drawn from the model.

    Attributes:
        temperature: of the first draft; 0 always takes the likeliest token.
        top_p: the likeliest tokens that together have this probability are drawn from (Holtzman et al., ICLR 2020).
        retry_temperature: of further drafts, wanted where the first cannot be shown.
        attempts: drafts at most.
        max_new_tokens: length of a draft at most, in tokens.
    """

    temperature: float = 0.4
    top_p: float = 0.9
    retry_temperature: float = 0.7
    attempts: int = 4
    max_new_tokens: int = 512


class Writer:
    """A loaded model folder. One text is written at a time; threads wait for each other.

    Args:
        folder: in Hugging Face form; by default the one that ChestLens ships.
        decoding: how text is drawn.

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

    def replies(
        self, picture: Image.Image, prompt: str, *, seed: int, on_text: Callable[[str], None] | None = None
    ) -> Iterator[Reply]:
        """Drafts, one after another, each made only when it is asked for; the same seed gives the same drafts.

        Args:
            picture: as ``core.vlm.pictures`` makes it.
            prompt: as ``core.vlm.prompts`` renders it.
            seed: of all draws.
            on_text: is given the first draft's text piece by piece while it is written.
        """
        inputs = self._processor(images=picture, text=chat_prompt(self._processor, prompt), return_tensors="pt").to(
            self._model.device
        )
        for attempt in range(self.decoding.attempts):
            temperature = self.decoding.temperature if attempt == 0 else self.decoding.retry_temperature
            streamer = _Pieces(self._processor.tokenizer, on_text) if on_text and attempt == 0 else None
            yield read_reply(self._draw(inputs, temperature, seed + attempt, streamer))

    @torch.inference_mode()
    def _draw(
        self, inputs: dict[str, torch.Tensor], temperature: float, seed: int, streamer: TextStreamer | None
    ) -> str:
        sampling = {"do_sample": True, "temperature": temperature, "top_p": self.decoding.top_p, "top_k": 0}
        # The draws of the rest of the program are not to depend on how much was written.
        with self._lock, torch.random.fork_rng(devices=[]), _threads(self._threads):
            torch.manual_seed(seed)
            tokens = self._model.generate(
                **inputs,
                **(sampling if temperature > 0 else {"do_sample": False}),
                max_new_tokens=self.decoding.max_new_tokens,
                streamer=streamer,
            )
        written = tokens[0, inputs["input_ids"].shape[1] :]
        return str(self._processor.tokenizer.decode(written, skip_special_tokens=True))


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Limit torch's threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Pieces(TextStreamer):
    """Hands finished words on instead of printing them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, on_text: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called by the model with each finished piece."""
        self._on_text(text)


def _identity(folder: Path) -> dict[str, str]:
    """What ``identity.json`` says, or the folder's name for models of others."""
    try:
        stored = json.loads((folder / "identity.json").read_text())
        return {"name": str(stored["name"]), "version": str(stored["version"])}
    except (OSError, ValueError, KeyError):
        return {"name": folder.name, "version": "not stated"}
