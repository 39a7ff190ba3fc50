"""Field paths: ``address.city``, ``items[0].sku``, ``items[*].sku``, ``headers.trace``, ``topic``.

The syntax is KIP-821's (steps parted by dots, backticks around a step that holds dots; version V1 is one
literal name), and what KIP-821 finds goes first. Where a struct or map has no field of a step's literal
name, ``[0]``, ``[-1]`` and ``[*]`` at its end pick elements of an array, and ``*`` is each field, entry or
element. :class:`FieldPath` starts at a key or value; :class:`RecordPath` may start anywhere in a record.
How they are looked up is :mod:`connectkit.transforms.pathread`'s, how changed :mod:`…pathedit`'s.

Paths are immutable, hence thread-safe. A text that is no path raises ``ValueError`` with the end of a
sentence ("has a backtick …"). Source: KIP-821; spec data 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self

from connectkit.checks import one_of_any_case
from connectkit.config import HIGH, option
from connectkit.draft import HEADERS, KEY, OFFSET, PARTITION, TIMESTAMP, TOPIC, VALUE, Draft, Side, SideName
from connectkit.program import NONE, Input, Var
from connectkit.record import ConnectRecord, SinkRecord
from connectkit.schema import Schema, Type
from connectkit.suggest import shortened
from connectkit.transforms.pathread import Gone, NoSuchField, Reading, Step, compile_read, find

__all__ = ["FieldPath", "Found", "NoSuchField", "RecordPath", "parse_path", "path_problems", "syntax_option"]

SYNTAX_CHECK = one_of_any_case("V1", "V2")
SyntaxVersion = Literal["V1", "V2"]

OnGone = Callable[[str, str, Iterable[Any]], None]
"""Told of a path's text, the step of it that is not there, and the names that are."""

MAX_STEPS = 256
MAX_INDEX_DIGITS = 9

_BRACKETS = re.compile(r"([^\[\]]*)((?:\[(?:-?[0-9]+|\*)\])+)\Z")
_PICK = re.compile(r"\[([^\]]+)\]")


def syntax_option(*, extension: bool = True) -> str:
    """The option ``field.syntax.version``; of Kafka's transforms ExtractField alone has it (4.3)."""
    found: str = option(
        "V1",
        doc="V1: fields are plain names. V2: fields are paths into nested fields, steps parted by dots, "
        "with backticks around a step that holds dots (KIP-821); [0] and [*] pick elements of an array, and "
        "headers.NAME, key.FIELD, topic or timestamp are found where there is no field of that name.",
        key="field.syntax.version",
        check=SYNTAX_CHECK,
        importance=HIGH,
        extension=extension,
    )
    return found


def path_problems(key: str, texts: Iterable[str], version: str = "V2") -> dict[str, str]:
    """What is wrong with the paths of an option, for ``Config.problems``."""
    for text in texts:
        try:
            FieldPath.of(text, version)
        except ValueError as error:
            return {key: f"has the path '{shortened(text)}', which {error}"}
    return {}


# --- syntax


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a V2 path; ``ValueError`` says what is wrong with it."""
    if not text:
        raise ValueError("must name a field")
    steps: list[Step] = []
    at = 0
    while True:
        if text[at : at + 1] == "`":
            name, at = _quoted_step(text, at)
            steps.append(Step(name))
        else:
            name, at = _plain_step(text, at)
            steps.append(_step(name))
        if len(steps) > MAX_STEPS:
            raise ValueError(f"has more than {MAX_STEPS} steps")
        if at >= len(text):
            return tuple(steps)
        at += 1  # the dot; at the very end it begins an empty last step


def _plain_step(text: str, at: int) -> tuple[str, int]:
    end = text.find(".", at)
    end = len(text) if end < 0 else end
    return text[at:end], end


def _quoted_step(text: str, start: int) -> tuple[str, int]:
    """A step in backticks: it ends at one that a dot or the end of the text follows, unless escaped."""
    parts: list[str] = []
    at = begin = start + 1
    while (close := text.find("`", at)) >= 0:
        after = close + 1
        escaped = text[close - 1 : close] == "\\" and close - 1 >= begin
        if after >= len(text) and not escaped:
            return "".join(parts) + text[begin:close], after
        if text[after : after + 1] == ".":
            if not escaped:
                return "".join(parts) + text[begin:close], after
            parts.append(text[begin : close - 1] + "`")
            begin = after
        at = after
    raise ValueError(
        f"has a backtick at position {start} that is never closed; "
        "put a backslash before it to mean the character"
    )


def _step(name: str) -> Step:
    """A step without backticks: brackets at its end, or a star, may pick."""
    if name == "*":
        return Step(name, "", (None,))
    found = _BRACKETS.match(name)
    if found is None:
        return Step(name)
    picks: list[int | None] = []
    for inside in _PICK.findall(found[2]):
        if inside == "*":
            picks.append(None)
        elif len(inside.lstrip("-")) > MAX_INDEX_DIGITS:
            return Step(name)  # no array is as long: it can only be a name
        else:
            picks.append(int(inside))
    if len(picks) > MAX_STEPS:
        raise ValueError(f"has more than {MAX_STEPS} brackets")
    return Step(name, found[1], tuple(picks))


def dotted(steps: Sequence[Step]) -> str:
    """The steps as messages show them: ``$.address.city``."""
    return "$." + ".".join(step.name for step in steps)


class FieldPath:
    """Steps from a key or value down to a field, or with wildcards to several."""

    __slots__ = ("elsewhere", "has_wildcard", "name", "steps", "text")

    def __init__(self, text: str, steps: tuple[Step, ...], *, elsewhere: RecordPath | None = None) -> None:
        self.text = text
        self.steps = steps
        self.elsewhere = elsewhere
        """Where in the record to look if the key or value has no field of the first step's name."""
        self.name: str | None = steps[0].name if len(steps) == 1 and not steps[0].picks else None
        """The field's name, where the path is no more than that."""
        self.has_wildcard = any(None in step.picks for step in steps)
        """Whether reading it gives a list."""

    @classmethod
    def of(cls, text: str, version: str = "V2") -> Self:
        """The path of a text as that version of the syntax reads it; ``ValueError`` if it cannot be."""
        if version.upper() != "V2":
            return cls(text, (Step(text),))
        steps = parse_path(text)
        try:
            record = RecordPath.parse(text) if steps[0].name in _PLACES else None
        except ValueError:
            record = None  # then it can only be a field's name
        return cls(text, steps, elsewhere=record)

    @property
    def reads(self) -> frozenset[SideName]:
        """The sides it may read besides its own, for ``EditTransform.reads``."""
        return frozenset() if self.elsewhere is None else self.elsewhere.reads

    @property
    def where(self) -> str:
        """The path for messages."""
        return dotted(self.steps)

    def compile(self, schema: Schema, *, with_default: bool = True, maps: bool = False) -> Reading:
        """The look-up in values of the schema, and the schema of what is found.

        Raises :class:`NoSuchField` (a ``DataError``) where there is no such field, and ``DataError``
        where a step goes on below what has no fields; ``maps`` lets steps name entries of maps, which
        KIP-821 does not. ``with_default``: an unset field at the end is given its default (on the way,
        and for Connect's plain names always, it is).
        """
        return compile_read(schema, self.steps, with_default=with_default, maps=maps)

    def find(self, value: Any, *, with_default: bool = True) -> Any:
        """What stands there in a value of any kind: None beneath nulls, a :class:`Gone` where missing."""
        return find(value, self.steps, with_default=with_default)

    def get(self, value: Any) -> Any:
        """The same, with None for what is missing."""
        found = find(value, self.steps, with_default=True)
        return None if type(found) is Gone else found

    def read(
        self,
        draft: Draft,
        side: Side,
        purpose: str,
        *,
        with_default: bool = True,
        maps: bool = False,
        gone: OnGone | None = None,
    ) -> Found:
        """The variable of a draft that holds what stands there, with its schema.

        In a struct a missing field raises :class:`NoSuchField` here; in a map ``gone`` is called for
        each record without it, and the variable is None.
        """
        if side.schema is None:
            side.require_map(purpose)
            if self.elsewhere is not None:
                return self._read_either(draft, side, self.elsewhere, with_default, gone)
            if self.name is not None:
                tell = None if gone is None else _telling(gone)
                return Found(side.get_item(self.name, absent=tell), None)
            return Found(draft.call(self._finder(gone, with_default), side.peek(), where=self.where), None)
        if (
            self.elsewhere is not None
            and side.schema.type is Type.STRUCT
            and side.schema.field(self.steps[0].name) is None
        ):
            return self.elsewhere.read(draft, with_default=with_default, purpose=purpose, gone=gone)
        if side.is_null:
            return Found(NONE, self.compile(side.schema, with_default=with_default, maps=maps).schema)
        schema = side.schema
        if schema.type is not Type.STRUCT:
            reading = self.compile(schema, with_default=with_default, maps=maps)
            return Found(reading.call(draft, side.whole(), where=self.where), reading.schema)
        first, *rest = self.steps
        reading = self.compile(schema, with_default=with_default, maps=maps)
        field = schema.field(first.name)
        picks: tuple[int | None, ...] = ()
        if field is None and first.base:
            field, picks = schema.field(first.base), first.picks
        if field is None:
            return Found(reading.call(draft, side.whole(), where=self.where), reading.schema)
        last = not rest and not picks
        slot = side.read(purpose, with_defaults=with_default or not last)[field.index]
        if last:
            return Found(slot, reading.schema)
        inner = compile_read(field.schema, tuple(rest), with_default=with_default, maps=maps, picks=picks)
        return Found(inner.call(draft, slot, where=self.where), inner.schema)

    def _read_either(
        self, draft: Draft, side: Side, elsewhere: RecordPath, with_default: bool, gone: OnGone | None
    ) -> Found:
        """In a map it is for each record to show whether it has an entry of the first step's name."""
        first, finder = self.steps[0].name, self._finder(gone, with_default)
        found = elsewhere.read(draft, with_default=with_default, gone=gone)

        def either(own: Any, other: Any) -> Any:
            return finder(own) if first in own else other

        return Found(draft.call(either, side.peek(), found.var, where=self.where), None)

    def _finder(self, gone: OnGone | None, with_default: bool) -> Callable[[Any], Any]:
        text, steps = self.text, self.steps

        def finder(value: Any) -> Any:
            found = find(value, steps, with_default=with_default)
            if type(found) is not Gone:
                return found
            if gone is not None:
                gone(text, found.name, found.known)
            return None

        return finder


def _telling(gone: OnGone) -> Callable[[str, Any], None]:
    return lambda key, mapping: gone(key, key, mapping)


class Found:
    """What a path leads to in a draft: the variable, and its schema.

    ``schema`` is None in schemaless data. ``schema_var``, where it is not None, says that the schema is
    each record's own and stands in that variable (headers).
    """

    __slots__ = ("schema", "schema_var", "var")

    def __init__(self, var: Var, schema: Schema | None, schema_var: Var | None = None) -> None:
        self.var = var
        self.schema = schema
        self.schema_var = schema_var


# --- records

Place = Literal["value", "key", "headers", "topic", "partition", "timestamp", "offset"]

_PARTS: dict[str, tuple[Input, Schema]] = {
    "topic": (TOPIC, Schema.OPTIONAL_STRING),
    "partition": (PARTITION, Schema.OPTIONAL_INT32),
    "timestamp": (TIMESTAMP, Schema.OPTIONAL_INT64),
    "offset": (OFFSET, Schema.OPTIONAL_INT64),
}
_PLACES = frozenset(("value", "key", "headers", *_PARTS))
_INPUTS = {"value": VALUE, "key": KEY, "headers": HEADERS}


class RecordPath:
    """A path that may begin with where in the record it leads.

    ``value.a``, ``key.a``, ``headers.NAME`` (the last header of that name; more steps lead into it),
    ``topic``, ``partition``, ``timestamp`` (milliseconds) and ``offset`` (sink records; None in others).
    Any other first step is a field of ``side``; a field called ``topic`` is ``value.topic`` or
    `` `topic` ``.
    """

    __slots__ = ("has_wildcard", "header", "path", "place", "text")

    def __init__(self, text: str, place: Place, *, path: FieldPath | None, header: str | None = None) -> None:
        self.text = text
        self.place: Place = place
        self.path = path
        """The steps below the place; None: all that stands there."""
        self.header = header
        self.has_wildcard = path is not None and path.has_wildcard

    @classmethod
    def parse(cls, text: str, side: SideName = "value") -> Self:
        """The path of a text; ``ValueError`` says what is wrong with it."""
        steps = parse_path(text)
        first = steps[0].name
        rest = steps[1:]
        if text.startswith("`"):
            return cls(text, side, path=FieldPath(text, steps))
        if first in ("value", "key"):
            return cls(text, first, path=FieldPath(text, rest) if rest else None)  # type: ignore[arg-type]
        if first == "headers":
            if len(steps) < 2 or not steps[1].name:
                raise ValueError("must name a header after 'headers.'")
            below = FieldPath(text, steps[2:]) if len(steps) > 2 else None
            return cls(text, "headers", path=below, header=steps[1].name)
        if first in _PARTS:
            if rest:
                raise ValueError(f"goes on below '{first}', which has no fields (a field is value.{first})")
            return cls(text, first, path=None)  # type: ignore[arg-type]
        return cls(text, side, path=FieldPath(text, steps))

    @property
    def where(self) -> str:
        """The path for messages."""
        return self.text

    @property
    def reads(self) -> frozenset[SideName]:
        """The sides it reads, for ``EditTransform.reads``."""
        return frozenset((self.place,) if self.place in ("key", "value") else ())

    def read(
        self,
        draft: Draft,
        *,
        with_default: bool = True,
        purpose: str = "reading a path",
        gone: OnGone | None = None,
    ) -> Found:
        """The variable that holds it; as :meth:`FieldPath.read`, with ``gone`` for missing headers too."""
        if self.place == "topic":
            return Found(draft.topic, Schema.OPTIONAL_STRING)
        if self.place == "partition":
            return Found(draft.partition, Schema.OPTIONAL_INT32)
        if self.place == "timestamp":
            return Found(draft.timestamp, Schema.OPTIONAL_INT64)
        if self.place == "offset":
            sink = issubclass(draft.record_class, SinkRecord)
            return Found(OFFSET if sink else NONE, Schema.OPTIONAL_INT64)
        if self.place == "headers":
            pair = draft.call(self._header_finder(with_default, gone), draft.headers, where=self.text)
            return Found(draft.call(_second, pair), None, draft.call(_first, pair))
        side = draft.side(self.place)
        if self.path is None:
            return Found(side.whole(), side.schema)
        return self.path.read(draft, side, purpose, with_default=with_default, maps=True, gone=gone)

    def _header_finder(
        self, with_default: bool, gone: OnGone | None
    ) -> Callable[[Any], tuple[Schema | None, Any]]:
        name, path, text = self.header, self.path, self.text
        assert name is not None

        def finder(headers: Any) -> tuple[Schema | None, Any]:
            header = headers.last_with_name(name)
            if header is None:
                if gone is not None:
                    gone(text, name, [each.key for each in headers])
                return None, None
            if path is None:
                return header.schema, header.value
            if header.schema is None:
                return None, path.get(header.value)
            reading = path.compile(header.schema, with_default=with_default, maps=True)
            return reading.schema, reading.of(header.value)

        return finder

    def schema(self, draft: Draft) -> Schema | None:
        """The schema of what it leads to, as far as that is known without data (headers: None)."""
        if self.place in _PARTS:
            return _PARTS[self.place][1]
        if self.place == "headers":
            return None
        found = draft.side(self.place).schema  # type: ignore[arg-type]
        if found is None or self.path is None:
            return found
        return self.path.compile(found, maps=True).schema

    def find_in(self, record: ConnectRecord, *, with_default: bool = True) -> Any:
        """What stands there in a record; a :class:`Gone` where there is nothing of the name."""
        if self.place == "headers":
            assert self.header is not None
            header = record.headers.last_with_name(self.header)
            if header is None:
                return Gone(self.header, [each.key for each in record.headers])
            value = header.value
        elif self.place == "offset" and not isinstance(record, SinkRecord):
            return None
        else:
            value = (_INPUTS.get(self.place) or _PARTS[self.place][0]).get(record)
        return value if self.path is None else self.path.find(value, with_default=with_default)

    def read_record(self, record: ConnectRecord, *, with_default: bool = True) -> Any:
        """The same, with None for what is missing: for code that is not compiled."""
        found = self.find_in(record, with_default=with_default)
        return None if type(found) is Gone else found


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _second(pair: tuple[Any, Any]) -> Any:
    return pair[1]
