"""Requests in the form that a model's chat template takes; what serving shares with training."""

from typing import TYPE_CHECKING, Any

from core.vlm.models import WriterTrainingError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def chat_prompt(processor: "ProcessorMixin", request: str) -> str:
    """The request as the model's chat template writes it, with the image before the text and the answer to follow.

    Raises:
        WriterTrainingError: the model has no chat template.
    """
    if not getattr(processor, "chat_template", None):
        raise WriterTrainingError(
            "The model has no chat template (chat_template.jinja), so it is not known how it is to be asked."
        )
    return processor.apply_chat_template(asked(request), add_generation_prompt=True, tokenize=False)


def asked(request: str) -> list[Any]:
    """A request as the first turn of a conversation, with the image before the text."""
    text = request.removeprefix("<image>").lstrip("\n")
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
