"""What a request must be to be looked at: sent to us, by no page of another site, and small.

``Host`` has to be loopback, an address, or a name that the worker's file allows, because a page whose name
was pointed at this machine (DNS rebinding) sends its own. A change with the ``Origin`` of another site is
refused, whatever its content type; so is one that a browser marks as cross-site. Source: spec reliability
S1, S12. The functions are pure but for :func:`read_body`, which is used by one request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from connectkit.runner.rest.answers import RestError
from connectkit.runner.rest.security_settings import LOOPBACK_NAMES, SecuritySettings
from connectkit.suggest import shortened

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

MAX_DRAINED_BYTES: Final = 256 * 1024 * 1024
"""So much of a body that is too large is still read (and forgotten), so that its sender hears why."""


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


def check_host(scope: Scope, settings: SecuritySettings) -> None:
    """421 for a request that was meant for somebody else."""
    given = header(scope, b"host")
    hosts = [value for key, value in scope["headers"] if key == b"host"]
    if len(hosts) > 1:
        raise RestError(400, "The request has several Host headers")
    if given is None or "*" in settings.allowed_hosts:
        return
    name = host_name(given)
    if name in LOOPBACK_NAMES or name in settings.allowed_hosts or _is_address(name):
        return
    raise RestError(
        421,
        f"This worker does not answer for the host '{shortened(name)}'; name it in rest.allowed.hosts of the "
        "worker's file if it is one of its names",
    )


def check_framing(scope: Scope) -> None:
    """400 for a body of two lengths: a proxy before this worker may have read another than we would."""
    names = {key for key, _ in scope["headers"]}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise RestError(
            400,
            "The request has both a Content-Length and a Transfer-Encoding",
            headers={"Connection": "close"},
        )


def host_name(host: str) -> str:
    """A ``Host`` header without its port, lower-case; as it is if it is none."""
    text = host.strip().lower()
    if text.startswith("["):
        name, _, port = text[1:].partition("]")
        return name.strip() if not port or re.fullmatch(":[0-9]*", port) else text
    name, colon, port = text.rpartition(":")
    return (name if colon and port.isdigit() else text).removesuffix(".").strip()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


def check_origin(scope: Scope, settings: SecuritySettings) -> None:
    """403 for a change that a page of another site makes a browser send."""
    origin = header(scope, b"origin")
    if origin is not None and not _same_site(origin, header(scope, b"host"), settings.allowed_hosts):
        if origin_allowed(origin, settings.allow_origins):
            return
        raise RestError(403, "A page of another site may not change anything here")
    if origin is None and header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
        raise RestError(403, "A page of another site may not change anything here")


def origin_allowed(origin: str, listed: str) -> bool:
    """Whether an origin is in a comma list, where ``*`` stands for any text (as CORS reads it here)."""
    texts = [each.strip() for each in listed.split(",") if each.strip()]
    return any(re.fullmatch(re.escape(each).replace(r"\*", ".*"), origin) for each in texts)


def _same_site(origin: str, host: str | None, names: Collection[str]) -> bool:
    """Whether the page came from this worker: same host and port, or a name it is known by to a proxy."""
    try:
        found = urlsplit(origin)
        return (host is not None and found.netloc.lower() == host.strip().lower()) or found.hostname in names
    except ValueError:
        return False


async def read_body(scope: Scope, receive: Receive, settings: SecuritySettings) -> bytes | None:
    """The whole body; None if the client went away. 413 if it is too large, 408 if it takes too long."""
    length = header(scope, b"content-length") or ""
    announced = int(length) if length.isascii() and length.isdigit() else 0
    if announced > settings.max_body_bytes and header(scope, b"expect") is not None:
        raise _too_large(settings)  # the client waits for a word before it sends
    if announced > MAX_DRAINED_BYTES:
        raise _too_large(settings)
    data = bytearray()
    read = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk = message.get("body", b"")
                read += len(chunk)
                if read <= settings.max_body_bytes:
                    data += chunk
                elif read > MAX_DRAINED_BYTES:
                    raise _too_large(settings)
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise RestError(
            408,
            f"The body did not arrive within {settings.body_timeout_s:g} s",
            headers={"Connection": "close"},
        ) from None
    if read > settings.max_body_bytes:
        raise _too_large(settings)
    return bytes(data)


def _too_large(settings: SecuritySettings) -> RestError:
    return RestError(
        413, f"The body is larger than {settings.max_body_bytes} bytes", headers={"Connection": "close"}
    )
