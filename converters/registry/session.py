"""The HTTP session of a registry's client: no answer is larger, or takes longer, than it says.

Redirects are not followed, proxies of the environment are not used, compression is not asked for and
refused (a small answer could become a large one). Source: spec reliability S4, S6, F11. Thread-safe.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

import httpx2 as httpx  # what confluent-kafka's client talks through

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""The largest answer that is read; a schema is a few KiB."""


HttpError = httpx.HTTPError
"""Whatever goes wrong before there is an answer."""


class AnswerError(httpx.RequestError):
    """An answer that is not read. Not sent again, since the next would be no better."""


def guarded_session(
    *,
    verify: ssl.SSLContext,
    auth: tuple[str, str] | httpx.Auth | None,
    proxy: str | None,
    headers: Mapping[str, str],
    connect_timeout_s: float,
    read_timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> httpx.Client:
    """A session for ``SchemaRegistryClient``; ``read_timeout_s`` is for the whole body of an answer."""
    inner = httpx.HTTPTransport(verify=verify, proxy=proxy, trust_env=False)
    return httpx.Client(
        transport=_Guarded(inner, read_timeout_s, clock),
        auth=auth,
        headers={**headers, "Accept-Encoding": "identity"},
        timeout=httpx.Timeout(read_timeout_s, connect=connect_timeout_s),
        follow_redirects=False,
        trust_env=False,
    )


class _Guarded(httpx.BaseTransport):
    """Passes requests on, and looks at what comes back."""

    def __init__(self, inner: httpx.BaseTransport, deadline_s: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._deadline_s = deadline_s
        self._clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        until = self._clock() + self._deadline_s
        response = self._inner.handle_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise AnswerError("it is compressed, which was not asked for", request=request)
        body = cast(httpx.SyncByteStream, response.stream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(body, request, lambda: self._clock() > until),
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._inner.close()


class _Bounded(httpx.SyncByteStream):
    """A body that ends at the limits."""

    def __init__(
        self, inner: httpx.SyncByteStream, request: httpx.Request, is_late: Callable[[], bool]
    ) -> None:
        self._inner = inner
        self._request = request
        self._is_late = is_late

    def __iter__(self) -> Iterator[bytes]:
        size_bytes = 0
        for chunk in self._inner:
            size_bytes += len(chunk)
            if size_bytes > MAX_ANSWER_BYTES:
                raise AnswerError(f"it is larger than {MAX_ANSWER_BYTES:,} bytes", request=self._request)
            if self._is_late():
                raise httpx.ReadTimeout("the answer takes too long", request=self._request)
            yield chunk

    def close(self) -> Any:
        self._inner.close()
