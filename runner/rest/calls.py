"""One request as operations see it: path, query, and the JSON body, read and checked.

Kafka's readers (Jackson) turn numbers and booleans in a configuration into texts, take null, and refuse
the rest; so do these, with a 400 and a sentence where Kafka answers 500 (spec runtime 3.1). Immutable.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from connectkit.runner.rest.answers import BadRequestError, RestError
from connectkit.runner.rest.security_principals import ANYBODY, Principal
from connectkit.suggest import did_you_mean, shortened

if TYPE_CHECKING:
    from connectkit.runner.rest.service import Service

MAX_DEPTH: Final = 64
"""How deep a body may be nested."""


class Number(str):
    """A JSON number as it was written."""

    __slots__ = ()

    def value(self) -> int | float:
        """The number itself: whole if it is written so."""
        return int(self) if self.lstrip("-").isdigit() else float(self)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one operation."""

    service: Service
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    data: bytes
    """The body as it came."""
    base: str
    """Scheme, host and port that the request was sent to."""
    who: Principal = ANYBODY
    """Who sent it."""

    @property
    def connector(self) -> str:
        """The connector's name in the path."""
        return self.path["connector"]

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A query parameter that is true or false; as in Java, whatever is not ``true`` is false."""
        found = self.query.get(name)
        return default if not found else found[0].lower() == "true"

    def text(self, name: str) -> str | None:
        """The first value of a query parameter."""
        found = self.query.get(name)
        return found[0] if found else None

    def whole(self, name: str, default: int, most: int) -> int:
        """A query parameter that is a whole number from 0 on; 400 if it is none, or above ``most``."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) > most:
            raise BadRequestError(f"The parameter '{name}' must be a whole number from 0 to {most}")
        return int(text)

    def task(self) -> int:
        """The task's number in the path; 404 if it is none, as in Kafka."""
        text = self.path["task"]
        digits = text[1:] if text[:1] in ("-", "+") else text
        if not (digits.isascii() and digits.isdigit()) or not -(2**31) <= int(text[:20]) < 2**31:
            raise RestError(
                404, "HTTP 404 Not Found: the part of the path behind tasks must be a task's number"
            )
        return int(text)

    def body(self) -> Any:
        """The body as JSON, numbers as :class:`Number`; 400 if there is none."""
        if not self.data.strip():
            raise BadRequestError("The request has no body, and JSON is wanted")
        return parse_json(self.data)

    def object(self, *names: str) -> dict[str, Any]:
        """The body as an object that has no members but these."""
        found = self.body()
        if not isinstance(found, dict):
            raise BadRequestError(f"The body must be a JSON object, and not {_kind(found)}")
        no_strangers(found, names, "The body")
        return found

    def config(self) -> dict[str, str | None]:
        """The body as a configuration."""
        return as_config(self.body(), "The body")


def parse_json(data: bytes) -> Any:
    """JSON, strictly; 400 with where it is wrong (never what stands there)."""
    try:
        found = json.loads(
            data,
            parse_int=Number,
            parse_float=Number,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise BadRequestError("The body is nested too deeply") from None
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"The body is not UTF-8 at byte {exc.start}") from exc
    except json.JSONDecodeError as exc:
        raise BadRequestError(f"The body is not JSON at line {exc.lineno}, column {exc.colno}") from exc
    if _depth_exceeds(found, MAX_DEPTH):
        raise BadRequestError(f"The body is nested more than {MAX_DEPTH} levels deep")
    return found


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise BadRequestError(f"The body has the member '{shortened(name)}' twice in one object")
    return found


def _no_constant(text: str) -> Any:
    raise BadRequestError(f"The body holds {text}, which is not JSON")


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def no_strangers(found: Mapping[str, Any], names: Sequence[str], what: str) -> None:
    """400 if an object has a member of another name than these."""
    for name in found:
        if name not in names:
            hint = did_you_mean(name, names)
            raise BadRequestError(f"{what} has a member '{shortened(name)}', which nobody reads{hint}")


def as_config(found: Any, what: str) -> dict[str, str | None]:
    """A configuration: an object of texts, where numbers and booleans become texts and null stays."""
    if not isinstance(found, dict):
        raise BadRequestError(f"{what} must be a JSON object of texts, and not {_kind(found)}")
    return {key: as_text(value, f"{what}'s '{shortened(key)}'") for key, value in found.items()}


def named(config: dict[str, str | None], name: str) -> dict[str, str | None]:
    """The configuration with its connector's name; 400 if another is in it."""
    inner = config.get("name")
    if inner is None:
        config["name"] = name
    elif inner != name:
        raise BadRequestError(
            f"The name within the config ('{shortened(inner)}') is not the connector's"
            f" ('{shortened(name)}'): leave one of them out"
        )
    return config


def as_text(found: Any, what: str) -> str | None:
    """A text, or a number or boolean as one; null stays."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if found is None or isinstance(found, str):
        return None if found is None else str(found)
    raise BadRequestError(f"{what} must be a text, and not {_kind(found)}")


def as_list(found: Any, what: str, item: Callable[[Any, str], Any]) -> list[Any]:
    """A list whose items are made by ``item``."""
    if not isinstance(found, list):
        raise BadRequestError(f"{what} must be a list, and not {_kind(found)}")
    return [item(each, f"{what}[{number}]") for number, each in enumerate(found)]


def plain(found: Any) -> Any:
    """JSON with its numbers as numbers."""
    if isinstance(found, Number):
        return found.value()
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, list):
        return [plain(value) for value in found]
    return found


def _kind(found: Any) -> str:
    if found is None:
        return "null"
    if isinstance(found, bool):
        return "a boolean"
    if isinstance(found, Number):
        return "a number"
    if isinstance(found, dict):
        return "an object"
    return "a list" if isinstance(found, list) else "a text"
