"""Transcripts of the REST interface: the steps of a scenario, one after the other, against our worker.

Compared are statuses, bodies and headers, error messages only for being there. In silence we may differ:
an error always has ``application/json`` and 405 an ``Allow`` header (Kafka leaves them out where no
resource was found), pages of Java's web server are JSON here, versions and the names of task classes are
ours, and a trace is ours if it says the same. A difference we were told of begins with ``rest:``.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.golden.compare import Outcome
from tests.golden.rest_rig import BASE, rig
from tests.support.asgi import Reply

Case = dict[str, Any]
SETTLE_S = 20.0
"""How long an answer that shall come ``eventually`` may take on a busy machine."""
RECORDED_HEADERS = (
    "content-type location allow access-control-allow-origin access-control-allow-methods x-golden"
    " x-frame-options cache-control vary"
).split()
_VERSION = "4.3.0"

for _name in ("connectkit", "uvicorn"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


def run(case: Case) -> Outcome:
    with rig(case.get("worker")) as worker:
        return Scenario(case, worker.ask, base=BASE).run()


def body_of(request: Mapping[str, Any]) -> bytes:
    """A request's body as bytes."""
    if "body" in request:
        return json.dumps(request["body"]).encode()
    text = request.get("text")
    return b"" if text is None else str(text).encode("utf-8", "surrogatepass")


class Scenario:
    """One transcript; ``ask`` sends a request to a worker and gives its reply."""

    def __init__(self, case: Case, ask: Callable[[Mapping[str, Any], bytes], Reply], *, base: str) -> None:
        self._case = case
        self._ask = ask
        self._base = base
        self._told: list[str] = []
        self._apart: set[str] = set()
        """Connectors that are not what they are in Java, because we refused what Java took."""

    def run(self) -> Outcome:
        """The first difference, or the first that was told of."""
        for number, step in enumerate(self._case["steps"]):
            difference = self._step(step)
            if difference is None:
                continue
            request = step["request"]
            shown = f"step {number} {request['method']} {request['path']}: {difference}"
            if not difference.startswith("rest:"):
                return shown
            self._told.append(difference)
        return self._told[0] if self._told else None

    def _step(self, step: dict[str, Any]) -> Outcome:
        end = time.monotonic() + (SETTLE_S if step.get("eventually") else 0)
        while True:
            reply = self._ask(step["request"], body_of(step["request"]))
            difference = self._difference(step, reply)
            if difference is None or difference.startswith("rest:") or time.monotonic() > end:
                return difference
            time.sleep(0.01)

    def _difference(self, step: dict[str, Any], reply: Reply) -> Outcome:
        request, expected = step["request"], step["response"]
        found = answer_difference(expected, reply, base=self._base, head=request["method"] == "HEAD")
        if found is None:
            return None
        name = _connector(request)
        listing = name is None and request["path"].startswith("/connectors")
        if name in self._apart or (listing and self._apart):
            return "rest:follows from an earlier difference"
        return self._known(request, expected, reply) or found

    def _known(self, request: Mapping[str, Any], expected: Mapping[str, Any], reply: Reply) -> Outcome:
        status = expected["status"]
        refused = 400 <= reply.status < 500 and (not reply.data or reply.json()["error_code"] == reply.status)
        name = _connector(request)
        if status == 500 and refused and not _is_failure(expected):
            if _has_null(request) and name is not None:
                self._apart.add(name)
            return "rest:bad-input"
        if _is_out_of_reach(request, expected, reply):
            self._apart.add(name or "")
            return "rest:reachable"
        if re.search(r"/\./|;", request["path"]):
            self._apart.add((name or "").partition(";")[0])
            return "rest:misread"
        if status == 415 and request["method"] in ("GET", "HEAD") and not body_of(request):
            return "rest:idle-type"
        if status == 200 and _has_phantom(expected.get("body")):
            return "rest:accident"
        if status == 404 and request["path"].endswith("/tasks-config"):
            return "rest:tasks-config"
        if expected.get("accident") and reply.status < 500:
            return "rest:accident"
        if status == 200 and refused and request["method"] == "PATCH" and "name" in (request["body"] or {}):
            if name is not None:
                self._apart.add(name)
            return "rest:renamed"
        if status == reply.status == 200 and _only_paused(expected.get("body"), reply):
            return "rest:still-pausing"
        return None


def answer_difference(expected: Mapping[str, Any], reply: Reply, *, base: str, head: bool = False) -> Outcome:
    """What differs between a recorded answer and ours."""
    if reply.status != expected["status"]:
        return f"answered {reply.status}, not {expected['status']}: {reply.data[:300]!r}"
    if found := _header_difference(expected, reply, base):
        return found
    if head and not reply.data:
        return None
    if "{html}" in str(expected.get("text")):
        return _error_difference(reply, {"error_code": reply.status})
    if "text" in expected:
        return _unlike(expected["text"], reply.data.decode(), "")
    if "body" not in expected:
        return f"has a body: {reply.data[:200]!r}" if reply.data and not head else None
    try:
        body = reply.json()
    except ValueError:
        return f"has no JSON: {reply.data[:200]!r}"
    if reply.status >= 400 and "error_code" in expected["body"]:
        return _error_difference(reply, expected["body"])
    return _unlike(expected["body"], body, "$")


def _error_difference(reply: Reply, expected: Mapping[str, Any]) -> Outcome:
    body = reply.json()
    if set(body) != {"error_code", "message"} or body["error_code"] != expected["error_code"]:
        return f"is no error of that code: {body!r}"
    if not body["message"] or len(reply.data) > 1200:
        return "has no message, or one that is too long"
    return None


def _header_difference(expected: Mapping[str, Any], reply: Reply, base: str) -> Outcome:
    wanted = {key: value.replace("{base}", base) for key, value in expected.get("headers", {}).items()}
    got = {key: value for key, value in reply.headers.items() if key in RECORDED_HEADERS}
    if reply.status >= 400:
        wanted["content-type"] = "application/json"
        if reply.status == 405:
            got.pop("allow", None)
        if wanted.get("cache-control", "").startswith("must-revalidate"):  # the web server's own page
            del wanted["cache-control"]
    for key in ("allow", "access-control-allow-methods"):
        for each in (wanted, got):
            if key in each:
                each[key] = ", ".join(sorted(part.strip() for part in each[key].split(",")))
    return None if wanted == got else f"has the headers {got}, not {wanted}"


def _unlike(expected: Any, got: Any, at: str) -> Outcome:
    if isinstance(expected, dict) and isinstance(got, dict):
        if set(expected) != set(got):
            return f"{at} has {sorted(got)}, not {sorted(expected)}"
        for key, value in expected.items():
            if found := _member(key, value, got[key], f"{at}.{key}"):
                return found
        return None
    if isinstance(expected, list) and isinstance(got, list):
        if all(isinstance(each, str) for each in expected) and all(isinstance(each, str) for each in got):
            expected, got = sorted(expected), sorted(got)
        elif expected and isinstance(expected[0], dict) and "partition" in expected[0]:
            expected, got = sorted(expected, key=json.dumps), sorted(got, key=json.dumps)
        if len(expected) != len(got):
            return f"{at} has {len(got)} items, not {len(expected)}"
        for number, (wanted, item) in enumerate(zip(expected, got, strict=True)):
            if found := _unlike(wanted, item, f"{at}[{number}]"):
                return found
        return None
    if expected == "{millis}":
        return None if isinstance(got, int) and got > 1_600_000_000_000 else f"{at} is no time: {got!r}"
    same = type(expected) is type(got) and expected == got
    return None if same else f"{at} is {got!r}, not {expected!r}"


def _member(key: str, expected: Any, got: Any, at: str) -> Outcome:
    if (key == "version" and expected == _VERSION) or key in ("commit", "kafka_cluster_id"):
        return None if isinstance(got, str) and got else f"{at} is no version: {got!r}"
    if key == "task.class":
        return None if isinstance(got, str) and got else f"{at} is no class: {got!r}"
    if key == "trace":
        said = expected.partition(": ")[2]
        return None if said in got else f"{at} does not say '{said}' in {got[:200]!r}"
    return _unlike(expected, got, at)


def _connector(request: Mapping[str, Any]) -> str | None:
    found = re.match(r"/connectors/([^/?]+)", request["path"])
    if found:
        return found[1]
    body = request.get("body")
    name = body.get("name") if isinstance(body, dict) and request["method"] == "POST" else None
    return name if isinstance(name, str) else None


def _is_failure(expected: Mapping[str, Any]) -> bool:
    """Whether Java's 500 is one of the connector's, and not of the request's."""
    message = (expected.get("body") or {}).get("message") or ""
    return message.startswith(("Failed to transition connector", "Request timed out"))


def _has_null(request: Mapping[str, Any]) -> bool:
    body = request.get("body")
    config = body.get("config", body) if isinstance(body, dict) else None
    return isinstance(config, dict) and None in config.values()


def _only_paused(expected: Any, reply: Reply) -> bool:
    """A file source hears of a pause within a second; the recording may show a moment before."""
    text = json.dumps(expected, sort_keys=True)
    if '"PAUSED"' not in text or "tasks" not in (expected if isinstance(expected, dict) else {}):
        return False
    settled = json.loads(text)
    for task in settled["tasks"]:
        task["state"] = "PAUSED" if task["state"] == "RUNNING" else task["state"]
    return settled != expected and _unlike(settled, reply.json(), "$") is None


def _is_out_of_reach(request: Mapping[str, Any], expected: Mapping[str, Any], reply: Reply) -> bool:
    """Names that Java creates, or says where they are, in a way that nobody gets at them."""
    if expected["status"] == 400 and re.search("%2[5F]|%5C", request["path"], re.IGNORECASE):
        return "{html}" in str(expected.get("text"))
    body = request.get("body")
    name = f"{_connector(request)}{body.get('name') if isinstance(body, dict) else ''}"
    if expected["status"] == 500:
        return reply.status in (200, 201) and bool(re.search(r"[{}]|%7[BD]", name))
    return expected["status"] == reply.status == 201 and "%" in name


def _has_phantom(expected: Any) -> bool:
    """A status of a task that never was: Java made it when somebody restarted that task."""
    tasks = expected.get("tasks", ()) if isinstance(expected, dict) and "connector" in expected else ()
    return any(each.get("state") == "FAILED" and each.get("version", "") is None for each in tasks)
