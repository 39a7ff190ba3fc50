"""Translates the Java clients' ``ssl.*`` settings; keystores of Java's own kind are refused by name.

librdkafka reads PEM everywhere and PKCS#12 for the client's own key; it cannot read JKS, nor a
PKCS#12 trust store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

_PEM_BEGINS = b"-----BEGIN"

Problem = Callable[[str, str], None]
"""Called with a key and the sentence that says what is wrong with it."""


def translate_tls(java: Mapping[str, str], out: MutableMapping[str, str], problem: Problem) -> None:
    """Put librdkafka's settings for the ``ssl.*`` keys of ``java`` into ``out``."""
    _trust(java, out, problem)
    _identity(java, out, problem)
    algorithm = java.get("ssl.endpoint.identification.algorithm")
    if algorithm is not None:
        out["ssl.endpoint.identification.algorithm"] = algorithm.strip().lower() or "none"
    if "ssl.key.password" in java:
        out["ssl.key.password"] = java["ssl.key.password"]


def _trust(java: Mapping[str, str], out: MutableMapping[str, str], problem: Problem) -> None:
    if "ssl.truststore.certificates" in java:
        out["ssl.ca.pem"] = java["ssl.truststore.certificates"]
    location = java.get("ssl.truststore.location")
    if not location:
        return
    if _kind(java.get("ssl.truststore.type"), location) == "PEM":
        out["ssl.ca.location"] = location
        return
    problem(
        "ssl.truststore.location",
        "is a Java trust store, which librdkafka cannot read; export its certificates once "
        "with: keytool -list -rfc -keystore TRUSTSTORE > ca.pem, and set ssl.truststore.type=PEM and "
        "ssl.truststore.location to ca.pem",
    )


def _identity(java: Mapping[str, str], out: MutableMapping[str, str], problem: Problem) -> None:
    if "ssl.keystore.key" in java:
        out["ssl.key.pem"] = java["ssl.keystore.key"]
    if "ssl.keystore.certificate.chain" in java:
        out["ssl.certificate.pem"] = java["ssl.keystore.certificate.chain"]
    location = java.get("ssl.keystore.location")
    if not location:
        return
    kind = _kind(java.get("ssl.keystore.type"), location)
    if kind == "PEM":  # Java's PEM key store is one file with the key and its chain
        out["ssl.key.location"] = location
        out["ssl.certificate.location"] = location
    elif kind == "PKCS12":
        out["ssl.keystore.location"] = location
        if "ssl.keystore.password" in java:
            out["ssl.keystore.password"] = java["ssl.keystore.password"]
    else:
        problem(
            "ssl.keystore.location",
            "is a JKS key store, which librdkafka cannot read; convert it once with: keytool -importkeystore "
            "-srckeystore KEYSTORE -destkeystore client.p12 -deststoretype PKCS12, then: openssl pkcs12 "
            "-in client.p12 -nodes -out client.pem, and set ssl.keystore.type=PEM and "
            "ssl.keystore.location to client.pem",
        )


def _kind(declared: str | None, location: str) -> str:
    """PEM, PKCS12 or JKS. Undeclared (Java: JKS) the file itself is asked, as PEM needs no declaration."""
    if declared:
        return declared.strip().upper()
    try:
        with Path(location).open("rb") as file:
            head = file.read(4096)
    except OSError:
        head = b""
    if _PEM_BEGINS in head or location.endswith((".pem", ".crt", ".cer")):
        return "PEM"
    if location.endswith((".p12", ".pfx")):
        return "PKCS12"
    return "JKS"
