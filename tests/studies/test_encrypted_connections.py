"""Connections to PostgreSQL are encrypted wherever the server does so, and asking for it costs little."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from deployments import ENCRYPTED, Services

from core.studies.database import Database


@pytest.fixture
def certificates_read(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """An entry for each time that the system's certificates are read."""
    read: list[None] = []
    make = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: read.append(None) or make())
    return read


@pytest.fixture
def offering(services: Services) -> Iterator[None]:
    """PostgreSQL offers encryption meanwhile, with a certificate that nobody vouches for, as most do."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
    now = datetime.now(UTC)
    unsigned = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    unsigned = unsigned.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = unsigned.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    services.encrypt(certificate, key.private_bytes(serialization.Encoding.PEM, *form))
    yield
    services.stop_encrypting()


def encrypted(database: Database, count: int = 3) -> set[bool]:
    """What several connections at one time are."""
    with ExitStack() as opened:
        connections = [opened.enter_context(database.engine.connect()) for _ in range(count)]
        return {connection.execute(ENCRYPTED).scalar_one() for connection in connections}


@pytest.mark.parametrize("encrypts", [False, True], ids=["plain", "encrypted"])
def test_connections_are_as_the_server_offers_and_read_no_more_certificates(
    services: Services, certificates_read: list[None], request: pytest.FixtureRequest, encrypts: bool
) -> None:
    if encrypts:
        request.getfixturevalue("offering")
    database = Database(services.new()[0])
    certificates_read.clear()
    assert encrypted(database) == {encrypts}
    assert certificates_read == []
    database.close()


@pytest.mark.usefixtures("offering")
def test_a_server_that_no_longer_encrypts_is_still_reached(services: Services) -> None:
    database = Database(services.new()[0])
    assert encrypted(database) == {True}
    database.engine.dispose()
    services.stop_encrypting()
    assert encrypted(database) == {False}
    database.close()
