"""From JSON to Connect values, by schema, as JsonSchemaConverter reads them: one function a schema.

As :class:`~connectkit.converters.json_reader.TreeReader`, from which it differs in what is not there (the
default, or nothing), in unions (the field whose schema fits what stands there) and in maps (entries are
objects). Source: spec registry 4.7 (``JsonSchemaData.toConnectData``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from connectkit.compile import Code, Family, Late, PerSchema
from connectkit.converters import json_path
from connectkit.converters.json_parse import MISSING
from connectkit.converters.json_path import Path
from connectkit.converters.json_reader import NotPlainError, TreeReader, ValueFunction, refuse_all
from connectkit.converters.json_schema.names import KEY, REST, VALUE, is_map_of_texts, is_rest, is_union
from connectkit.converters.variant import VARIANT, is_variant, to_struct
from connectkit.errors import ConversionError
from connectkit.schema import DECIMAL_NAME, LOGICAL_NAMES, Schema, Type
from connectkit.struct import Struct

_TYPES: Final = {
    Type.INT8: "int", Type.INT16: "int", Type.INT32: "int", Type.INT64: "int",
    Type.FLOAT32: "number", Type.FLOAT64: "number", Type.BOOLEAN: "bool", Type.STRING: "str",
    Type.BYTES: "decimal", Type.ARRAY: "list", Type.MAP: "list or dict",
}  # fmt: skip
_MATCHES: Final = {
    "int": {"int", "number"}, "decimal": {"number", "decimal"}, "bool": {"bool"}, "str": {"str"},
    "list": {"list", "list or dict"}, "dict": {"list or dict"},
}  # fmt: skip
_MAX_DEPTH: Final = 64


class Choice:
    """Which field of a union a value belongs to: the first simple one that fits, else the likest struct."""

    __slots__ = ("_any", "_simple", "_structs")

    def __init__(self, schema: Schema) -> None:
        kinds = [_TYPES.get(field.schema.type, "") for field in schema.fields]
        self._simple = {
            node: next((i for i, kind in enumerate(kinds) if kind in fitting), None)
            for node, fitting in _MATCHES.items()
        }
        self._any = next((field.index for field in schema.fields if is_variant(field.schema)), None)
        self._structs = [
            (field.index, _Names(field.schema, {}))
            for field in schema.fields
            if field.schema.type is Type.STRUCT
        ]

    def of(self, node: Any) -> int | None:
        """The field's index; None if none fits."""
        kind = type(node)
        word = "decimal" if kind.__name__ in ("float", "Decimal") else kind.__name__
        found = self._simple.get(word)
        if found is not None or word != "dict":
            return self._any if found is None else found
        best, most = None, 0
        for index, struct in self._structs:
            matching = struct.count(node, 0)
            if matching > most:
                best, most = index, matching
        return self._any if best is None else best


class _Names:
    """How many members of an object a struct has fields for, those inside its structs counted too."""

    __slots__ = ("_inside",)

    def __init__(self, schema: Schema, known: dict[int, _Names]) -> None:
        known[id(schema)] = self
        self._inside: dict[str, _Names | None] = {}
        for field in schema.fields:
            inner: _Names | None = None
            if field.schema.type is Type.STRUCT:
                inner = known.get(id(field.schema)) or _Names(field.schema, known)
            self._inside[field.name] = inner

    def count(self, node: dict[str, Any], depth: int) -> int:
        found = 0
        for name, inner in self._inside.items():
            if name in node:
                found += 1
                value = node[name]
                if inner is not None and type(value) is dict and depth < _MAX_DEPTH:
                    found += inner.count(value, depth + 1)
        return found


class ValueReader(TreeReader):
    """Reads values. Immutable but for what it knows of unions, so any number of threads may share it."""

    __slots__ = ("_choices", "preserve")

    def __init__(self, *, preserve: bool = False) -> None:
        super().__init__(replace_null=True)
        self.preserve = preserve
        """What a schema does not name goes to a field of its own."""
        self._choices: PerSchema[Choice] = PerSchema(Choice)

    # --- the law

    def explain(self, schema: Schema, node: Any, path: Path = None, *, strict: bool = False) -> Any:
        """The value of a node; ``strict`` holds inside a struct, where nothing that is required may lack."""
        if is_variant(schema) and not (schema.optional and (node is None or node is MISSING)):
            return to_struct(schema, None if node is MISSING else node)
        if node is not None and schema.type is Type.STRUCT and schema.name not in LOGICAL_NAMES:
            if is_union(schema):
                return self._union(schema, node, path)
            return self._members(schema, node, path, strict=strict)
        if schema.type is Type.BYTES and schema.name != DECIMAL_NAME and _is_no_text(node):
            where = json_path.text(path)
            raise ConversionError(
                f"Bytes must be a text in base64 in JSON, which is not what stands at {where}", path=where
            )
        return super().explain(schema, node, path, strict=strict)

    def _members(self, schema: Schema, node: Any, path: Path, *, strict: bool) -> Struct:
        if not isinstance(node, dict):
            where = json_path.text(path)
            raise ConversionError(
                f"A struct must be an object in JSON, which is not what stands at {where}", path=where
            )
        values: list[Any] = []
        for field in schema.fields:
            if self.preserve and is_rest(field):
                values.append(_rest(schema, node))
                continue
            inner, at = field.schema, json_path.member(path, field.name)
            value = inner.default
            if field.name in node:
                # A scalar of another kind is as good as none; in arrays and maps it is an error.
                inside = inner.type in (Type.ARRAY, Type.MAP, Type.STRUCT)
                value = self.explain(inner, node[field.name], at, strict=inside)
            if value is None and strict and not inner.optional and inner.default is None:
                where = json_path.text(at)
                raise ConversionError(
                    f"The schema requires {inner.type} at {where}, and no such thing stands there", path=where
                )
            values.append(value)
        return Struct.of(schema, values)

    def _union(self, schema: Schema, node: Any, path: Path) -> Struct:
        index = self._choices[schema].of(node)
        if index is None:
            where = json_path.text(path)
            raise ConversionError(f"What stands at {where} fits none of the schemas of its oneOf", path=where)
        values: list[Any] = [None] * len(schema.fields)
        values[index] = self.explain(schema.fields[index].schema, node, path, strict=True)
        return Struct.of(schema, values)

    def _map(self, schema: Schema, node: Any, path: Path, strict: bool) -> dict[Any, Any]:
        if is_map_of_texts(schema.key_schema):
            return super()._map(schema, node, path, strict)
        where = json_path.text(path)
        if not isinstance(node, list):
            raise ConversionError(
                f"A map whose keys may be null or no texts must be an array of objects in JSON, which is not "
                f"what stands at {where}",
                path=where,
            )
        made: dict[Any, Any] = {}
        for i, entry in enumerate(node):
            if not isinstance(entry, dict) or len(entry) != 2:
                at = json_path.text(json_path.item(path, i))
                raise ConversionError(
                    f"An entry of a map must be an object of {KEY} and {VALUE}, not what stands at {at}",
                    path=at,
                )
            key = self._part(schema.key_schema, entry, KEY, json_path.entry(path, i, KEY), strict)
            made[_as_key(key, path, i)] = self._part(
                schema.value_schema, entry, VALUE, json_path.entry(path, i, VALUE), strict
            )
        return made

    def _part(self, schema: Schema | None, entry: dict[str, Any], name: str, path: Path, strict: bool) -> Any:
        if schema is None:
            raise ConversionError("The schema does not say what is inside a map")
        return self.explain(schema, entry[name], path, strict=strict) if name in entry else schema.default

    # --- the fast variant

    def _make(self, family: Family, schema: Schema) -> ValueFunction:
        if is_variant(schema):
            return partial(_plain_variant, schema)
        if not is_union(schema) or schema.name in LOGICAL_NAMES:
            made = super()._make(family, schema)
            if self.preserve and schema.type is Type.STRUCT and any(map(is_rest, schema.fields)):
                return partial(_with_rest, schema, made)
            return made
        fields = schema.fields
        readers = [_reader(family, field.schema) for field in fields]
        choose, count = Choice(schema).of, len(fields)

        def read(node: Any) -> Any:
            index = choose(node)
            if index is None:
                raise NotPlainError
            values: list[Any] = [None] * count
            values[index] = readers[index](node)
            return Struct.of(schema, values)

        return read

    def _fast(
        self, code: Code, family: Family, schema: Schema, var: str, level: int
    ) -> tuple[str, str | None]:
        keys, values = (schema.key_schema, schema.value_schema) if schema.type is Type.MAP else (None, None)
        if schema.type is not Type.MAP or is_map_of_texts(keys):
            return super()._fast(code, family, schema, var, level)
        if keys is None or values is None or not keys.type.is_primitive:
            return refuse_all(code, var), None
        key, item = code.variable(), code.variable()
        outer = self._expression(code, family, keys, key, level + 1)
        inner = self._expression(code, family, values, item, level + 1)
        entries = f"{code.bind(_entries)}({var})"
        return f"{{{outer}: {inner} for {key}, {item} in {entries}}}", None


def _is_no_text(node: Any) -> bool:
    return node is not None and node is not MISSING and not isinstance(node, str)


def _plain_variant(schema: Schema, node: Any) -> Struct:
    """Of what orjson read, which has no null that is not there, and no integers beyond 64 bits."""
    if node is None or _has_large(node):
        raise NotPlainError
    return to_struct(schema, node)


def _has_large(node: Any) -> bool:
    todo = [node]
    while todo:
        each = todo.pop()
        if type(each) is float:
            if abs(each) >= 2.0**63:
                return True
        elif type(each) is list:
            todo.extend(each)
        elif type(each) is dict:
            todo.extend(each.values())
    return False


def _rest(schema: Schema, node: dict[str, Any]) -> dict[str, Struct] | None:
    """The members of an object that its schema does not name."""
    known = {field.name for field in schema.fields if not is_rest(field)}
    return {name: to_struct(VARIANT, each) for name, each in node.items() if name not in known} or None


def _with_rest(schema: Schema, read: ValueFunction, node: Any) -> Struct:
    if type(node) is not dict or REST in node or _has_large(node):
        raise NotPlainError
    made: Struct = read(node)
    made.values[-1] = _rest(schema, node)
    return made


def _reader(family: Family, schema: Schema) -> Callable[[Any], Any]:
    found = family.get(schema)
    if not isinstance(found, Late):
        return found
    late = found

    def read(node: Any) -> Any:
        return late.call(node)  # which is not there yet

    return read


def _entries(node: Any) -> list[tuple[Any, Any]]:
    if type(node) is not list:
        raise NotPlainError
    try:
        found = [(each[KEY], each[VALUE]) for each in node]
    except (KeyError, TypeError):
        raise NotPlainError from None
    if any(len(each) != 2 for each in node):
        raise NotPlainError
    return found


def _as_key(key: Any, path: Path, number: int) -> Any:
    """A value as a key of a dict: a list becomes a tuple."""
    if isinstance(key, list):
        return tuple(_as_key(each, path, number) for each in key)
    if isinstance(key, dict | Struct):
        where = json_path.text(json_path.entry(path, number, KEY))
        raise ConversionError(f"The map's key at {where} is of a kind that Python has no keys of", path=where)
    return key
