"""The embedded registry for other programs: the REST interface of Confluent's, as an ASGI application.

Paths, answers and error codes are those of spec registry 7, as far as converters, serializers and
administration need them; what is not kept (contexts, associations) is refused or empty, and never taken
and lost. Rules of schemas are kept, and executed by those who use the schemas. It has neither users nor
TLS: it belongs on a loopback address, or behind a proxy that has.
A request is answered in a thread, since SQLite may wait for another process. :func:`serve` runs it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from connectkit.converters.registry.compatibility import DEFAULT_LEVEL
from connectkit.converters.registry.embedded.bodies import number_of, registered, schema_of, version_of
from connectkit.converters.registry.embedded.errors import NotTakenError, NotThereError, RefusalError
from connectkit.converters.registry.embedded.registry import DEFAULT_MODE, EmbeddedRegistry
from connectkit.converters.registry.port import Registered
from connectkit.errors import ConfigError, ConnectError

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.datastructures import QueryParams
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route
    from starlette.types import ASGIApp, Receive, Scope, Send
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(
        "Serving a registry needs the extra 'registry-server' of kafka-connectkit, which is not installed"
    ) from exc

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""The largest request that is read."""
_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_LARGE_DEPTH: Final = "The request is nested too deeply"


class _Asked:
    """A request, read: parts of the path, the query, and the body's JSON object."""

    def __init__(self, path: Mapping[str, str], query: QueryParams, body: Mapping[str, Any]) -> None:
        self.path = path
        self.query = query
        self.body = body

    @property
    def subject(self) -> str:
        return self.path.get("subject", "")

    @property
    def version(self) -> int:
        return version_of(self.path["version"])

    def says(self, name: str) -> bool:
        return self.query.get(name, "").lower() == "true"

    def every(self, name: str) -> list[str]:
        return self.query.getlist(name)

    def number(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


Answer = Callable[[EmbeddedRegistry, _Asked], Any]


def application(registry: EmbeddedRegistry) -> ASGIApp:
    """The application over a registry, which it does not close."""

    def route(method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            path = {name: unquote(text) for name, text in request.path_params.items()}
            asked = _Asked(path, request.query_params, await _body(request))
            found = await run_in_threadpool(answer, registry, asked)
            return found if isinstance(found, Response) else _json(found)

        return Route(path, endpoint, methods=[method])

    routes = Starlette(
        routes=[route(*each) for each in _ROUTES],
        exception_handlers={
            RefusalError: _refused,
            ConnectError: _failed,
            HTTPException: _http,
            RecursionError: _too_deep,
        },
    )
    return _Segments(routes)


class _Segments:
    """Has paths split before they are decoded: a subject may hold a slash, which comes as ``%2F``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": (scope.get("raw_path") or b"/").decode("latin-1")}
        await self._app(scope, receive, send)


async def _body(request: Request) -> Mapping[str, Any]:
    if request.method not in ("POST", "PUT"):
        return {}
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise NotTakenError(42209, f"The request is larger than {MAX_BODY_BYTES:,} bytes")
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise NotTakenError(42201, _LARGE_DEPTH) from error
    except ValueError as error:
        raise HTTPException(400, "The body is no JSON") from error
    if not isinstance(found, dict):
        raise HTTPException(400, "The body must be a JSON object")
    return found


def _json(found: Any, status: int = 200) -> Response:
    return Response(json.dumps(found, separators=(",", ":")).encode(), status, media_type=_TYPE)


def _error(code: int, message: str) -> Response:
    status = code // 100 if code >= 1000 else code
    return _json({"error_code": code, "message": message}, status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    return _error(error.code, error.said)


def _failed(request: Request, error: Exception) -> Response:
    return _error(50001, f"Error in the backend data store: {error}")


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, f"HTTP {error.status_code} {error.detail}")


def _too_deep(request: Request, error: Exception) -> Response:
    return _error(42201, _LARGE_DEPTH)


# --- subjects


def _register(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    schema = schema_of(asked.body)
    found = registry.register(
        asked.subject,
        schema,
        normalize=asked.says("normalize"),
        schema_id=number_of(asked.body, "id"),
        version=number_of(asked.body, "version"),
    )
    left_out = {"subject"}
    if schema.kind == "PROTOBUF" and schema.text != found.schema.text:
        left_out.add("schema")  # who registered a descriptor goes on with that, and cannot parse our text
    return {name: value for name, value in registered(found).items() if name not in left_out}


def _lookup(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    schema = schema_of(asked.body)
    return registered(
        registry.lookup(
            asked.subject, schema, normalize=asked.says("normalize"), deleted=asked.says("deleted")
        )
    )


def _subjects(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    if asked.says("deletedOnly"):
        live = set(registry.subjects())
        found = [name for name in registry.subjects(deleted=True) if name not in live]
    else:
        found = registry.subjects(deleted=asked.says("deleted"))
    prefix = asked.query.get("subjectPrefix", "")
    if prefix not in ("", ":*:"):
        found = [name for name in found if name.startswith(prefix)]
    return _page(found, asked)


def _page(found: list[Any], asked: _Asked) -> list[Any]:
    first, count = asked.number("offset", 0), asked.number("limit", -1)
    return found[first:] if count < 0 else found[first : first + count]


def _versions(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    found = registry.versions(asked.subject, deleted=asked.says("deleted"))
    return _page([each.version for each in found], asked)


def _version(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registered(_formatted(registry, asked, _one_version(registry, asked)))


def _formatted(registry: EmbeddedRegistry, asked: _Asked, found: Registered) -> Registered:
    """The schema in the form that was asked for: Protobuf's may be ``serialized``, as its descriptor."""
    schema = found.schema
    if asked.query.get("format") != "serialized" or schema.kind != "PROTOBUF":
        return found
    from connectkit.converters.protobuf.to_descriptor import serialized

    return replace(found, schema=replace(schema, text=serialized(schema.text, registry.texts_of(schema))))


def _one_version(registry: EmbeddedRegistry, asked: _Asked) -> Registered:
    return registry.version(asked.subject, asked.version, deleted=asked.says("deleted"))


def _version_text(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return PlainTextResponse(_one_version(registry, asked).schema.text, media_type=_TYPE)


def _referenced_by(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registry.referenced_by(asked.subject, asked.version)


def _with_metadata(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    names, values = asked.every("key"), asked.every("value")
    return registered(registry.with_metadata(asked.subject, dict(zip(names, values, strict=False))))


def _delete_subject(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registry.delete_subject(asked.subject, permanent=asked.says("permanent"))


def _delete_version(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registry.delete_version(asked.subject, asked.version, permanent=asked.says("permanent"))


# --- schemas


def _id(asked: _Asked) -> int:
    text = asked.path["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise HTTPException(404, "Not Found")
    return int(text)


def _by_id(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registered(_formatted(registry, asked, registry.by_id(_id(asked))), full=False)


def _text_by_id(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return PlainTextResponse(registry.by_id(_id(asked)).schema.text, media_type=_TYPE)


def _subjects_of_id(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    found = registry.uses(_id(asked), deleted=asked.says("deleted"))
    return list(dict.fromkeys(each.subject for each in found))


def _versions_of_id(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    found = registry.uses(_id(asked), deleted=asked.says("deleted"))
    return [{"subject": each.subject, "version": each.version} for each in found]


def _by_guid(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return registered(registry.by_guid(asked.path["guid"]), full=False)


def _ids_of_guid(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    return [{"context": ".", "id": registry.by_guid(asked.path["guid"]).id}]


def _schemas(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    prefix = asked.query.get("subjectPrefix", "")
    deleted = asked.says("deleted")
    found = []
    for name in registry.subjects(deleted=deleted):
        if prefix in ("", ":*:") or name.startswith(prefix):
            versions = registry.versions(name, deleted=deleted)
            found += versions[-1:] if asked.says("latestOnly") else versions
    return [registered(each) for each in _page(found, asked)]


# --- compatibility, levels, modes


def _compatible(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    version = asked.version if "version" in asked.path else None
    found = registry.problems(asked.subject, schema_of(asked.body), version)
    made: dict[str, Any] = {"is_compatible": not found}
    if asked.says("verbose"):
        made["messages"] = [
            f"{{errorType:'{each.type}', description:'{each.description}'}}" for each in found
        ]
    return made


def _level(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    subject = asked.subject
    found = registry.own_level(subject)
    if found is None and subject and not asked.says("defaultToGlobal"):
        raise NotThereError(
            40408,
            f"Subject '{subject}' has no compatibility level of its own",
            f"Subject '{subject}' does not have subject-level compatibility configured",
        )
    return {"compatibilityLevel": found or registry.level(subject)}


def _set_level(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    level = asked.body.get("compatibility")
    if not isinstance(level, str):
        raise NotTakenError(
            42203, "'compatibility' must be the name of a level", "Invalid compatibility level"
        )
    registry.set_level(asked.subject, level)
    return {"compatibility": level.upper()}


def _delete_level(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    before = _level(registry, asked)
    registry.set_level(asked.subject, None)
    return before if asked.subject else {"compatibilityLevel": DEFAULT_LEVEL}


def _mode(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    subject = asked.subject
    found = registry.own_mode(subject)
    if found is None and subject and not asked.says("defaultToGlobal"):
        raise NotThereError(
            40409,
            f"Subject '{subject}' has no mode of its own",
            f"Subject '{subject}' does not have subject-level mode configured",
        )
    return {"mode": found or registry.mode(subject)}


def _set_mode(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    mode = asked.body.get("mode")
    if not isinstance(mode, str):
        raise NotTakenError(42204, "'mode' must be the name of a mode", "Invalid mode")
    registry.set_mode(asked.subject, mode)
    return {"mode": mode.upper()}


def _delete_mode(registry: EmbeddedRegistry, asked: _Asked) -> Any:
    before = _mode(registry, asked)
    registry.set_mode(asked.subject, None)
    return before if asked.subject else {"mode": DEFAULT_MODE}


def _always(answer: Any) -> Answer:
    return lambda registry, asked: answer


_ROUTES: Final[tuple[tuple[str, str, Answer], ...]] = (
    ("GET", "/", _always({})),
    ("GET", "/subjects", _subjects),
    ("POST", "/subjects/{subject}", _lookup),
    ("DELETE", "/subjects/{subject}", _delete_subject),
    ("GET", "/subjects/{subject}/versions", _versions),
    ("POST", "/subjects/{subject}/versions", _register),
    ("GET", "/subjects/{subject}/versions/{version}", _version),
    ("DELETE", "/subjects/{subject}/versions/{version}", _delete_version),
    ("GET", "/subjects/{subject}/versions/{version}/schema", _version_text),
    ("GET", "/subjects/{subject}/versions/{version}/referencedby", _referenced_by),
    ("GET", "/subjects/{subject}/metadata", _with_metadata),
    ("GET", "/schemas", _schemas),
    ("GET", "/schemas/types", _always(["JSON", "PROTOBUF", "AVRO"])),
    ("GET", "/schemas/ids/{id}", _by_id),
    ("GET", "/schemas/ids/{id}/schema", _text_by_id),
    ("GET", "/schemas/ids/{id}/subjects", _subjects_of_id),
    ("GET", "/schemas/ids/{id}/versions", _versions_of_id),
    ("GET", "/schemas/guids/{guid}", _by_guid),
    ("GET", "/schemas/guids/{guid}/ids", _ids_of_guid),
    ("POST", "/compatibility/subjects/{subject}/versions", _compatible),
    ("POST", "/compatibility/subjects/{subject}/versions/{version}", _compatible),
    *((method, path, answer) for path in ("/config", "/config/{subject}") for method, answer in (
        ("GET", _level), ("PUT", _set_level), ("DELETE", _delete_level))),
    *((method, path, answer) for path in ("/mode", "/mode/{subject}") for method, answer in (
        ("GET", _mode), ("PUT", _set_mode), ("DELETE", _delete_mode))),
    ("GET", "/contexts", _always(["."])),
    ("GET", "/v1/metadata/id", _always({"scope": {"path": [], "clusters": {}}, "id": ""})),
    ("GET", "/associations/resources/{namespace}/{name}", _always([])),
)  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """A socket at an address; ``ConfigError`` if that cannot be had. Port 0 is any that is free."""
    if not 0 <= port <= 65535:
        raise ConfigError(f"There is no port {port}; choose a --port from 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
    except OSError as exc:
        raise ConfigError(f"There is no address {host} here ({exc.strerror}); choose another --host") from exc
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except OSError as exc:
        made.close()
        raise ConfigError(
            f"Nothing can listen on {host}:{port} ({exc.strerror}); choose another --host or --port"
        ) from exc
    return made


def serve(registry: EmbeddedRegistry, listener: socket.socket) -> None:
    """Answer requests until the process is interrupted."""
    config = uvicorn.Config(application(registry), log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
