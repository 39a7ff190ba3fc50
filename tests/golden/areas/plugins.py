"""``GET /connector-plugins…``: what there is, and the options of each plugin.

Ours must be there; plugins of our own may be beside them. Versions are ours, so a request for Kafka's is
made for ours. Definitions are compared member by member, documentation for being there; ours have the
order under its older name too.
"""

from __future__ import annotations

from typing import Any

from connectkit._version import __version__
from tests.golden.areas.rest import answer_difference
from tests.golden.compare import Outcome
from tests.golden.rest_rig import BASE, rig
from tests.support.asgi import Reply

Case = dict[str, Any]
KAFKA = "4.3.0"


def run(case: Case) -> Outcome:
    path = case["path"].replace(f"version={KAFKA}", f"version={__version__}")
    with rig(case.get("worker")) as worker:
        reply = worker.ask({"method": "GET", "path": path}, b"")
    expected = case["response"]
    if expected["status"] == 500 and 400 <= reply.status < 500:
        return "rest:bad-input"
    if "RestProbeGhost" in path and reply.status == 200:
        return _definitions(expected["body"], reply.json(), ghosts=("g.ghost",))
    if reply.status != expected["status"]:
        if "version=[" in path:
            return "rest:own-version"
        known = _own_plugin(path, reply)
        return known or answer_difference(expected, reply, base=BASE)
    if reply.status != 200:
        return answer_difference(expected, reply, base=BASE)
    body = reply.json()
    if path.split("?")[0].rstrip("/") == "/connector-plugins":
        return _listed(expected["body"], body)
    return _definitions(expected["body"], body, unlisted="io.debezium." in path)


def _own_plugin(path: str, reply: Reply) -> Outcome:
    """A short name that means a plugin of ours, or is one of the forms that only ours have."""
    name = path.split("/")[2]
    return "rest:own-name" if reply.status in (200, 404) and "." not in name else None


def _listed(expected: list[dict[str, str]], got: list[dict[str, str]]) -> Outcome:
    rows = [(each["type"], each["class"]) for each in got]
    wanted = [(each["type"], each["class"]) for each in expected]
    if missing := [row for row in wanted if row not in rows]:
        return f"lacks {missing}"
    if [row for row in rows if row in wanted] != wanted:
        return "has another order"
    return None if all(each.get("version") for each in got) else "has a plugin without a version"


def _definitions(
    expected: list[dict[str, Any]],
    got: list[dict[str, Any]],
    *,
    ghosts: tuple[str, ...] = (),
    unlisted: bool = False,
) -> Outcome:
    """``unlisted``: Java's plugin may read options that it lists nowhere."""
    names, wanted = [each["name"] for each in got], [each["name"] for each in expected]
    if names != wanted:
        rest = [each for each in got if each["name"] in wanted]
        if unlisted and len(rest) < len(got):
            return _definitions(expected, rest) or "rest:unlisted"
        return f"lists {names}, not {wanted}"
    told = None
    for theirs, ours in zip(expected, got, strict=True):
        if found := definition_difference(theirs, ours, ghosts=ghosts):
            if not found.startswith("rest:"):
                return found
            told = told or found
    return told


def definition_difference(
    expected: dict[str, Any], got: dict[str, Any] | None, *, ghosts: tuple[str, ...] = ()
) -> Outcome:
    """What differs between two definitions of an option."""
    if got is None:
        return f"{expected['name']} has no definition"
    if set(got) != {*expected, "order"} or got["order"] != got["order_in_group"]:
        return f"{expected['name']} has the members {sorted(got)}"
    for key, value in expected.items():
        wanted, ours = value, got[key]
        if key == "documentation":
            ours = "*" if ours else ours
        elif key == "default_value" and value == KAFKA:
            wanted = __version__ if ours != "1.0-probe" else ours
        elif key == "dependents":
            wanted = [each for each in value if each not in ghosts]
        elif key == "display_name" and len(value) > LABEL_CHARS:
            wanted = ours  # a sentence, which is Debezium's own
        if wanted != ours:
            found = f"{expected['name']}: {key} is {ours!r}, not {wanted!r}"
            needed = key == "required" and ours and value is False
            return f"rest:unlisted {found}" if needed or (key, ours, value) == _UNSET else found
    return None


LABEL_CHARS = 40
_UNSET = ("default_value", "", None)
