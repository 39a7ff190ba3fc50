"""TLS: certificates say who asks, tokens work over it, and a handshake that never ends is closed."""

from __future__ import annotations

import datetime as dt
import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectkit.plugin import plugins
from connectkit.runner.rest.security_principals import token_hash
from tests.support.plugins import TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker

x509 = pytest.importorskip("cryptography.x509")
TOKEN = "a-token-of-enough-characters"


@dataclass(frozen=True)
class Authority:
    """Signs certificates into a folder."""

    folder: Path
    key: Any
    certificate: Any

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def sign(self, name: str) -> Path:
        """A file with a key and its certificate for this common name."""
        return _write(self.folder / f"{name}.pem", name, self)


def _write(path: Path, name: str, by: Authority | None) -> Path:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key if by is None else by.key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem)
    if by is None:
        (path.parent / "ca.pem").write_bytes(pem)
    return path


def authority(folder: Path) -> Authority:
    from cryptography.hazmat.primitives import serialization

    folder.mkdir()
    path = _write(folder / "authority.pem", "authority", None)
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, None)
    return Authority(folder, key, x509.load_pem_x509_certificate(data[data.index(b"-----BEGIN CERT") :]))


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca") / "own")


@pytest.fixture(scope="module", params=["required", "requested"])
def worker(
    request: pytest.FixtureRequest, ca: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, RestWorker]]:
    plugins.register("source", "TroubleSource", TroubleSource)
    options = {
        "listeners": "https://127.0.0.1:0",
        "ssl_client_auth": request.param,
        "ssl_keystore_location": str(ca.sign("worker")),
        "ssl_truststore_location": str(ca.file),
        "rest_header_timeout_ms": "500",
        "rest_principals": "deployer,watcher",
        "rest_principals_deployer_certificate_cn": "deployer.example.com",
        "rest_principals_deployer_roles": "admin",
        "rest_principals_watcher_token_hash": token_hash(TOKEN),
        "rest_principals_watcher_roles": "read",
    }
    with rest_worker(tmp_path_factory.mktemp("tls"), **options) as found:
        yield request.param, found


def ask(
    worker: RestWorker,
    ca: Authority,
    method: str,
    path: str,
    *,
    certificate: Path | None = None,
    token: str = "",
) -> int:
    context = ssl.create_default_context(cafile=str(ca.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    connection = http.client.HTTPSConnection("localhost", worker.address[1], context=context, timeout=20)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request(method, path, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_name_in_a_certificate_is_a_principal(worker: tuple[str, RestWorker], ca: Authority) -> None:
    _, found = worker
    deployer, stranger = ca.sign("deployer.example.com"), ca.sign("stranger.example.com")
    assert ask(found, ca, "GET", "/connectors", certificate=deployer) == 200
    assert ask(found, ca, "DELETE", "/connectors/nobody", certificate=deployer) == 404
    assert ask(found, ca, "GET", "/connectors", certificate=stranger) == 401
    assert ask(found, ca, "DELETE", "/connectors/nobody", certificate=stranger, token=TOKEN) == 403


def test_who_has_no_certificate(worker: tuple[str, RestWorker], ca: Authority) -> None:
    how, found = worker
    if how == "required":
        with pytest.raises((ssl.SSLError, OSError)):
            ask(found, ca, "GET", "/connectors", token=TOKEN)
    else:
        assert ask(found, ca, "GET", "/connectors", token=TOKEN) == 200
        assert ask(found, ca, "GET", "/connectors") == 401


def test_a_certificate_of_another_authority_is_refused(
    worker: tuple[str, RestWorker], ca: Authority, tmp_path: Path
) -> None:
    forged = authority(tmp_path / "other").sign("deployer.example.com")
    with pytest.raises((ssl.SSLError, OSError)):
        ask(worker[1], ca, "GET", "/connectors", certificate=forged)


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_handshake_that_never_ends_is_closed(worker: tuple[str, RestWorker], start: bytes) -> None:
    with socket.create_connection(worker[1].address, timeout=15) as connection:
        connection.sendall(start)
        try:
            while connection.recv(1024):
                pass
        except ConnectionResetError:
            pass


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(worker: tuple[str, RestWorker], ca: Authority) -> None:
    context = ssl.create_default_context(cafile=str(ca.file))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(worker[1].address, timeout=15) as connection,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def test_the_client_over_tls(
    worker: tuple[str, RestWorker], ca: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    """``connectkit connectors`` with an authority and a certificate of its own."""
    from connectkit.runner.cli import main

    asks, made = worker
    own = ca.sign("deployer.example.com")
    url = made.url.replace("127.0.0.1", "localhost")
    base = ["connectors", "list", "--url", url]
    if asks == "required":
        assert main([*base, "--ca", str(ca.file), "--cert", str(own)]) == 0
    else:
        assert main([*base, "--ca", str(ca.file), "--token", TOKEN]) == 0
    assert capsys.readouterr().out.startswith("NAME")
    assert main([*base, "--token", TOKEN]) == 2
    assert "certificate" in capsys.readouterr().err
