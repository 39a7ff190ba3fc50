"""The TLS of https listeners, from Kafka's ``ssl.*`` options (spec runtime 1.2, 3.2).

Keys and certificates come as PEM (files, or the texts themselves) or as a PKCS#12 file, which needs the
library ``cryptography``; a Java keystore (JKS) is refused with how to convert it. ``listeners.https.*``
goes before ``ssl.*``, all or nothing; the admin listeners have ``admin.listeners.https.*``.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from connectkit.errors import ConfigError

_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH: Final = {"none": ssl.CERT_NONE, "requested": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_JKS_MAGIC: Final = b"\xfe\xed\xfe\xed"
_JCEKS_MAGIC: Final = b"\xce\xce\xce\xce"


def tls_options(raw: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """The ``ssl.*`` options under a prefix (``listeners.https.``), or the plain ones if there are none."""
    own = {key[len(prefix) :]: value for key, value in raw.items() if key.startswith(prefix)}
    found = own or raw
    return {key: str(value) for key, value in found.items() if key.startswith("ssl.") and value is not None}


def server_context(raw: Mapping[str, Any], prefix: str = "listeners.https.") -> ssl.SSLContext:
    """The context of an https listener; ``ConfigError`` says which option is wrong."""
    options = tls_options(raw, prefix)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _versions(context, options)
    if ciphers := options.get("ssl.cipher.suites", "").strip():
        try:
            context.set_ciphers(":".join(part.strip() for part in ciphers.split(",")))
        except ssl.SSLError as exc:
            raise _wrong("ssl.cipher.suites", "names no cipher that OpenSSL has") from exc
    _own_key(context, options)
    auth = options.get("ssl.client.auth", "none").strip().lower()
    if auth not in _CLIENT_AUTH:
        raise _wrong("ssl.client.auth", f"must be one of: {', '.join(_CLIENT_AUTH)}")
    if auth != "none":
        _trusted(context, options)
        context.verify_mode = _CLIENT_AUTH[auth]
    return context


def _wrong(key: str, sentence: str) -> ConfigError:
    return ConfigError(problems={key: [sentence]})


def _versions(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    listed = options.get("ssl.enabled.protocols", "TLSv1.2,TLSv1.3").split(",")
    wanted = [each.strip() for each in listed if each.strip()]
    known = [_VERSIONS[each] for each in wanted if each in _VERSIONS]
    if not known or len(known) < len(wanted):
        raise _wrong("ssl.enabled.protocols", f"must list some of: {', '.join(_VERSIONS)}")
    context.minimum_version, context.maximum_version = min(known), max(known)


def _own_key(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    """The server's key and certificates."""
    key_text, chain = options.get("ssl.keystore.key"), options.get("ssl.keystore.certificate.chain")
    password = options.get("ssl.key.password") or options.get("ssl.keystore.password")
    if key_text and chain:
        pem = f"{key_text.strip()}\n{chain.strip()}\n".encode()
        _load(context, pem, password, "ssl.keystore.key")
        return
    location = options.get("ssl.keystore.location", "").strip()
    if not location:
        raise _wrong(
            "ssl.keystore.location",
            "is required for an https listener: a PEM file with the private key and its certificates",
        )
    data = _read(location, "ssl.keystore.location")
    if b"-----BEGIN" not in data:
        data = _from_pkcs12(data, options.get("ssl.keystore.password"), "ssl.keystore.location")[0]
        password = None
    _load(context, data, password, "ssl.keystore.location")


def _load(context: ssl.SSLContext, pem: bytes, password: str | None, key: str) -> None:
    with _private_file(pem) as path:
        try:
            # An empty password keeps OpenSSL from asking on the terminal.
            context.load_cert_chain(path, password=password or "")
        except (ssl.SSLError, OSError, ValueError) as exc:
            raise _wrong(
                key,
                "holds no private key with its certificate that OpenSSL can read; look at the file, and at"
                " ssl.key.password",
            ) from exc


def _trusted(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    """Whose certificates clients may show."""
    text = options.get("ssl.truststore.certificates")
    location = options.get("ssl.truststore.location", "").strip()
    key = "ssl.truststore.certificates" if text else "ssl.truststore.location"
    if text:
        pem = text
    elif location:
        data = _read(location, key)
        if b"-----BEGIN" not in data:
            data = _from_pkcs12(data, options.get("ssl.truststore.password"), key)[1]
        pem = data.decode("latin-1")
    else:
        raise _wrong(key, "is required with ssl.client.auth: whose certificates clients may show")
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as exc:
        raise _wrong(key, "holds no certificate that OpenSSL can read") from exc


def _read(location: str, key: str) -> bytes:
    try:
        return Path(location).read_bytes()
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "its name is not one of a file"
        raise _wrong(key, f"names a file that cannot be read ({reason})") from exc


def _from_pkcs12(data: bytes, password: str | None, key: str) -> tuple[bytes, bytes]:
    """Key with certificates, and trusted certificates, both as PEM, of a PKCS#12 file."""
    if data[:4] in (_JKS_MAGIC, _JCEKS_MAGIC):
        raise _wrong(
            key,
            "is a Java keystore (JKS), which is not read here: convert it with keytool -importkeystore"
            " -srckeystore FILE -destkeystore FILE.p12 -deststoretype PKCS12",
        )
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.serialization import pkcs12
    except ImportError as exc:
        raise _wrong(
            key, "is no PEM file; for PKCS#12 the library 'cryptography' is needed, which is not installed"
        ) from exc
    try:
        store = pkcs12.load_pkcs12(data, password.encode() if password else None)
    except (ValueError, TypeError) as exc:
        raise _wrong(key, "is neither PEM nor PKCS#12, or its password is another") from exc
    certificates = [each.certificate for each in store.additional_certs]
    own = [store.cert.certificate] if store.cert else []
    encoding = serialization.Encoding.PEM
    chain = b"".join(each.public_bytes(encoding) for each in [*own, *certificates])
    private = b""
    if store.key is not None:
        private = store.key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    return private + chain, b"".join(each.public_bytes(encoding) for each in certificates) or chain


@contextmanager
def _private_file(data: bytes) -> Iterator[str]:
    """A file for its owner only, gone afterwards: OpenSSL reads keys from files alone."""
    number, path = tempfile.mkstemp(prefix="connectkit-tls-")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        yield path
    finally:
        Path(path).unlink(missing_ok=True)
