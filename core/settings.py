"""Settings of the server, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from core.errors import ChestLensError

ROOT = Path(__file__).resolve().parent.parent
PolicyName = Literal["reading", "screening", "specific"]
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
DEFAULT_POLICY: PolicyName = "reading"
WriterMode = Literal["evidence", "image"]
WRITER_MODES: tuple[WriterMode, ...] = get_args(WriterMode)
_WRITER = ROOT / "core" / "checkpoints" / "writer"
SHORTEST_KEY = 32


@dataclass(frozen=True)
class SignInProvider:
    """An OpenID Connect provider (OpenID Connect Core 1.0), such as that of a hospital.

    Attributes:
        issuer: its address (``CHESTLENS_OIDC_ISSUER``), below which ``.well-known/openid-configuration`` lies.
        client_id, client_secret: what it calls ChestLens (``CHESTLENS_OIDC_CLIENT_ID``, ``..._CLIENT_SECRET``).
        title: what the sign-in page calls it (``CHESTLENS_OIDC_TITLE``).
        claim: statement about a person that names the account (``CHESTLENS_OIDC_CLAIM``): ``email`` by default.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    title: str = "single sign-on"
    claim: str = "email"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "SignInProvider | None":
        """Read the settings; None where no issuer is set.

        Raises:
            SettingsError: the issuer is no address, or the client is not named.
        """
        issuer = environment.get("CHESTLENS_OIDC_ISSUER", "").rstrip("/")
        if not issuer:
            return None
        if not issuer.startswith(("https://", "http://")):
            raise SettingsError(f"CHESTLENS_OIDC_ISSUER must be an address that begins with https://, not {issuer!r}.")
        client_id, client_secret = (environment.get(f"CHESTLENS_OIDC_CLIENT_{part}", "") for part in ("ID", "SECRET"))
        if not client_id or not client_secret:
            raise SettingsError(
                "CHESTLENS_OIDC_ISSUER needs CHESTLENS_OIDC_CLIENT_ID and CHESTLENS_OIDC_CLIENT_SECRET."
            )
        return cls(
            issuer,
            client_id,
            client_secret,
            title=environment.get("CHESTLENS_OIDC_TITLE") or cls.title,
            claim=environment.get("CHESTLENS_OIDC_CLAIM") or cls.claim,
        )


class SettingsError(ChestLensError):
    """A setting is not as it should be; the message names it and says what it may be."""


@dataclass(frozen=True)
class ServerSettings:
    """Where the server keeps things and how much it takes on.

    Attributes:
        instance: folder for uploads and results (``CHESTLENS_INSTANCE``).
        database_url: SQLAlchemy URL (``DATABASE_URL``); SQLite inside ``instance`` by default.
        checkpoint: folder of the classifier, or public weights (``CHESTLENS_CHECKPOINT``), None for the shipped one.
        policy: by which thresholds findings are called (``CHESTLENS_POLICY``): reading, screening or specific.
        queue_limit: studies that may wait before uploads are turned away with 503 (``CHESTLENS_QUEUE_LIMIT``).
        writer: which model rewrites reports (``CHESTLENS_WRITER``; the shipped one by default): a folder of a model or
            of an adapter, ``hf:OWNER/MODEL``, or the address of an OpenAI-compatible server; None for
            no rewriting (``off``).
        reasoning: whether the writer reasons in ten steps before each report (``CHESTLENS_REASONING=on``), which the
            page shows when asked for.
        writer_mode: ``evidence``: the writer words what the evidence gives; ``image``: it reports on its own, is judged
            claim by claim, and what the evidence does not bear out stands apart (``CHESTLENS_WRITER_MODE``).
        samples: folder of radiographs for the gallery (``CHESTLENS_SAMPLES``), None for no gallery.
        host: address that the server listens on; it answers to this name, too.
        hosts: names under which the server is reached (``CHESTLENS_HOSTS``, separated by commas), beside those of this
            machine itself; ``.example.org`` stands for all names below that one.
        proxies: number of proxies in front whose ``X-Forwarded-*`` headers are believed (``CHESTLENS_PROXIES``).
        secret_key: signs what pages send back (``CHESTLENS_SECRET_KEY``), None to make one in ``instance``.
        redis_url: what all web processes share (``REDIS_URL``), None to keep it in the memory of each.
        storage: folder for uploads and results, or address of an object store that fsspec knows, such as
            ``s3://bucket/folder`` (``CHESTLENS_STORAGE``; ``studies`` inside ``instance`` by default).
        keep_identifiers: whether patient and study of an upload are kept, encrypted, for DICOM and FHIR exports
            (``CHESTLENS_KEEP_IDENTIFIERS``; ``off`` drops them together with the file and its name).
        idle_minutes: after so long without a request, people must sign in again (``CHESTLENS_IDLE_MINUTES``, 720).
        retention_days: age in days at which studies are deleted (``CHESTLENS_RETENTION_DAYS``), None to keep them.
        log: ``text`` or ``json`` (``CHESTLENS_LOG``), None for text on a terminal and JSON elsewhere.
        sign_in: OpenID Connect provider that people may sign in with, None for passwords alone.
    """

    instance: Path
    database_url: str
    checkpoint: Path | None = None
    policy: str = DEFAULT_POLICY
    queue_limit: int = 64
    samples: Path | None = None
    writer: str | Path | None = None
    reasoning: bool = False
    writer_mode: WriterMode = "evidence"
    host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    proxies: int = 0
    secret_key: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    storage: str = ""
    keep_identifiers: bool = True
    idle_minutes: int = 720
    retention_days: int | None = None
    log: str | None = None
    sign_in: SignInProvider | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "ServerSettings":
        """Read the settings.

        Raises:
            SettingsError: a number is none or too small, a switch neither on nor off, ``CHESTLENS_LOG`` no form of a
                log, ``CHESTLENS_SECRET_KEY`` short, or the settings of the OpenID Connect provider are incomplete.
        """
        instance = Path(environment.get("CHESTLENS_INSTANCE", ROOT / "instance")).absolute()
        limit = environment.get("CHESTLENS_QUEUE_LIMIT", "64")
        if not limit.isdecimal() or int(limit) < 1:
            raise SettingsError(f"CHESTLENS_QUEUE_LIMIT must be a whole number above 0, not {limit!r}.")
        proxies = environment.get("CHESTLENS_PROXIES", "0")
        if not proxies.isdecimal():
            raise SettingsError(
                f"CHESTLENS_PROXIES must be the number of proxies in front, such as 1, not {proxies!r}."
            )
        idle = environment.get("CHESTLENS_IDLE_MINUTES") or str(cls.idle_minutes)
        if not idle.isdecimal() or int(idle) < 1:
            raise SettingsError(f"CHESTLENS_IDLE_MINUTES must be a whole number above 0, not {idle!r}.")
        days = environment.get("CHESTLENS_RETENTION_DAYS", "")
        if days and (not days.isdecimal() or int(days) < 1):
            raise SettingsError(f"CHESTLENS_RETENTION_DAYS must be a whole number above 0, not {days!r}.")
        log = environment.get("CHESTLENS_LOG") or None
        if log not in (None, "text", "json"):
            raise SettingsError(f"CHESTLENS_LOG may be text or json, not {log!r}.")
        secret_key = environment.get("CHESTLENS_SECRET_KEY") or None
        if secret_key and len(secret_key) < SHORTEST_KEY:
            raise SettingsError(
                f"CHESTLENS_SECRET_KEY must have at least {SHORTEST_KEY} characters; "
                'make one with: python -c "import secrets; print(secrets.token_hex(32))"'
            )
        given = environment.get("CHESTLENS_WRITER_MODE") or "evidence"
        if (mode := next((one for one in WRITER_MODES if one == given), None)) is None:
            raise SettingsError(f"CHESTLENS_WRITER_MODE may be {' or '.join(WRITER_MODES)}, not {given!r}.")
        checkpoint, samples = environment.get("CHESTLENS_CHECKPOINT"), environment.get("CHESTLENS_SAMPLES")
        writer = environment.get("CHESTLENS_WRITER")
        return cls(
            instance=instance,
            database_url=environment.get("DATABASE_URL", f"sqlite:///{instance / 'chestlens.sqlite3'}"),
            checkpoint=Path(checkpoint) if checkpoint else None,
            policy=environment.get("CHESTLENS_POLICY", DEFAULT_POLICY),
            queue_limit=int(limit),
            samples=Path(samples) if samples else None,
            writer=None if writer == "off" else writer or _WRITER,
            reasoning=_switched_on(environment, "CHESTLENS_REASONING", default="off"),
            writer_mode=mode,
            hosts=tuple(filter(None, (name.strip() for name in environment.get("CHESTLENS_HOSTS", "").split(",")))),
            proxies=int(proxies),
            secret_key=secret_key,
            redis_url=environment.get("REDIS_URL") or None,
            storage=environment.get("CHESTLENS_STORAGE") or str(instance / "studies"),
            keep_identifiers=_switched_on(environment, "CHESTLENS_KEEP_IDENTIFIERS", default="on"),
            idle_minutes=int(idle),
            retention_days=int(days) if days else None,
            log=log,
            sign_in=SignInProvider.from_environment(environment),
        )

    def as_environment(self) -> dict[str, str]:
        """The settings that command lines may change, as variables for a process that shares them."""
        writer = "off" if self.writer is None else str(self.writer)
        return {
            "CHESTLENS_INSTANCE": str(self.instance),
            "DATABASE_URL": self.database_url,
            "CHESTLENS_CHECKPOINT": str(self.checkpoint or ""),
            "CHESTLENS_POLICY": self.policy,
            "CHESTLENS_WRITER": writer,
            "CHESTLENS_REASONING": "on" if self.reasoning else "off",
            "CHESTLENS_WRITER_MODE": self.writer_mode,
        }


def _switched_on(environment: Mapping[str, str], name: str, *, default: str) -> bool:
    """Read a switch; a word that might mean either is refused, as what it decides may be about patients."""
    value = environment.get(name) or default
    if value not in ("on", "off"):
        raise SettingsError(f"{name} may be on or off, not {value!r}.")
    return value == "on"
