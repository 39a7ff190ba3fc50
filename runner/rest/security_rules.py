"""Which role a request needs, and for which connector: read off its method and path.

What is not named here needs ``read`` to look at and ``admin`` for everything to change, so that a new
route is closed until somebody opens it. Paths are split before they are decoded, as the router does.
Pure functions.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote

from connectkit.kinds import trim
from connectkit.runner.rest.answers import RestError
from connectkit.runner.rest.calls import parse_json
from connectkit.runner.rest.security_principals import Principal, Role

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
OPEN_PATHS: Final = frozenset(("health", "ui"))
"""First parts of paths that may be read by anybody: they hold nothing of any connector."""

_OPERATE: Final = frozenset((
    ("PUT", "pause"), ("PUT", "resume"), ("PUT", "stop"), ("POST", "restart"), ("PUT", "topics", "reset"),
))  # fmt: skip


class Need(NamedTuple):
    """What a request needs. ``connector`` None: it is about none, or about several."""

    role: Role | None
    """None: it is open to anybody."""
    connector: str | None = None
    names_in_body: bool = False
    """The connector is named by the body."""
    changes: bool = False
    """Whether it is a change, which gets an audit line and its turn."""


def path_parts(scope_path: bytes | str) -> list[str]:
    """The decoded parts of an undecoded path."""
    path = scope_path.decode("latin-1") if isinstance(scope_path, bytes) else scope_path
    path = path.partition("?")[0].removesuffix("/")
    return [unquote(part, errors="replace") for part in path.split("/")[1:]]


def need_of(method: str, parts: list[str]) -> Need:
    """What the request with this method and these parts of its path needs."""
    safe = method in SAFE_METHODS
    if method == "OPTIONS" or (safe and parts[:1] and parts[0] in OPEN_PATHS):
        return Need(None)
    if parts[:1] == ["connectors"]:
        if len(parts) == 1:
            return Need(Role.READ) if safe else Need(Role.ADMIN, names_in_body=True, changes=True)
        return _on_connector(method, parts[1], tuple(parts[2:]))
    if parts[:1] == ["connectkit"]:
        return _own(method, parts)
    if parts[:1] == ["connector-plugins"] and parts[-1] == "validate" and not safe:
        # Validating calls a plugin's code with what the request says.
        return Need(Role.ADMIN, names_in_body=True)
    return Need(Role.READ) if safe else Need(Role.ADMIN, changes=True)


def _on_connector(method: str, name: str, rest: tuple[str, ...]) -> Need:
    if method in SAFE_METHODS:
        return Need(Role.READ, name)
    of_task = len(rest) == 3 and rest[0] == "tasks"
    if (method, *rest) in _OPERATE or (of_task and (method, rest[2]) == ("POST", "restart")):
        return Need(Role.OPERATE, name, changes=True)
    return Need(Role.ADMIN, name, changes=True)


def _own(method: str, parts: list[str]) -> Need:
    """Below ``/connectkit``: what Kafka Connect does not have."""
    safe = method in SAFE_METHODS
    if parts[1:2] == ["connectors"] and len(parts) > 2:
        if safe:
            return Need(Role.READ, parts[2])
        return Need(Role.ADMIN, parts[2], changes=parts[3:] != ["plan"])
    if parts[1:] == ["preview"] and not safe:
        return Need(Role.ADMIN, names_in_body=True)
    return Need(Role.READ) if safe else Need(Role.ADMIN, changes=True)


def allowed(principal: Principal, need: Need, body: bytes) -> bool:
    """Whether the principal may do what the request needs."""
    if need.role is None:
        return True
    if not need.names_in_body or principal.may(need.role, None):
        return principal.may(need.role, need.connector)
    if not principal.may_some(need.role):
        return False
    try:
        found = parse_json(body)  # the endpoint's own, so that both read the same
    except RestError:
        return True  # which the endpoint refuses as well, and says why
    names = _names(found)
    return bool(names) and all(isinstance(n, str) and principal.may(need.role, trim(n)) for n in names)


def _names(body: object) -> list[object]:
    """Every place of a body where the name of a connector may stand."""
    if not isinstance(body, dict):
        return []
    config = body.get("config")
    within = config.get("name") if isinstance(config, dict) else None
    return [name for name in (body.get("name"), body.get("connector"), within) if name is not None]
