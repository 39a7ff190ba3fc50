"""From Connect values to the tree of JSON that is written: one generated function a schema.

As :class:`~connectkit.converters.json_writer.TreeWriter`, from which it differs in structs (a required
field without a value is left out), unions (the one field that is set) and maps (entries are objects).
Source: spec registry 4.4 (``JsonSchemaData.fromConnectData``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final

from connectkit.compile import Code, Family, too_deep
from connectkit.converters import json_path
from connectkit.converters.json_path import Path
from connectkit.converters.json_schema.names import KEY, REST, VALUE, is_map_of_texts, is_rest, is_union
from connectkit.converters.json_text import Raw, float_node
from connectkit.converters.json_writer import MAX_RECURSION, TreeFunction, TreeWriter
from connectkit.converters.variant import from_struct, is_variant
from connectkit.errors import ConversionError
from connectkit.schema import LOGICAL_NAMES, Field, Schema, Type
from connectkit.struct import Struct


class _Absent:
    """Nothing is to be written, not even null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class ValueWriter(TreeWriter):
    """Makes trees of values. ``replace_null`` is the opposite of ignore.default.for.nullables."""

    __slots__ = ("preserve",)

    def __init__(self, *, numeric: bool, replace_null: bool, preserve: bool = False) -> None:
        super().__init__(numeric=numeric, replace_null=replace_null)
        self.preserve = preserve
        """The field of properties that a schema does not name becomes these properties."""

    # --- the law

    def explain(self, schema: Schema | None, value: Any, path: Path = None, depth: int = 0) -> Any:
        """The tree of a value, or ``ABSENT``; a ``DataError`` says what is wrong and has the path."""
        if schema is None:
            where = json_path.text(path)
            raise ConversionError(f"The schema does not say what is at {where}", path=where)
        if value is not None and schema.name not in LOGICAL_NAMES and is_union(schema):
            return self._union(schema, value, path, depth)
        if value is not None and is_variant(schema):
            where = json_path.text(path)
            if not isinstance(value, Struct) or (value.schema is not schema and value.schema != schema):
                raise ConversionError(f"The value at {where} is no variant", path=where)
            return _plain(from_struct(value))
        if schema.type is Type.ARRAY and value is not None:
            made = super().explain(schema, value, path, depth)
            return [None if each is ABSENT else each for each in made]
        return super().explain(schema, value, path, depth)

    def _null(self, schema: Schema, path: Path, depth: int) -> Any:
        if schema.default is not None and self.replace_null:
            return self.explain(schema, schema.default, path, depth)
        return None if schema.optional else ABSENT

    def _struct(self, schema: Schema, value: Any, path: Path, depth: int) -> dict[str, Any]:
        made = {
            name: each
            for name, each in super()._struct(schema, value, path, depth).items()
            if each is not ABSENT
        }
        if self.preserve and any(map(is_rest, schema.fields)):
            for name, each in (made.pop(REST, None) or {}).items():
                if name in made:
                    where = json_path.text(json_path.member(path, REST))
                    raise ConversionError(f"A property at {where} is one that the schema names", path=where)
                made[name] = each
        return made

    def _union(self, schema: Schema, value: Any, path: Path, depth: int) -> Any:
        where = json_path.text(path)
        if not isinstance(value, Struct) or (value.schema is not schema and value.schema != schema):
            raise ConversionError(f"The value at {where} is no struct of the union's schema", path=where)
        if depth > MAX_RECURSION:
            raise too_deep(MAX_RECURSION)
        for field, item in zip(schema.fields, value.values):
            found = field.schema.default if item is None and self.replace_null else item
            if found is not None:
                return self.explain(field.schema, found, json_path.member(path, field.name), depth + 1)
        return self._null(schema, path, depth)

    def _map(self, schema: Schema, value: Any, path: Path, depth: int) -> Any:
        where = json_path.text(path)
        if not isinstance(value, Mapping):
            raise ConversionError(
                f"The schema has a MAP at {where}, not a value of class {type(value).__name__}", path=where
            )
        keys, values = schema.key_schema, schema.value_schema
        if is_map_of_texts(keys):
            made: dict[str, Any] = {}
            for i, (key, each) in enumerate(value.items()):
                name = self.explain(keys, key, json_path.entry(path, i, "key"), depth)
                if not isinstance(name, str):
                    raise ConversionError(f"The map at {where} has a key that is null", path=where)
                made[name] = _or_null(self.explain(values, each, json_path.entry(path, i, "value"), depth))
            return made
        return [
            {
                KEY: _or_null(self.explain(keys, key, json_path.entry(path, i, "key"), depth)),
                VALUE: _or_null(self.explain(values, each, json_path.entry(path, i, "value"), depth)),
            }
            for i, (key, each) in enumerate(value.items())
        ]

    # --- the fast variant

    def _make(self, recursive: bool, family: Family, schema: Schema) -> TreeFunction:
        if is_variant(schema) or (self.preserve and any(map(is_rest, _fields(schema)))):
            return partial(_explained, self, schema)
        if not is_union(schema) or schema.name in LOGICAL_NAMES:
            return super()._make(recursive, family, schema)
        code = Code("value", "depth=0")
        self._open_struct(recursive, code, schema)
        variables = self._unpacked(code, schema)
        for field, variable in zip(schema.fields, variables):
            with code.block(f"if {variable} is not None:"):
                expression = self._expression(recursive, code, family, field.schema, variable, 0)
                code.line(f"return {expression}")
        code.line(f"return {code.bind(partial(self.explain, schema))}(value)")
        return code.build("json schema write union")

    def _open_struct(self, recursive: bool, code: Code, schema: Schema) -> None:
        if recursive:
            with code.block(f"if depth > {MAX_RECURSION}:"):
                code.line(f"raise {code.bind(too_deep)}({MAX_RECURSION})")
        cls, this = code.bind(Struct), code.bind(schema)
        head = f"if type(value) is not {cls} or (value.schema is not {this} and value.schema != {this}):"
        with code.block(head):
            code.line(f"return {code.bind(partial(self.explain, schema))}(value)")

    def _unpacked(self, code: Code, schema: Schema) -> list[str]:
        variables = [code.variable() for _ in schema.fields]
        if variables:
            code.line(f"{', '.join(variables)}, = value.values")
        return variables

    def _make_struct(self, recursive: bool, code: Code, family: Family, schema: Schema) -> None:
        self._open_struct(False, code, schema)
        variables = self._unpacked(code, schema)
        for field, variable in zip(schema.fields, variables):
            if self._is_left_out(field.schema):
                with code.block(f"if {variable} is None:"):
                    code.line(f"return {code.bind(partial(self.explain, schema))}(value)")
        members = [
            f"{code.bind(field.name)}: {self._expression(recursive, code, family, field.schema, variable, 0)}"
            for field, variable in zip(schema.fields, variables)
        ]
        code.line(f"return {{{', '.join(members)}}}")

    def _expression(
        self, recursive: bool, code: Code, family: Family, schema: Schema | None, var: str, level: int
    ) -> str:
        inner = super()._expression(recursive, code, family, schema, var, level)
        # Inside of arrays and maps there is no leaving out: what is not there is null.
        return f"(None if {var} is None else {inner})" if level and self._is_left_out(schema) else inner

    def _is_left_out(self, schema: Schema | None) -> bool:
        """Whether nothing is written for null."""
        if schema is None or schema.optional:
            return False
        return schema.default is None or not self.replace_null

    def _fast(
        self, recursive: bool, code: Code, family: Family, schema: Schema, var: str, level: int
    ) -> tuple[str | None, str | None]:
        if schema.type is not Type.MAP or is_map_of_texts(schema.key_schema):
            return super()._fast(recursive, code, family, schema, var, level)
        item, key = code.variable(), code.variable()
        inner = self._expression(recursive, code, family, schema.value_schema, item, level + 1)
        outer = self._expression(recursive, code, family, schema.key_schema, key, level + 1)
        names = f"{code.bind(KEY)}: {outer}, {code.bind(VALUE)}: {inner}"
        return f"[{{{names}}} for {key}, {item} in {var}.items()]", f"type({var}) is dict"


def _explained(writer: ValueWriter, schema: Schema, value: Any, depth: int = 0) -> Any:
    return writer.explain(schema, value, None, depth)


def _fields(schema: Schema) -> Sequence[Field]:
    return schema.fields if schema.type is Type.STRUCT else ()


def _plain(tree: Any) -> Any:
    """A variant's tree as the writer of JSON knows it."""
    match tree:
        case dict():
            return {name: _plain(each) for name, each in tree.items()}
        case list():
            return [_plain(each) for each in tree]
        case float():
            return float_node(tree)
        case Decimal():
            return Raw(f"{tree:f}")
        case _:
            return tree


def _or_null(tree: Any) -> Any:
    return None if tree is ABSENT else tree
