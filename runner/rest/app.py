"""The applications that REST serves: all operations, or ``/admin`` alone, headers around.

    make_app(service)                      everything but what has admin listeners of its own
    make_app(service, side="admin")        /admin alone

``more`` are routes of others (``/metrics``, ``/connectkit/…``): made with ``make_routes`` from operations
of their own, or any Starlette route. They go before Connect's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from starlette.routing import Route

from connectkit.runner.configs.rest import header_rules
from connectkit.runner.rest import connectors, offsets, plugins, root
from connectkit.runner.rest.headers import Cors, ResponseHeaders
from connectkit.runner.rest.openapi import document
from connectkit.runner.rest.routes import Operation, Side, make_router, make_routes

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from connectkit.runner.rest.service import Service


def operations() -> list[Operation]:
    """Every operation of Connect's interface."""
    return [*root.OPERATIONS, *connectors.OPERATIONS, *offsets.OPERATIONS, *plugins.OPERATIONS]


def make_app(
    service: Service,
    *,
    side: Side = "main",
    admin_apart: bool = False,
    more: Sequence[Route] = (),
    more_operations: Iterable[Operation] = (),
) -> ASGIApp:
    """An ASGI application; ``admin_apart`` leaves out what the admin listeners serve."""
    found = [*more_operations, *operations()]
    if side == "admin":
        found = [each for each in found if each.side == "admin"]
    elif admin_apart:
        found = [each for each in found if each.side == "main"]
    if side == "main":
        found += document(found)
    app: ASGIApp = make_router([*more, *make_routes(service, found)])
    config = service.config
    if side == "main" and config.access_control_allow_origin.strip():
        app = Cors(app, config.access_control_allow_origin, config.access_control_allow_methods)
    if rules := header_rules(config.response_http_headers_config):
        app = ResponseHeaders(app, rules)
    return app
