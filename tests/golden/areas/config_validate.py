"""``PUT /connector-plugins/{plugin}/config/validate``: every option with its value and its errors.

Compared are the options and their order (of the converters' only which), definitions, values, whether there
are errors (not their texts), groups and the count. Plugins of our own may be recommended beside Kafka's;
versions are ours, and so are documentation texts. ``warnings`` is a member of ours.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

from connectkit._version import __version__
from tests.golden.areas.plugins import KAFKA, definition_difference
from tests.golden.areas.rest import answer_difference, body_of
from tests.golden.compare import Outcome
from tests.golden.rest_rig import BASE, Rig, rig

Case = dict[str, Any]
_CONVERTERS = ("key.converter.", "value.converter.", "header.converter.")
_CLIENTS = ("producer.override.", "consumer.override.", "admin.override.")
_entries: dict[str, dict[str, Any]] = {}
"""The entries of the file that is read; its cases come after them."""


def run(case: Case) -> Outcome:
    if case["op"] == "entry":
        _entries[case["id"]] = case["entry"]
        return None
    request: dict[str, Any] = {
        "method": "PUT",
        "path": f"/connector-plugins/{case['plugin']}/config/validate",
        "headers": {"Content-Type": "application/json"},
        **{key: case[key] for key in ("body", "text") if key in case},
    }
    request = _with_our_version(request)
    reply = _rig(json.dumps(case.get("worker") or {}, sort_keys=True)).ask(request, body_of(request))
    expected = case["response"]
    if expected["status"] == 500 and 400 <= reply.status < 500:
        return "rest:bad-input"
    if expected["status"] in (400, 500) and reply.status == 200 and reply.json()["error_count"]:
        return "rest:bad-input"
    if expected["status"] == 500 and reply.status == 200 and _overrides(case.get("body")):
        return "rest:client-key"
    if reply.status != 200 or expected["status"] != 200:
        return answer_difference(expected, reply, base=BASE)
    return _Comparison(case, expected["body"], reply.json()).run()


def _overrides(body: Any) -> bool:
    return isinstance(body, dict) and any(key.startswith(_CLIENTS) for key in body)


def _with_our_version(request: dict[str, Any]) -> dict[str, Any]:
    """A request for Kafka's version is one for ours."""
    body = request.get("body")
    if not isinstance(body, dict):
        return request
    ours = {
        key: value.replace(KAFKA, __version__)
        if key.endswith("plugin.version") and isinstance(value, str)
        else value
        for key, value in body.items()
    }
    return {**request, "body": ours}


@cache
def _rig(worker: str) -> Rig:
    """One worker for all cases with these properties: nothing is created in it."""
    return rig(json.loads(worker)).__enter__()


class _Comparison:
    def __init__(self, case: Case, expected: dict[str, Any], got: dict[str, Any]) -> None:
        self._body = case["body"]
        self._expected = expected
        self._got = got
        self._told: list[str] = []

    def run(self) -> Outcome:
        theirs = _merged(
            [_entries[each["$ref"]] if "$ref" in each else each for each in self._expected["configs"]]
        )
        ours = _merged(self._got["configs"])
        found = (
            self._members()
            or self._names(theirs, ours)
            or next(filter(None, (self._option(name, theirs[name], ours.get(name)) for name in theirs)), None)
            or self._rest(theirs, ours)
        )
        return found or (self._told[0] if self._told else None)

    def _members(self) -> Outcome:
        if (
            set(self._got) - {"warnings"} != set(self._expected)
            or self._got["name"] != self._expected["name"]
        ):
            return f"is {sorted(self._got)} of {self._got['name']!r}"
        return None

    def _names(self, theirs: dict[str, Any], ours: dict[str, Any]) -> Outcome:
        for name in theirs.keys() - ours.keys():
            alias = re.match(r"(transforms|predicates)\.([^.]*)\.", name)
            if alias and not alias[2]:
                self._told.append(f"rest:elsewhere {name}")
            elif name.startswith(("transforms.", "predicates.", *_CONVERTERS)) and _wrong_version(self._body):
                self._told.append(f"rest:own-version {name}")
            else:
                return f"lacks {name}"
        for name in ours.keys() - theirs.keys():
            if self._is_own_name(name, theirs):
                self._told.append(f"rest:own-name {name}")
            elif ours[name]["errors"]:
                self._told.append(f"rest:stricter {name}: {ours[name]['errors']}")
            elif name in self._body and ours[name]["definition"]:
                self._told.append(f"rest:extension {name}")
            else:
                return f"has {name} too"
        order = [name for name in theirs if name in ours and theirs[name]["definition"] and _ordered(name)]
        mine = [name for name in ours if name in theirs and theirs[name]["definition"] and _ordered(name)]
        return None if order == mine else f"has the order {mine}, not {order}"

    def _option(self, name: str, theirs: dict[str, Any], ours: dict[str, Any] | None) -> Outcome:
        if ours is None:
            return None
        return (
            self._definition(name, theirs, ours)
            or self._value(name, theirs, ours)
            or self._errors(name, theirs, ours)
        )

    def _definition(self, name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Outcome:
        if theirs["definition"] is None or ours["definition"] is None:
            if theirs["definition"] and name.startswith(_CLIENTS):
                self._told.append("rest:client-key")
                return None
            return None if theirs["definition"] == ours["definition"] else f"{name} has no definition, or one"
        found = definition_difference(theirs["definition"], ours["definition"], ghosts=("g.ghost",))
        if found and found.startswith("rest:"):
            self._told.append(found)
            return None
        if found and self._is_own_version(name):
            self._told.append(f"rest:own-name {name}")
            return None
        return found

    def _value(self, name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Outcome:
        wanted, got = theirs["value"], ours["value"]
        if wanted["visible"] != got["visible"]:
            which = str(self._body.get(name.removesuffix(".plugin.version")))
            if which != "None" and theirs["definition"]["name"].endswith("converter.plugin.version"):
                self._told.append(f"rest:java-class {name}")
                return None
            return f"{name} is visible: {got['visible']}"
        if missing := [
            each for each in wanted["recommended_values"] if _ours(each, got) not in got["recommended_values"]
        ]:
            return f"{name} does not recommend {missing}"
        value = _ours(wanted["value"], got)
        if value == got["value"]:
            return None
        given = self._body.get(name)
        if name.startswith(_CLIENTS) and got["value"] == "[hidden]":
            self._told.append("rest:client-key")
            return None
        if isinstance(given, str) and "${" in given and got["value"] in (given, None):
            self._told.append(f"rest:not-resolved {name}")
            return None
        kind = (theirs["definition"] or {}).get("type")
        if self._is_own_name(name, {name: theirs}) or self._is_own_version(name):
            self._told.append(f"rest:own-name {name}")
            return None
        if kind == "CLASS" and (got["value"] is None or name.startswith("r.")):
            self._told.append(f"rest:java-class {name}")
            return None
        return f"{name} has the value {got['value']!r}, not {value!r}"

    def _errors(self, name: str, theirs: dict[str, Any], ours: dict[str, Any]) -> Outcome:
        wanted, got = theirs["errors"], ours["errors"]
        if bool(wanted) == bool(got):
            if len(wanted) > len(got):
                self._told.append(f"rest:told-once {name}")
            return None
        return self._told_error(name, wanted, got)

    def _told_error(self, name: str, wanted: list[str], got: list[str]) -> Outcome:
        given = self._body.get(name)
        if got and given is None and name in self._body:
            self._told.append(f"rest:null-value {name}")
        elif wanted and self._is_own_name(name, {name: {"errors": wanted}}):
            self._told.append(f"rest:own-name {name}")
        elif self._is_negation(name, wanted, got):
            self._told.append(f"rest:elsewhere {name}")
        elif isinstance(given, str) and "${" in given:
            self._told.append(f"rest:not-resolved {name}")
        elif wanted and name == "topics.regex" and self._body.get("topics", "") is None:
            self._told.append(f"rest:null-value {name}")
        elif wanted and name.startswith("r.class"):
            self._told.append(f"rest:java-class {name}")
        elif _wrong_version(self._body) and "version" in " ".join(wanted + got):
            self._told.append(f"rest:own-version {name}")
        elif got and not wanted:
            self._told.append(f"rest:stricter {name}: {got}")
        else:
            return f"{name} has the errors {got}, not {wanted}"
        return None

    def _is_own_version(self, name: str) -> bool:
        """The version of a plugin by a name that only ours has."""
        return name.endswith(".plugin.version") and "$" in str(self._body.get(_key(name[:-8], "type")))

    def _is_own_name(self, name: str, theirs: dict[str, Any]) -> bool:
        """An option of a plugin by a name that only ours has (``Flatten$Value``)."""
        given = [key for key in theirs if key.endswith(".type") and name.startswith(key.removesuffix("type"))]
        return any(
            "could not be found" in " ".join(theirs[key]["errors"]) and "$" in str(self._body.get(key))
            for key in given
        )

    def _is_negation(self, name: str, wanted: list[str], got: list[str]) -> bool:
        """Java tells of a negate without predicate, or of a version, at the type; we tell it there."""
        if got:
            return name.endswith(".negate")
        if not name.endswith(".type"):
            return False
        told = {_key(name, "negate")} if "negate" in wanted[0] else {_key(name, "plugin.version")}
        return bool(told & self._got_errors())

    def _got_errors(self) -> set[str]:
        return {each["value"]["name"] for each in self._got["configs"] if each["value"]["errors"]}

    def _rest(self, theirs: dict[str, Any], ours: dict[str, Any]) -> Outcome:
        if self._told and any(
            not each.startswith(("rest:client-key", "rest:unlisted")) for each in self._told
        ):
            counted = sum(len(each["errors"]) for each in ours.values())
            return None if self._got["error_count"] <= counted else "counts errors that it does not show"
        if self._got["error_count"] != self._expected["error_count"]:
            return f"counts {self._got['error_count']} errors, not {self._expected['error_count']}"
        if sorted(self._got["groups"]) != sorted(self._expected["groups"]):
            return f"has the groups {self._got['groups']}, not {self._expected['groups']}"
        return None


def _merged(configs: list[dict[str, Any]]) -> dict[str, Any]:
    """The entries by name; two of one name are one with the errors of both."""
    found: dict[str, Any] = {}
    for each in configs:
        name = (each["value"] or each["definition"])["name"]
        before = found.get(name)
        errors = [*(before["errors"] if before else ()), *(each["value"] or {"errors": ()})["errors"]]
        if before is None or each["definition"] is not None:
            found[name] = {"definition": each["definition"], "value": each["value"], "errors": errors}
        else:
            before["errors"] = errors
    return found


def _ordered(name: str) -> bool:
    return not name.startswith((*_CONVERTERS, *_CLIENTS)) or name.endswith("converter.plugin.version")


def _ours(value: str | None, got: dict[str, Any]) -> str | None:
    """Kafka's version as ours, or as a probe's."""
    own = value is not None and got["name"].endswith("plugin.version")
    return value.replace(KAFKA, __version__) if own and value is not None else value


def _key(name: str, other: str) -> str:
    return f"{name.rpartition('.')[0]}.{other}"


def _wrong_version(body: dict[str, Any]) -> bool:
    """Whether the case names versions by a range, which mean Kafka's."""
    return any(
        key.endswith("plugin.version") and isinstance(value, str) and re.search(r"[\[(]", value)
        for key, value in body.items()
    )
