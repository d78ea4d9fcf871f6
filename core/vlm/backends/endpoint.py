"""The server of a model: llama.cpp, Ollama, vLLM, ``transformers serve`` or any other that speaks OpenAI's protocol."""

import base64
import io
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urldefrag

import openai
from openai.types.chat import ChatCompletionChunk
from PIL import Image

from core.vlm.backends.backend import Backend, BackendError, Decoding
from core.vlm.backends.opening import BackendChoice

_CHECK_SECONDS = 15.0


class Endpoint(Backend):
    """A model behind an address such as ``http://127.0.0.1:8000/v1``.

    Answers are streamed: a server that writes slowly is not taken for one that hangs, and what was written so far can
    be shown.

    Args:
        choice: address, and behind ``#`` the model where the server has several; limits; key.
        decoding: how words are drawn.

    Raises:
        BackendError: the server does not answer, or has no such model.
    """

    def __init__(self, choice: BackendChoice, decoding: Decoding | None = None) -> None:
        self._address, wanted = urldefrag(choice.name)
        self._timeout = choice.timeout
        self._retries = choice.retries
        self._client = openai.OpenAI(
            base_url=self._address,
            # The protocol wants some key; servers of one's own ignore it.
            api_key=choice.key or "none",
            timeout=choice.timeout,
            max_retries=choice.retries,
        )
        self.decoding = decoding or Decoding()
        self._model = self._served(wanted)
        self.identity = {"name": self._model, "version": f"served at {self._address}"}

    def answer(
        self,
        picture: Image.Image,
        prompt: str,
        *,
        seed: int,
        decoding: Decoding | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """As ``Backend.answer``; how far the seed is kept to is the server's affair."""
        chosen = decoding or self.decoding
        further = {} if chosen.repetition_penalty == 1 else {"repetition_penalty": chosen.repetition_penalty}
        asked: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": _content(picture, prompt)}],
            "temperature": chosen.temperature,
            "top_p": chosen.top_p if chosen.temperature > 0 else 1.0,
            "max_tokens": chosen.max_new_tokens,
            # Some servers take 32 bits only.
            "seed": seed % 2**31,
            "extra_body": further or None,
        }
        for attempt in range(self._retries + 1):
            try:
                text = self._streamed(asked, on_text)
                break
            except Exception as error:
                # What fails before the first word is tried again by the client itself.
                if attempt == self._retries or not _broke_off(error):
                    raise self._in_words(error) from None
        if not text.strip():
            raise BackendError(f"The server at {self._address} sent no answer: see that its model takes images.")
        return text

    def _streamed(self, asked: dict[str, Any], on_text: Callable[[str], None] | None) -> str:
        text, deadline = "", time.monotonic() + self._timeout
        with self._client.chat.completions.create(stream=True, **asked) as stream:
            for chunk in stream:
                if not isinstance(chunk, ChatCompletionChunk):
                    raise ValueError("This is no part of an answer.")
                for one in (chunk.choices or [])[:1]:
                    text += (one.delta.content if one.delta else None) or ""
                    if on_text:
                        on_text(text)
                if time.monotonic() > deadline:
                    raise TimeoutError("The answer takes too long.")
        return text

    def _served(self, wanted: str) -> str:
        """The model that is asked, which the server must have."""
        try:
            listing = self._client.with_options(timeout=min(self._timeout, _CHECK_SECONDS)).models.list()
            names = [str(one.id) for one in listing.data]
        except Exception as error:
            raise self._in_words(error) from None
        if wanted:
            # transformers serve lists what lies in the cache of the hub, and takes folders beside it.
            return wanted
        if not names:
            raise BackendError(f"The server at {self._address} names no model: put one behind its address as #MODEL.")
        return names[0]

    def _in_words(self, error: Exception) -> Exception:
        where = f"The server at {self._address}"
        if isinstance(error, openai.APITimeoutError | TimeoutError) or _named(error, "TimeoutException"):
            return BackendError(
                f"{where} took longer than {self._timeout:g} seconds: raise CHESTLENS_WRITER_TIMEOUT, or ask for less."
            )
        if isinstance(error, openai.APIStatusError):
            said = " ".join(str(error.message).split())[:200]
            if error.status_code in (401, 403):
                return BackendError(f"{where} refuses the key: set CHESTLENS_WRITER_KEY. It said: {said}")
            return BackendError(f"{where} answered with an error ({error.status_code}): {said}")
        connected = error.__cause__ is not None and _named(error.__cause__, "RemoteProtocolError", "ReadError")
        if isinstance(error, openai.APIConnectionError) and not connected:
            return BackendError(f"{where} cannot be reached: start it, or check the address.")
        if connected or _broke_off(error):
            return BackendError(f"{where} broke off its answer: see what its log says.")
        return BackendError(f"{where} talks nonsense: its answer is not of OpenAI's protocol.")


def _broke_off(error: Exception) -> bool:
    """Whether the connection was lost, or the server stopped, in the middle of an answer."""
    return _named(error, "RemoteProtocolError", "ReadError") or type(error) is openai.APIError


def _named(error: BaseException, *names: str) -> bool:
    # While an answer is streamed, errors are those of the client's own HTTP library, which differs by its version.
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _content(picture: Image.Image, prompt: str) -> list[dict[str, Any]]:
    address = {"url": _as_address(picture)}
    return [{"type": "image_url", "image_url": address}, {"type": "text", "text": prompt}]


def _as_address(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
