"""How the structured passes draw their answers, under the names that their users know (LLaVA-Med on MIMIC)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from core.errors import ChestLensError

DrawnPass = Literal["chexpert", "icd"]
"""The passes whose answers can be drawn at random and voted on."""


class SettingError(ChestLensError):
    """A setting has a value that makes no sense; the message says which one is expected."""


@dataclass(frozen=True)
class Draws:
    """How one pass is answered.

    Attributes:
        votes: number of answers; 1 where none is drawn at random, as all would be the same.
        temperature: of the draws, 0 for the likeliest answer.
        max_new_tokens: length of a free answer at most, in tokens.
    """

    votes: int
    temperature: float
    max_new_tokens: int


@dataclass(frozen=True)
class PassSettings:
    """Settings of the three passes; each is an environment variable and an option of the same name.

    Attributes:
        imp_max_new_tokens: length of the impression at most, in tokens.
        chexpert_vote, icd_vote: answers that are drawn; the majority counts, and a tie for the more cautious value.
        chexpert_positive_bias, chexpert_negative_bias: added to the log-probability of a label's 1, and of its 0.
        icd_positive_bias, icd_negative_bias: added to the log-probability that a code applies, and that it does not.
        chexpert_do_sample, icd_do_sample: whether answers are drawn at random, or the likeliest taken each time.
        chexpert_temperature, icd_temperature: of the draws.
        chexpert_max_new_tokens, icd_max_new_tokens: length of an answer at most, where it is written freely.
        enable_label_keywords: whether labels that the pass leaves open are read from the report's words.
    """

    imp_max_new_tokens: int = 120
    chexpert_vote: int = 1
    chexpert_positive_bias: float = 4.0
    chexpert_negative_bias: float = -0.5
    chexpert_do_sample: bool = False
    chexpert_temperature: float = 0.75
    chexpert_max_new_tokens: int = 140
    icd_vote: int = 1
    icd_positive_bias: float = 0.0
    icd_negative_bias: float = 0.0
    icd_do_sample: bool = False
    icd_temperature: float = 0.75
    icd_max_new_tokens: int = 100
    enable_label_keywords: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = limits(field.name)
            if not low <= value <= high:
                raise SettingError(f"{field.name.upper()} must lie between {low:g} and {high:g}, not {value}.")

    def draws(self, name: DrawnPass) -> Draws:
        """How this pass is answered."""
        drawn: bool = getattr(self, f"{name}_do_sample")
        return Draws(
            getattr(self, f"{name}_vote") if drawn else 1,
            getattr(self, f"{name}_temperature") if drawn else 0.0,
            getattr(self, f"{name}_max_new_tokens"),
        )

    @classmethod
    def of(
        cls, given: Mapping[str, object] | None = None, environment: Mapping[str, str] = os.environ
    ) -> "PassSettings":
        """What options say, then the environment, then the defaults.

        Args:
            given: values by field name, None for what is left out.
            environment: by default that of the process.

        Raises:
            SettingError: a value is not of its kind or out of its range.
        """
        values: dict[str, object] = {}
        for field in fields(cls):
            value: object = (given or {}).get(field.name)
            if value is None and (text := environment.get(field.name.upper(), "").strip()):
                value = text
            if value is not None:
                values[field.name] = parse(field.name, str(value))
        return cls(**values)  # type: ignore[arg-type]  # each value is of its field's kind


def kind_of(name: str) -> type:
    """bool, int or float."""
    return type(next(field.default for field in fields(PassSettings) if field.name == name))


def limits(name: str) -> tuple[float, float]:
    """Lowest and highest value of a setting."""
    if kind_of(name) is bool:
        return 0, 1
    if name.endswith("vote"):
        return 1, 99
    if name.endswith("tokens"):
        return 1, 4096
    return (0.01, 10) if name.endswith("temperature") else (-100, 100)


def parse(name: str, text: str) -> bool | int | float:
    """A setting's value from text.

    Raises:
        SettingError: the text is none.
    """
    kind = kind_of(name)
    if kind is bool:
        words = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
        if text.lower() not in words:
            raise SettingError(f"{name.upper()} must be 1 or 0, not {text!r}.")
        return words[text.lower()]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise SettingError(f"{name.upper()} must be {what}, not {text!r}.") from None
