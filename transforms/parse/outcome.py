"""What parsing a text comes to, in the form the record needs: a row of columns, or a map.

A row has the fields' values and, where the policy asks for it, the text that could not be parsed and the
reason. A map is what the record goes on with. With the policy ``drop`` both are None for a text that
cannot be parsed. The functions made here are called for each record; they change nothing they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectkit.errors import ConversionError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.parse.options import ParseOptions
from connectkit.transforms.parse.reading import NotParsedError, OpenReader, Reader

_ENDS = frozenset(("", "\n", "\r"))
Tell = Callable[[], None]
Row = Callable[[Any, "int | None"], "Struct | None"]


class Texts:
    """Gets at the text of a value, and says what is wrong with it. Immutable."""

    __slots__ = ("_what", "max_chars", "where")

    def __init__(self, config: ParseOptions, where: str) -> None:
        self.max_chars = config.max_chars
        self.where = where
        self._what = config.format

    def text_of(self, value: Any) -> str:
        """The text of a value that is not null, without a line end behind it."""
        if not isinstance(value, str):
            if not isinstance(value, (bytes, bytearray, memoryview)):
                raise NotParsedError("is no text")
            if len(value) > self.max_chars * 4:
                raise NotParsedError(f"has more than {self.max_chars} characters")
            try:
                value = bytes(value).decode()
            except UnicodeDecodeError as exc:
                raise NotParsedError("is not UTF-8") from exc
        value = value.removesuffix("\n")
        value = value.removesuffix("\r")
        if len(value) > self.max_chars:
            raise NotParsedError(f"has more than {self.max_chars} characters")
        return str(value)

    def error(self, reason: str) -> ConversionError:
        return ConversionError(
            f"The text cannot be parsed as {self._what}: it {reason}; on.failure says what to do with such",
            path=self.where,
        )


def shown_text(value: Any) -> str:
    """A value that could not be parsed, as text."""
    if isinstance(value, str):
        return value
    return bytes(value).decode(errors="replace") if isinstance(value, (bytes, bytearray, memoryview)) else ""


@dataclass(slots=True, kw_only=True)
class Columns:
    """What stands in a row: the values (as one struct or map if ``nested``), then what failures need."""

    schema: Schema
    nested: Schema | None = None
    text_at: int | None = None
    """The column that takes a text that cannot be parsed, which may be that of a result."""
    text_added: bool = False
    """Whether that is a column of its own."""
    raw_text: bool = False
    """Whether that column takes bytes as they are."""
    reason: bool = False


def row_function(
    reader: Reader | OpenReader, columns: Columns, texts: Texts, policy: str, absent: Tell
) -> Row:
    """The function from text and record's moment to a row; ``absent`` is called where there is no text."""
    schema, nested = columns.schema, columns.nested
    read: Callable[[str, int | None], Any] = reader.read
    text_of, max_chars, error = texts.text_of, texts.max_chars, texts.error
    values = 1 if nested is not None or isinstance(reader, OpenReader) else len(reader.fields)
    extra: list[Any] = [None] * (columns.text_added + columns.reason)
    blank: list[Any] = [None] * (values + len(extra))
    of = Struct.of
    is_struct = nested is not None and isinstance(reader, Reader)

    def failed(value: Any, reason: str) -> Struct | None:
        if policy == "drop":
            return None
        made = blank[:]
        if columns.text_at is not None:
            raw = columns.text_added and columns.raw_text
            made[columns.text_at] = value if raw else shown_text(value)
        if columns.reason:
            made[-1] = reason
        return of(schema, made)

    def row(value: Any, reference_ms: int | None) -> Struct | None:
        if value is None:
            absent()
            return of(schema, blank[:])
        try:
            if type(value) is not str or len(value) > max_chars or value[-1:] in _ENDS:
                value_text = text_of(value)
            else:
                value_text = value
            found = read(value_text, reference_ms)
        except NotParsedError as exc:
            if policy == "fail":
                raise error(exc.reason) from exc
            return failed(value, exc.reason)
        if nested is not None:
            found = [of(nested, list(found)) if is_struct else found]
        elif type(found) is not list:
            found = list(found)
        if extra:
            found += extra
        return of(schema, found)

    return row


def map_function(
    reader: Reader | OpenReader,
    config: ParseOptions,
    texts: Texts,
    absent: Tell,
    source: str | None,
    *,
    only_texts: bool = False,
) -> Callable[..., Any]:
    """The function from text, record's moment and the map it stood in (None: what is made is all).

    ``source`` is the entry of the text in that map or, without one, the entry it would be kept in, as
    text in any case with ``only_texts``. The function gives a map (None: drop the record); with the
    policy ``tag``, a pair of map and reason.
    """
    read: Callable[[str, int | None], Any] = reader.read
    text_of, max_chars, error = texts.text_of, texts.max_chars, texts.error
    policy, prefix, target = config.on_failure, config.prefix, config.result_field
    keep_source, on_existing, failure_field = config.keep_source, config.on_existing, config.failure_field
    names: list[str] | None = None
    if isinstance(reader, Reader):
        names = [prefix + field.name for field in reader.fields]
    renamed = bool(prefix)
    tagged = policy == "tag"

    def fields_of(value: Any, reference_ms: int | None) -> dict[str, Any]:
        if type(value) is not str or len(value) > max_chars or value[-1:] in _ENDS:
            value = text_of(value)
        found = read(value, reference_ms)
        if names is not None:
            found = dict(zip(names, found))
        elif renamed:
            found = {prefix + name: each for name, each in found.items()}
        return {target: found} if target is not None else found

    def added(base: Mapping[Any, Any] | None, found: dict[str, Any], value: Any) -> dict[Any, Any]:
        if base is None:
            if keep_source and source is not None:
                found.setdefault(source, shown_text(value) if only_texts else value)
            return found
        made = dict(base)
        if source is not None and not keep_source:
            made.pop(source, None)
        if on_existing != "overwrite" and not made.keys().isdisjoint(found):
            if on_existing == "fail":
                raise error("gives a field that is in the record already")
            found.update((name, made[name]) for name in found if name in made)
        made.update(found)
        return made

    def failed(base: Mapping[Any, Any] | None, value: Any, reason: str) -> dict[Any, Any] | None:
        if policy == "drop":
            return None
        made = dict(base) if base is not None else {}
        if base is None and source is not None:
            made[source] = shown_text(value) if only_texts else value
        if failure_field is not None:
            made[failure_field] = reason
        return made

    def made_of(value: Any, reference_ms: int | None, base: Mapping[Any, Any] | None = None) -> Any:
        if value is None:
            absent()
            unchanged = {} if base is None else base
            return (unchanged, None) if tagged else unchanged
        try:
            found = fields_of(value, reference_ms)
        except NotParsedError as exc:
            if policy == "fail":
                raise error(exc.reason) from exc
            made = failed(base, value, exc.reason)
            return (made, exc.reason) if tagged else made
        made = added(base, found, value)
        return (made, None) if tagged else made

    if policy == "fail" and names is not None and not (target or keep_source):
        return _plain_function(read, names, texts, made_of)
    return made_of


def _plain_function(
    read: Callable[[str, int | None], Any], names: list[str], texts: Texts, otherwise: Callable[..., Any]
) -> Callable[..., Any]:
    """The same where the map is only made of the text, without a step between."""
    max_chars, error = texts.max_chars, texts.error

    def made_of(value: Any, reference_ms: int | None, base: Mapping[Any, Any] | None = None) -> Any:
        if base is not None or type(value) is not str or len(value) > max_chars or value[-1:] in _ENDS:
            return otherwise(value, reference_ms, base)
        try:
            return dict(zip(names, read(value, reference_ms)))
        except NotParsedError as exc:
            raise error(exc.reason) from exc

    return made_of
