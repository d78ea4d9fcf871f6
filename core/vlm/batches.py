"""Conversations to batches: the model's processor encodes prompt and answer together; only the answer is learned."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from PIL import Image
from transformers import ProcessorMixin

from core.anatomy import upright
from core.imaging import read_safely
from core.vlm.chat import asked, chat_prompt
from core.vlm.models import WriterTrainingError
from core.vlm.pictures import picture_of

IGNORED = -100
"""Label of a token that is not learned."""


def load_records(path: Path, *, limit: int = 0) -> Dataset:
    """Conversations as the trainer reads them.

    Args:
        path: JSON file that ``python -m core.vlm prepare`` wrote.
        limit: records at most; 0 for all.

    Returns:
        Rows of ``image`` (path), ``request``, ``reply`` and ``length`` (characters of both, by which records of a
        batch are chosen alike).

    Raises:
        WriterTrainingError: the file is missing or not such a file.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        rows = []
        for record in records[:limit] if limit else records:
            request, reply = (turn["value"] for turn in record["conversations"][:2])
            rows.append({"image": record["image"], "request": request, "reply": reply})
            rows[-1]["length"] = len(request) + len(reply)
    except FileNotFoundError:
        raise WriterTrainingError(f"{path} does not exist; make it with python -m core.vlm prepare.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise WriterTrainingError(f"{path} is not a file of conversations ({error}); make it anew.") from None
    if not rows:
        raise WriterTrainingError(f"{path} holds no record; prepare a table with reports of that split.")
    return Dataset.from_list(rows)


class Collator:
    """Records to one batch of whatever the model's processor makes of them, padded at the right.

    Args:
        processor: of the model.
        ends: ids of the tokens that end an answer, from the model's generation settings.
    """

    def __init__(self, processor: ProcessorMixin, ends: Sequence[int] = ()) -> None:
        self._processor = processor
        self._ends = {*ends, processor.tokenizer.eos_token_id}

    def __call__(self, records: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Token ids, attention mask, the images in the class's own form, and labels that ignore all but the answer."""
        tokenizer = self._processor.tokenizer
        prompts = [chat_prompt(self._processor, record["request"]) for record in records]
        whole = [self._answered(prompt, record) for prompt, record in zip(prompts, records, strict=True)]
        batch = dict(
            self._processor(
                # A list for each text: classes that take several images to a text cannot tell otherwise.
                images=[[picture(record["image"])] for record in records],
                text=list(whole),
                padding=True,
                padding_side="right",
                return_tensors="pt",
            )
        )
        labels = torch.full_like(batch["input_ids"], IGNORED)
        lengths = batch["attention_mask"].sum(dim=1).tolist()
        for row, (prompt, text, length) in enumerate(zip(prompts, whole, lengths, strict=True)):
            # Images only lengthen the prompt, so the answer is as long as in the text without them.
            asked, written = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (prompt, text))
            shared = next(
                (place for place, (one, other) in enumerate(zip(asked, written, strict=False)) if one != other),
                len(asked),
            )
            answer = len(written) - shared
            labels[row, length - answer : length] = batch["input_ids"][row, length - answer : length]
        batch["labels"] = labels
        return batch

    def _answered(self, prompt: str, record: dict[str, Any]) -> str:
        """The whole conversation as the chat template writes it, ended as the model ends its answers."""
        messages = [
            *asked(record["request"]),
            {"role": "assistant", "content": [{"type": "text", "text": record["reply"]}]},
        ]
        tokenizer = self._processor.tokenizer
        text = self._processor.apply_chat_template(messages, tokenize=False).rstrip()
        if not text.startswith(prompt):
            # Some templates write a finished answer otherwise than the beginning of one.
            text = prompt + record["reply"]
        ids = tokenizer(text[len(prompt) :], add_special_tokens=False)["input_ids"]
        return text if ids and ids[-1] in self._ends else text + tokenizer.eos_token


@lru_cache(maxsize=5000)
def picture(path: str) -> Image.Image:
    """The picture of a radiograph file; a few thousand stay in memory, since records share images."""
    try:
        return picture_of(upright(read_safely(Path(path).read_bytes())))
    except FileNotFoundError:
        raise WriterTrainingError(f"The image {path} is missing; prepare the records again.") from None
