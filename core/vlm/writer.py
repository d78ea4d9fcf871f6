"""The writer: a vision-language model that chooses the words of a report, sentence by sentence."""

import copy
import inspect
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import DynamicCache, PreTrainedModel, TextStreamer

from core.vlm.backends.backend import Backend, Decoding
from core.vlm.backends.opening import SHIPPED_WRITER
from core.vlm.chat import chat_prompt
from core.vlm.models import HUB, Opening, load_model

# Below so many weights further threads save no time, and cost tens of times as much where the machine is busy.
_ONE_THREAD = 50_000_000
# Candidates that are weighed at once where each needs a copy of the text so far; more would fill the memory.
_AT_ONCE = 6
# Kinds of language models that read several ways to go on as the branches of one tree: nothing but the mask tells them
# what lies before a token, and its position is a number.
_BRANCHING = ("llama",)


class Writer(Backend):
    """A model in this process. One text is worked on at a time; threads wait for each other.

    Args:
        source: folder of a model or an adapter, or ``hf:OWNER/MODEL``; by default the one that ChestLens ships.
        decoding: how words are drawn.
        opening: in which numbers, with which adapter.

    Attributes:
        identity: name and version, as pages and records state them.

    Raises:
        WriterError: there is no usable model; the message says why.
    """

    weighs = True

    def __init__(
        self,
        source: str | Path = SHIPPED_WRITER,
        decoding: Decoding | None = None,
        *,
        opening: Opening | None = None,
    ) -> None:
        self._model: Any
        self._processor: Any
        self._model, self._processor = load_model(source, opening)
        self._model.eval()
        if opening is None or opening.precision != "4bit":
            self._model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.decoding = decoding or Decoding()
        self.identity = _identity(source, opening)
        count = sum(parameter.numel() for parameter in self._model.parameters())
        self._threads = 1 if count < _ONE_THREAD else torch.get_num_threads()
        self._lock = threading.Lock()
        inner = self._model if isinstance(self._model, PreTrainedModel) else self._model.get_base_model()
        self._text_config = inner.config.get_text_config()
        self._branching = self._text_config.model_type in _BRANCHING
        # Kept in the model's own settings, so that what is trained on or merged from it says the same.
        self.answers_questions = bool(getattr(inner.config, "answers_questions", True))
        # Version 5.24 of transformers calls it cache.
        accepted = inspect.signature(inner.forward).parameters
        self._memory_name = "cache" if "cache" in accepted else "past_key_values"

    def begin(self, picture: Image.Image, prompt: str) -> "TextInProgress":
        """A text that answers a prompt, empty so far.

        Args:
            picture: as ``core.vlm.pictures`` makes it.
            prompt: as ``core.vlm.prompts`` renders it.
        """
        inputs = self._inputs(picture, prompt)
        memory = DynamicCache(config=self._text_config)
        with self._at_work():
            logits = self._read_on(memory, **inputs)
        return TextInProgress(self, memory, logits[0, -1])

    def answer(
        self,
        picture: Image.Image,
        prompt: str,
        *,
        seed: int,
        decoding: Decoding | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """As ``Backend.answer``."""
        chosen = decoding or self.decoding
        inputs = self._inputs(picture, prompt)
        sampling = {"do_sample": True, "temperature": chosen.temperature, "top_p": chosen.top_p, "top_k": 0}
        tokenizer = self._processor.tokenizer
        streamer = None if on_text is None else _Told(tokenizer, on_text)
        # The draws of the rest of the program are not to depend on how much was written.
        with self._at_work(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            tokens = self._model.generate(
                **inputs,
                **(sampling if chosen.temperature > 0 else {"do_sample": False}),
                max_new_tokens=chosen.max_new_tokens,
                repetition_penalty=chosen.repetition_penalty,
                streamer=streamer,
            )
        written = tokens[0, inputs["input_ids"].shape[1] :]
        return str(tokenizer.decode(written, skip_special_tokens=True))

    def _inputs(self, picture: Image.Image, prompt: str) -> Any:
        text = chat_prompt(self._processor, prompt)
        return self._processor(images=[[picture]], text=[text], return_tensors="pt").to(self._model.device)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Alone with the model, without gradients, on as many threads as pay."""
        self.give_way()
        before = torch.get_num_threads()
        with self._lock, torch.inference_mode():
            torch.set_num_threads(self._threads)
            try:
                yield
            finally:
                torch.set_num_threads(before)

    def count_tokens(self, text: str) -> int:
        """As ``Backend.count_tokens``."""
        return len(self._tokens(text))

    def _tokens(self, text: str) -> list[int]:
        return list(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _read_on(self, memory: DynamicCache, **inputs: Any) -> torch.Tensor:
        """Logits (B, T, V) of the next token behind each of the inputs, which the memory then holds too."""
        logits: torch.Tensor = self._model(**inputs, **{self._memory_name: memory}, use_cache=True).logits
        return logits


class _Told(TextStreamer):
    """Tells of a text while it is written."""

    def __init__(self, tokenizer: Any, tell: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._tell = tell
        self._text = ""

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Take what is certain of the text."""
        self._text += text
        self._tell(self._text)


class TextInProgress:
    """What was written so far, and how likely the writer finds each of several ways to go on.

    Made by ``Writer.begin``.
    """

    def __init__(self, writer: Writer, memory: DynamicCache, last: torch.Tensor) -> None:
        self._writer = writer
        self._memory = memory
        self._last = last
        # What was weighed last: often one of it is what the text goes on with.
        self._weighed: _Branches | None = None

    def likelihoods(self, candidates: Sequence[str]) -> list[float]:
        """The mean log-probability of a token of each candidate, as what comes next.

        The mean, because the sum would always prefer to say less.
        """
        rows = [self._writer._tokens(text) for text in candidates]
        if max(map(len, rows), default=1) == 1:
            # What comes next is known already.
            chances = self._last.float().log_softmax(dim=-1)
            return [float(chances[tokens[0]]) for tokens in rows]
        if self._writer._branching:
            with self._writer._at_work():
                self._weighed = _Branches(self._writer, self._memory, self._last, rows)
            return self._weighed.likelihoods
        return [one for start in range(0, len(rows), _AT_ONCE) for one in self._apart(rows[start : start + _AT_ONCE])]

    def add(self, text: str) -> None:
        """Go on with this text."""
        tokens = self._writer._tokens(text)
        with self._writer._at_work():
            if self._weighed is not None and tokens in self._weighed.rows:
                self._memory, self._last = self._weighed.after(tokens)
            else:
                read = torch.tensor([tokens], device=self._last.device)
                self._last = self._writer._read_on(self._memory, input_ids=read)[0, -1]
        self._weighed = None

    def _apart(self, candidates: list[list[int]]) -> list[float]:
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


class _Branches:
    """Several ways to go on, read at once as one tree: what they begin with in common is read once.

    Each token sees the text so far and the tokens before it on its own branch (Miao et al., SpecInfer, 2024).

    Args:
        writer: at work.
        memory: of the text so far, which stays as it is.
        last: logits (V) of what comes next.
        rows: tokens of each way.

    Attributes:
        rows: as given.
        likelihoods: mean log-probability of a token of each.
    """

    def __init__(self, writer: Writer, memory: DynamicCache, last: torch.Tensor, rows: list[list[int]]) -> None:
        self.rows = rows
        self._past = memory.get_seq_length()
        self._paths, tokens, parents = _tree(rows)
        branch = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
        for place, parent in enumerate(parents):  # parents come first
            if parent >= 0:
                branch[place] = branch[parent]
            branch[place, place] = True
        read = torch.tensor([tokens], device=last.device)
        # Attention takes a mask in the numbers that it computes in, which need not be those of the logits.
        held: Any = memory.layers[0]
        kind = held.keys.dtype
        mask = torch.zeros(len(tokens), self._past + len(tokens), dtype=kind)
        mask[:, self._past :].masked_fill_(~branch, torch.finfo(kind).min)
        positions = self._past + branch.sum(dim=1) - 1
        # Reading on puts what is there and what comes into new tensors, so that the given memory need not be copied.
        self._memory = copy.copy(memory)
        self._memory.layers = [copy.copy(layer) for layer in memory.layers]
        where = {"attention_mask": mask[None, None].to(last.device), "position_ids": positions[None].to(last.device)}
        self._logits = writer._read_on(self._memory, input_ids=read, **where)[0]
        # The last row is what -1 points to: what every way begins with comes after the text so far.
        known = torch.cat([self._logits, last[None]]).float().log_softmax(dim=-1)
        chances = known[parents, read[0]].tolist()
        self.likelihoods = [sum(chances[place] for place in path) / len(path) for path in self._paths]

    def after(self, tokens: list[int]) -> tuple[DynamicCache, torch.Tensor]:
        """The memory of the text with one of the ways added, and the logits of what comes next; once only."""
        path = torch.tensor(self._paths[self.rows.index(tokens)], device=self._logits.device)
        kept = torch.cat([torch.arange(self._past, device=path.device), self._past + path])
        layers: list[Any] = self._memory.layers
        for layer in layers:
            layer.keys, layer.values = (held.index_select(-2, kept) for held in (layer.keys, layer.values))
        return self._memory, self._logits[path[-1]]


def _tree(rows: list[list[int]]) -> tuple[list[list[int]], list[int], list[int]]:
    """The tree in which what rows begin with in common stands once.

    Returns:
        The places of each row's tokens, and token and parent of each place, -1 for those without one.
    """
    places: dict[tuple[int, int], int] = {}
    paths: list[list[int]] = []
    for tokens in rows:
        path: list[int] = []
        for token in tokens:
            path.append(places.setdefault((path[-1] if path else -1, token), len(places)))
        paths.append(path)
    return paths, [token for _, token in places], [parent for parent, _ in places]


def _identity(source: str | Path, opening: Opening | None) -> dict[str, str]:
    """Name and version as ``identity.json`` says; the names of the folders for models of others, which have none."""
    try:
        stored = json.loads((Path(source) / "identity.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stored = None
    if not isinstance(stored, dict):
        stored = {}
    folder = str(source) if str(source).startswith(HUB) else Path(source).name
    name, version = str(stored.get("name", folder)), str(stored.get("version", "not stated"))
    if opening is not None and opening.adapter:
        name += f" with the adapter {Path(opening.adapter).name}"
    return {"name": name, "version": version}
