"""A backend by its name: ``shipped``, a folder, ``hf:OWNER/MODEL``, or the address of a server."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.settings import ROOT
from core.vlm.backends.backend import Backend, BackendError, Decoding

SHIPPED_WRITER = ROOT / "core" / "checkpoints" / "writer"
SHIPPED = "shipped"
HUB = "hf:"
"""Prefix of a model on the Hugging Face hub; nothing else reaches for the network."""


@dataclass(frozen=True)
class BackendChoice:
    """Which backend, and how it is opened or asked.

    Attributes:
        name: ``shipped``, a folder, ``hf:OWNER/MODEL`` or an address.
        adapter: folder of a LoRA adapter for a model in this process.
        precision: of such a model: auto, fp32, bf16 or 4bit.
        trust_remote_code: whether Python code that comes with it may run.
        timeout: seconds that a server may take for one answer.
        retries: further attempts after an answer that failed.
        key: of a server, from ``CHESTLENS_WRITER_KEY``; sent nowhere else and never stored.
    """

    name: str = SHIPPED
    adapter: str | None = None
    precision: str = "auto"
    trust_remote_code: bool = False
    timeout: float = 120.0
    retries: int = 2
    key: str | None = None

    @classmethod
    def of(
        cls,
        name: str | Path | None = None,
        *,
        adapter: str | Path | None = None,
        precision: str | None = None,
        trust_remote_code: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> "BackendChoice":
        """What options and environment say.

        Args:
            name: as given; ``CHESTLENS_WRITER`` where left out, then ``MERGED_WEIGHTS_PATH`` where
                ``USE_MERGED_WEIGHTS`` is 1, then the shipped one.
            adapter, precision, trust_remote_code: as given, then ``CHESTLENS_WRITER_ADAPTER``,
                ``CHESTLENS_WRITER_PRECISION``, ``CHESTLENS_WRITER_TRUST_REMOTE_CODE``.
            environment: by default that of the process.

        Raises:
            BackendError: a variable has a value that makes no sense.
        """
        chosen = str(name) if name else environment.get("CHESTLENS_WRITER") or _merged(environment) or SHIPPED
        return cls(
            name=chosen,
            adapter=str(adapter) if adapter else environment.get("CHESTLENS_WRITER_ADAPTER") or None,
            precision=precision or environment.get("CHESTLENS_WRITER_PRECISION") or "auto",
            trust_remote_code=trust_remote_code or environment.get("CHESTLENS_WRITER_TRUST_REMOTE_CODE") == "1",
            timeout=_number(environment, "CHESTLENS_WRITER_TIMEOUT", 120.0, lowest=0.1),
            retries=int(_number(environment, "CHESTLENS_WRITER_RETRIES", 2, lowest=0)),
            key=environment.get("CHESTLENS_WRITER_KEY") or None,
        )

    @property
    def is_server(self) -> bool:
        """Whether the model runs elsewhere."""
        return self.name.startswith(("http://", "https://"))


def check_backend(choice: BackendChoice) -> None:
    """Refuse at once what cannot work, without opening a model: for the start of a server.

    Raises:
        BackendError: a folder holds no model, or a server does not answer.
    """
    if choice.is_server:
        from core.vlm.backends.endpoint import Endpoint

        Endpoint(choice)
        return
    if choice.name == SHIPPED or choice.name.startswith(HUB):
        return
    folder = Path(choice.name)
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise BackendError(f"{choice.name} holds no model (config.json is missing).")


def open_backend(choice: BackendChoice | str | Path | None = None, decoding: Decoding | None = None) -> Backend:
    """Open a backend.

    Args:
        choice: which; a name alone takes the rest from the environment.
        decoding: how words are drawn; by default as suits the backend.

    Raises:
        WriterError, BackendError: it cannot be opened or reached; the message says why.
    """
    if not isinstance(choice, BackendChoice):
        choice = BackendChoice.of(choice)
    if choice.is_server:
        from core.vlm.backends.endpoint import Endpoint

        return Endpoint(choice, decoding)
    # PyTorch and transformers take seconds to import.
    from core.vlm.models import Opening
    from core.vlm.writer import Writer

    opening = Opening(choice.adapter, choice.precision, choice.trust_remote_code)
    return Writer(SHIPPED_WRITER if choice.name == SHIPPED else choice.name, decoding, opening=opening)


def _merged(environment: Mapping[str, str]) -> str | None:
    used = environment.get("USE_MERGED_WEIGHTS", "0")
    if used not in ("0", "1", ""):
        raise BackendError(f"USE_MERGED_WEIGHTS must be 0 or 1, not {used!r}.")
    if used != "1":
        return None
    if not (path := environment.get("MERGED_WEIGHTS_PATH")):
        raise BackendError("USE_MERGED_WEIGHTS is 1: say with MERGED_WEIGHTS_PATH where the merged model lies.")
    return path


def _number(environment: Mapping[str, str], name: str, default: float, *, lowest: float) -> float:
    given = environment.get(name, "")
    if not given:
        return default
    try:
        value = float(given)
    except ValueError:
        value = lowest - 1
    if not lowest <= value < float("inf"):
        raise BackendError(f"{name} must be a number of at least {lowest:g}, not {given!r}.")
    return value
