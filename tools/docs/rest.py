"""The page about the REST interface: every operation, from the table that serves it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from connectkit.runner.rest import own
from connectkit.runner.rest.app import operations
from connectkit.runner.rest.routes import Operation
from tools.docs.markdown import page

INTRO = """\
What a worker answers over HTTP. The paths up to `/admin` are Kafka Connect's; [the
guide](../guides/rest.md) shows how they are used, and `GET /openapi.json` of a worker has the JSON schemas.
Every answer is JSON; an error is `{"error_code": 404, "message": "a sentence"}`. Beside the statuses below,
any request may be answered 400 (it cannot be understood), 401 or 403 (who sent it may not), 406, 413, 415
(media types and sizes), 429 (too many changes at once) or 500."""


def rest_page() -> str:
    """The page."""
    groups: dict[str, list[Operation]] = {}
    for each in [*operations(), *own.OPERATIONS]:
        first = each.path.split("/")[1]
        groups.setdefault(f"/{first}" if first != "health" else "/", []).append(each)
    sections = [f"## {name}\n\n" + "\n\n".join(map(_operation, found)) for name, found in groups.items()]
    return page("REST", INTRO, *sections)


def _operation(each: Operation) -> str:
    lines = [f"### {each.method} {each.path}", "", each.summary]
    lines += [f"* `{name}`: {told}" for name, told in each.query.items()]
    lines += ["", f"Answers {_statuses(sorted({*each.gives, *each.errors}))}."]
    return "\n".join(lines)


def _statuses(found: Sequence[int]) -> str:
    return ", ".join(f"{status} {HTTPStatus(status).phrase}" for status in found)
