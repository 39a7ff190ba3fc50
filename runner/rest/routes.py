"""The table of operations and what stands before each: paths, methods, media types, threads, time.

One table (:class:`Operation`) drives the routing, ``OPTIONS`` and the OpenAPI document. Paths are split
before they are decoded, as in Java's server. Source of statuses: spec runtime 3.1. An operation runs on a
thread; one that takes longer than ``TIMEOUT_S`` is answered for and goes on alone.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qs, unquote, unquote_to_bytes

from starlette.requests import ClientDisconnect, Request
from starlette.routing import Route, Router

from connectkit.runner.rest.answers import JSON, Answer, BadRequestError, RestError, error_answer, failed
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.pool import Pool
from connectkit.runner.rest.security_audit import shown_path
from connectkit.runner.rest.security_principals import ANYBODY, PRINCIPAL

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from connectkit.runner.rest.service import Service

TIMEOUT_S: Final = 90.0
"""How long a request may take (Kafka's)."""
MAX_PARAMETERS: Final = 100
"""How many parameters a query may have."""

Schema = Mapping[str, Any]
Pace = Literal["read", "change"]
Side = Literal["main", "admin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. ``pace`` says whether it only looks, or may call plugins and brokers."""

    method: str
    path: str
    answer: Callable[[Call], Answer]
    summary: str
    query: Mapping[str, str] = field(default_factory=dict)
    """Query parameters and what they do."""
    takes: Schema | None = None
    """The JSON schema of the body, if there is one."""
    gives: Mapping[int, Schema | None] = field(default_factory=dict)
    """The JSON schema of the answer by status; None for no body."""
    errors: Sequence[int] = ()
    pace: Pace = "read"
    side: Side = "main"
    media_type: str = JSON
    """What it gives, where that is not JSON."""

    @property
    def parameters(self) -> list[str]:
        """Names of the variable parts of the path."""
        return re.findall(r"{(\w+)}", self.path)


class Threads:
    """The threads of all operations: few for looking, more for what may take its time."""

    def __init__(self) -> None:
        self._pools = {"read": Pool("rest-read", 4), "change": Pool("rest-change", 64)}

    async def run(self, pace: Pace, function: Callable[[], Answer]) -> Answer:
        """The function's answer; 500 (as Kafka) if it does not come in time."""
        pool = self._pools[pace]
        running = pool.submit(function)
        future = asyncio.wrap_future(running)
        done, _ = await asyncio.wait([future], timeout=TIMEOUT_S)
        if not done:
            future.add_done_callback(lambda late: late.cancelled() or late.exception())
            pool.give_up(running)  # what has not begun never will
            raise RestError(500, "Request timed out")
        answer: Answer = future.result()
        return answer


class Resource:
    """All operations of one path, as an ASGI application. Its path must be one that Starlette routes."""

    def __init__(self, service: Service, operations: Iterable[Operation], threads: Threads) -> None:
        self._service = service
        self._by_method = {each.method: each for each in operations}
        methods = {*self._by_method, "OPTIONS"} | ({"HEAD"} if "GET" in self._by_method else set())
        self._allowed = ", ".join(sorted(methods))
        self._threads = threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        except Exception as exc:  # noqa: BLE001 - every failure has an answer
            answer = failed(exc, f"{request.method} {shown_path(scope)}")
        await reply(answer, scope, send)

    async def _answer(self, request: Request) -> Answer:
        method = request.method
        media_type = _content_kind(request)
        if method == "OPTIONS" and method not in self._by_method:
            return Answer(self._allowed.encode(), headers={"Allow": self._allowed}, media_type="text/plain")
        operation = self._by_method.get("GET" if method == "HEAD" else method)
        if operation is None:
            raise RestError(
                405,
                f"HTTP 405 Method Not Allowed: this path takes {self._allowed}",
                headers={"Allow": self._allowed},
            )
        looks = method in ("GET", "HEAD")
        allowed = (JSON,) if operation.takes is not None else (JSON, "application/*", "*/*")
        # A GET that has no body may say what it likes about it, as many clients do.
        if media_type is not None and media_type not in allowed and (_has_body(request) or not looks):
            raise RestError(415, _UNSUPPORTED)
        if not accepts(request.headers.getlist("accept"), operation.media_type):
            raise RestError(406, f"HTTP 406 Not Acceptable: this path answers with {operation.media_type}")
        data = await request.body()  # of a size that the guard before this allows
        if operation.takes is not None and data and media_type is None:
            raise RestError(415, _UNSUPPORTED)
        call = Call(
            self._service,
            {name: unquote(text, errors="replace") for name, text in request.path_params.items()},
            _query(request),
            data,
            f"{request.url.scheme}://{request.headers.get('host') or request.url.netloc}",
            request.scope.get(PRINCIPAL, ANYBODY),
        )
        return await self._threads.run(operation.pace, functools.partial(operation.answer, call))


def make_routes(
    service: Service, operations: Iterable[Operation], *, threads: Threads | None = None
) -> list[Route]:
    """Starlette routes, one a path."""
    by_path: dict[str, list[Operation]] = {}
    for each in operations:
        by_path.setdefault(each.path, []).append(each)
    threads = threads or Threads()
    # Longer paths first, so that a fixed part goes before a variable one.
    return [Route(path, Resource(service, found, threads)) for path, found in by_path.items()]


def make_router(routes: Sequence[Route]) -> ASGIApp:
    """Routes on undecoded paths; 404 in Kafka's form for any other."""
    return _Paths(Router(routes, redirect_slashes=False, default=_unknown))


class _Paths:
    """Hands over the path undecoded, without one slash at its end; refuses what could be misread.

    A name may hold ``%2F`` and ``%25``, which Java's server refuses: it lets such connectors be created, and
    then nobody can delete them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = (scope.get("raw_path") or b"/").partition(b"?")[0].decode("latin-1")
        if "//" in path or _AMBIGUOUS.search(path) or not _is_utf8(path):
            sentence = "The path has an empty part, '.' or '..', or an encoding that is none"
            await reply(error_answer(400, sentence), scope, send)
            return
        if len(path) > 1:
            path = path.removesuffix("/")
        await self._app({**scope, "path": path}, receive, send)


def _is_utf8(path: str) -> bool:
    """Whether the decoded path is text: what is none would be read as the name of something else."""
    try:
        unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
    return True


_AMBIGUOUS: Final = re.compile(r"(?<=/)(%2e|\.){1,2}(?=/|$)|%00|%(?![0-9a-f]{2})", re.IGNORECASE)


# They begin as Java's, whose words some scripts look for.
_NOT_FOUND: Final = "HTTP 404 Not Found: nothing is served at this path; /openapi.json tells every path"
_UNSUPPORTED: Final = (
    "HTTP 415 Unsupported Media Type: send a body as JSON, with the header Content-Type: application/json"
)


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    await reply(error_answer(404, _NOT_FOUND), scope, send)


async def reply(answer: Answer, scope: Scope, send: Send) -> None:
    """Send an answer; HEAD gets its headers alone."""
    body = answer.encoded()
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers.items()
    ]
    if body:
        headers.append((b"content-type", answer.media_type.encode()))
    if answer.status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _query(request: Request) -> dict[str, list[str]]:
    try:
        return parse_qs(request.url.query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as exc:
        raise BadRequestError(f"The query has more than {MAX_PARAMETERS} parameters") from exc


def _content_kind(request: Request) -> str | None:
    """The media type of the body, None if it is not said; 400 if it is none, whatever the method."""
    given = request.headers.get("content-type")
    if given is None:
        return None
    kind: str = given.partition(";")[0].strip().lower()
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+", kind):
        raise RestError(400, "The Content-Type is no media type")
    return kind


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def accepts(values: Sequence[str], media_type: str = JSON) -> bool:
    """Whether an ``Accept`` header (none: yes) lets us answer JSON, or what else we have."""
    whole = media_type.partition(";")[0]
    group = whole.partition("/")[0] + "/*"
    ranges = [each.strip().lower() for value in values for each in value.split(",") if each.strip()]
    if not ranges:
        return True
    return any(each.partition(";")[0].strip() in (whole, group, "*/*", "*") for each in ranges)
