"""What every writer can do, wherever its model runs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from core.errors import ChestLensError


class BackendError(ChestLensError):
    """A backend cannot be reached, or answers nonsense; the message says which."""


@dataclass(frozen=True)
class Decoding:
    """How words are drawn from a model.

    Attributes:
        temperature: 0 always takes the likeliest, 1 draws as often as the model finds it likely.
        top_p: of free text, the likeliest tokens that together have this probability are drawn from (Holtzman et al.,
            ICLR 2020).
        max_new_tokens: length of free text at most, in tokens.
        repetition_penalty: by which the scores of tokens that were written already are divided (Keskar et al., 2019);
            1 for none.
    """

    temperature: float = 0.4
    top_p: float = 0.9
    max_new_tokens: int = 512
    repetition_penalty: float = 1.0


class Weighing(Protocol):
    """A text in progress, and how likely the model finds each of several ways to go on."""

    def likelihoods(self, candidates: Sequence[str]) -> list[float]:
        """The mean log-probability of a token of each candidate, as what comes next."""

    def add(self, text: str) -> None:
        """Go on with this text."""


class Backend(ABC):
    """A model that is asked about a picture.

    Attributes:
        identity: name and version, as pages and records state them.
        decoding: how words are drawn, where a call does not say.
        weighs: whether it can say how likely it finds a given text (``begin``); a server cannot.
        answers_questions: whether it is asked what people ask; a model that learned to write reports only answers any
            question with a report, of which nothing could be used.
        give_way: is called before each piece of work that this process does itself; what is more urgent is waited for
            in it.
    """

    identity: dict[str, str]
    decoding: Decoding
    weighs: bool = False
    answers_questions: bool = True
    give_way: Callable[[], object] = staticmethod(lambda: None)

    @abstractmethod
    def answer(
        self,
        picture: Image.Image,
        prompt: str,
        *,
        seed: int,
        decoding: Decoding | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """A free text; the same seed gives the same text, as far as the backend keeps to it. Nothing vouches for it.

        Args:
            picture: as ``core.vlm.pictures`` makes it.
            prompt: as ``core.vlm.prompts`` renders it.
            seed: of the draws.
            decoding: how words are drawn.
            on_text: is given the text so far, now and then, while it is written.

        Raises:
            BackendError: there is no answer; the message says why.
        """

    def count_tokens(self, text: str) -> int | None:
        """How many tokens a text is to the model; None where that is not known, as of a server's."""
        return None

    def begin(self, picture: Image.Image, prompt: str) -> Weighing:
        """A text that answers a prompt, empty so far, whose ways to go on can be weighed.

        Raises:
            BackendError: this backend cannot weigh texts.
        """
        raise BackendError(f"{self.identity['name']} gives no probabilities of a given text.")
