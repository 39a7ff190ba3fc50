"""``GET /ui``: one page that shows and steers the worker's connectors, in one answer.

The page, its style and its script are files beside this module, put together once. The page asks nothing but
this worker: its content security policy allows its own script and style by their hashes, requests to where
it came from, and nothing else. It holds nothing of any connector, so it is open to anybody; what it shows it
asks for with the token of whoever looks. Thread-safe. Source: spec users row 34.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

PATH: Final = "/ui"


@cache
def page() -> tuple[bytes, str]:
    """The page, and the policy that lets its script and style run and nothing else."""
    folder = files("connectkit.runner.rest") / "ui"
    script = (folder / "app.js").read_text("utf-8")
    style = (folder / "style.css").read_text("utf-8")
    text = (folder / "index.html").read_text("utf-8")
    text = text.replace("/*style*/", style).replace("/*script*/", script)
    policy = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return text.encode(), "; ".join(f"{name} {value}" for name, value in policy.items())


def routes() -> list[Route]:
    """The route of the page."""
    return [Route(PATH, _page, methods=["GET"])]


async def _page(_: Request) -> Response:
    body, policy = page()
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
    return Response(body, headers=headers, media_type="text/html; charset=utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
