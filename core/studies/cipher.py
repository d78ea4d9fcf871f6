"""Encryption at rest of what identifies a patient, with a key derived from the server's secret."""

import os
import secrets
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.atomic import publish
from core.errors import ChestLensError
from core.settings import ServerSettings

SECRET_FILE = "secret_key"
_NONCE_BYTES = 12


class WrongKey(ChestLensError):
    """What was encrypted cannot be read with this server's key."""


def server_secret(settings: ServerSettings) -> str:
    """The secret of the settings or, without one, that of the instance folder, where it is made at the first start.

    Raises:
        OSError: the folder cannot be written.
    """
    if settings.secret_key:
        return settings.secret_key
    path = settings.instance / SECRET_FILE
    if not path.is_file():
        settings.instance.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{SECRET_FILE}.{secrets.token_hex(4)}")
        number = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(number, "w") as file:
                file.write(secrets.token_hex(32))
            # Of several processes that start at once, one names the file; the others read it.
            _name_first(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    return path.read_text().strip()


def _name_first(partial: Path, path: Path) -> None:
    try:
        os.link(partial, path)
    except FileExistsError:
        return
    publish(path, path)


class Cipher:
    """AES-256-GCM (NIST SP 800-38D); what belongs to one study and name is no answer for another.

    Args:
        secret: the server's; the key is derived from it (HKDF, RFC 5869) and serves nothing else.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def encrypt(self, data: bytes, place: str) -> bytes:
        """A random nonce of 12 bytes, the encrypted data and its tag of 16 bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aes.encrypt(nonce, data, place.encode())

    def decrypt(self, data: bytes, place: str) -> bytes:
        """Give back what ``encrypt`` was given.

        Raises:
            WrongKey: the key is another one, or the data was changed.
        """
        try:
            return self._aes.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise WrongKey(
                "The stored file was encrypted with another key; set CHESTLENS_SECRET_KEY, or the file secret_key of "
                "the instance folder, to the one of that time."
            ) from None

    @cached_property
    def _aes(self) -> AESGCM:
        key = HKDF(SHA256(), length=32, salt=None, info=b"chestlens identifiers").derive(self._secret.encode())
        return AESGCM(key)
