"""JSON schemas out of their text, as everit loads them, within limits.

Drafts 4, 6 and 7; 2019-09 and 2020-12 as far as they say the same in other words. Malformed text is a
``SchemaError`` of one sentence, in bounded time whatever its size, nesting or cycles. Source: spec registry
4.5; the JSON Schema specification. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from connectkit.converters.javahash import hash_order
from connectkit.converters.json_schema.model import Kind, Node
from connectkit.converters.json_schema.names import shown
from connectkit.converters.json_schema.references import Document, References, named_trees
from connectkit.converters.json_schema.text import read_schema
from connectkit.errors import LimitError, SchemaError
from connectkit.limits import DEFAULT_LIMITS, Limits

MAX_DEPTH: Final = 100
"""Levels of schemas inside schemas."""
MAX_NODES: Final = 50_000
"""Schemas in one schema, its references included."""
_DRAFT_4: Final = ("http://json-schema.org/draft-04/", "https://json-schema.org/draft-04/",
                   "http://json-schema.org/schema", "https://json-schema.org/schema")  # fmt: skip
_MODERN: Final = ("https://json-schema.org/draft/20", "http://json-schema.org/draft/20")
_KINDS: Final[dict[str, Kind]] = {
    "string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null",
    "array": "array", "object": "object",
}  # fmt: skip
_NUMBER_WORDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_STRING_SIZES: Final = ("minLength", "maxLength")
_STRING_WORDS: Final = (*_STRING_SIZES, "pattern", "format")
_ARRAY_SIZES: Final = ("minItems", "maxItems")
_ARRAY_WORDS: Final = ("items", "additionalItems", *_ARRAY_SIZES, "uniqueItems")
_OBJECT_SIZES: Final = ("minProperties", "maxProperties")
_OBJECT_WORDS: Final = (
    "properties", "required", *_OBJECT_SIZES, "dependencies", "patternProperties", "additionalProperties",
)  # fmt: skip
_COMBINED: Final = ("oneOf", "anyOf", "allOf")
_WORDS: Final = {"number": _NUMBER_WORDS, "string": _STRING_WORDS}


def load(
    text: str,
    *,
    references: Sequence[str] = (),
    as_draft_7: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Node:
    """The schema of a text. ``references`` are the texts that it may refer to, which know their names.

    ``as_draft_7`` reads 2019-09 and 2020-12 as if they were draft 7: what is new in them says nothing.
    """
    tree = read_schema(text, limits=limits)
    named = named_trees(references, lambda each: read_schema(each, limits=limits))
    try:
        return _Loader(References(tree, named), tree, limits, as_draft_7=as_draft_7).root()
    except RecursionError as exc:
        raise _too_deep() from exc


def _too_deep() -> LimitError:
    return LimitError(f"The JSON schema is nested more than {MAX_DEPTH} levels deep")


class _Loader:
    """Makes one schema; ``_targets`` are those that references lead to, each loaded once."""

    def __init__(self, references: References, tree: Any, limits: Limits, *, as_draft_7: bool) -> None:
        self._references = references
        self._limits = limits
        self._targets: dict[str, Node] = {}
        self._waiting: list[tuple[Node, str, Document]] = []
        self._nodes = 0
        dialect = tree.get("$schema") if isinstance(tree, dict) else None
        dialect = dialect if isinstance(dialect, str) else ""
        self._is_draft_4 = dialect.startswith(_DRAFT_4)
        self._is_modern = dialect.startswith(_MODERN) and not as_draft_7

    def root(self) -> Node:
        document = self._references.root
        if not isinstance(document.root, dict | bool):
            raise SchemaError("The JSON schema is neither an object nor true or false")
        made = self._schema(document.root, document, 0)
        # References are followed one after another, not inside each other: no chain of them is too long.
        while self._waiting:
            node, ref, within = self._waiting.pop()
            key, place = self._references.find(ref, within)
            target = self._targets.get(key)
            if target is None:
                target = self._schema(place.node, place.document, 0)
                self._targets[key] = target
            node.target = target
        self._check_cycles()
        return made

    def _check_cycles(self) -> None:
        """A reference that leads to itself, and to nothing else, says nothing."""
        fine: set[int] = set()
        for each in self._targets.values():
            chain: set[int] = set()
            found: Node | None = each
            while found is not None and found.kind == "ref" and id(found) not in fine:
                if id(found) in chain:
                    raise SchemaError("The JSON schema has a reference that leads to nothing but itself")
                chain.add(id(found))
                found = found.target
            fine |= chain

    def _schema(self, raw: Any, document: Document, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise LimitError(f"The JSON schema consists of more than {MAX_NODES} schemas")
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(raw, bool):
            return Node("any" if raw else "never", raw)
        if not isinstance(raw, dict):
            raise SchemaError(f"The JSON schema has {_kind_of(raw)} where a schema is expected")
        made = self._object(raw, document, depth)
        made.raw = raw
        made.title = _text(raw, "title")
        made.description = _text(raw, "description")
        made.id = _text(raw, "id" if self._is_draft_4 else "$id")
        if "default" in raw:
            made.default = raw["default"]
        made.props = raw
        return made

    def _object(self, raw: dict[str, Any], document: Document, depth: int) -> Node:
        if "$ref" in raw:
            ref = raw["$ref"]
            if not isinstance(ref, str):
                raise SchemaError("The JSON schema has a $ref that is no text")
            node = Node("ref")
            self._waiting.append((node, ref, document))
            siblings = _siblings(raw) if self._is_modern else {}
            if not siblings:
                return node
            return _all_of([node, *self._parts(siblings, document, depth)])
        parts = self._parts(raw, document, depth)
        if len(parts) == 1:
            return parts[0]
        return _all_of(parts) if parts else Node("any")

    def _parts(self, raw: dict[str, Any], document: Document, depth: int) -> list[Node]:
        """What each group of keywords says, in everit's order."""
        parts: list[Node] = []
        used: set[str] = set()
        if "enum" in raw:
            parts.append(_enum(raw["enum"]))
        combined = hash_order([each for each in _COMBINED if each in raw])
        parts.extend(self._combined(word, raw[word], document, depth) for word in combined)
        if "not" in raw:
            node = Node("not")
            node.inner = self._schema(raw["not"], document, depth + 1)
            parts.append(node)
        if "const" in raw and not self._is_draft_4:
            node = Node("const")
            node.values = [raw["const"]]
            parts.append(node)
        if "type" in raw:
            parts.append(self._typed(raw, document, depth, used))
        for kind, words in (
            ("array", self._array_words()),
            ("object", self._object_words()),
            *_WORDS.items(),
        ):
            if kind not in used and any(word in raw for word in words):
                parts.append(self._of_kind(kind, raw, document, depth))
        if not self._is_draft_4 and any(word in raw for word in ("if", "then", "else")):
            parts.append(self._conditional(raw, document, depth))
        return parts

    def _array_words(self) -> tuple[str, ...]:
        words = _ARRAY_WORDS if self._is_draft_4 else (*_ARRAY_WORDS, "contains")
        return (*words, "prefixItems", "unevaluatedItems") if self._is_modern else words

    def _object_words(self) -> tuple[str, ...]:
        words = _OBJECT_WORDS if self._is_draft_4 else (*_OBJECT_WORDS, "propertyNames")
        more = ("dependentRequired", "dependentSchemas", "unevaluatedProperties")
        return (*words, *more) if self._is_modern else words

    def _typed(self, raw: dict[str, Any], document: Document, depth: int, used: set[str]) -> Node:
        said = raw["type"]
        if isinstance(said, str):
            return self._of_type(said, raw, document, depth, used)
        if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
            raise SchemaError('The JSON schema has a "type" that is neither a text nor a list of texts')
        node = Node("combined")
        node.criterion = "anyOf"
        node.members = [self._of_type(each, raw, document, depth, used) for each in said[:8]]
        if len(said) > 8:
            raise SchemaError('The JSON schema has a "type" that names a type twice')
        return node

    def _of_type(
        self, said: str, raw: dict[str, Any], document: Document, depth: int, used: set[str]
    ) -> Node:
        kind = _KINDS.get(said)
        if kind is None:
            raise SchemaError(f"The JSON schema has the type '{shown(said)}', which does not exist")
        used.add(kind)
        node = self._of_kind(kind, raw, document, depth)
        node.is_integer = said == "integer"
        return node

    def _of_kind(self, kind: str, raw: dict[str, Any], document: Document, depth: int) -> Node:
        match kind:
            case "array":
                return self._array(raw, document, depth)
            case "object":
                return self._properties(raw, document, depth)
            case "number":
                return _number(raw)
            case "string":
                node = Node("string")
                limits = _sizes(raw, _STRING_SIZES)
                if isinstance(raw.get("pattern"), str):
                    limits["pattern"] = raw["pattern"]
                node.limits = limits
                return node
            case "boolean":
                return Node("boolean")
            case _:
                return Node("null")

    def _combined(self, word: str, listed: Any, document: Document, depth: int) -> Node:
        node = Node("combined")
        node.criterion = word  # type: ignore[assignment]  # it is one of the three
        if not isinstance(listed, list):
            raise SchemaError(f'The JSON schema has "{word}" that is no list')
        node.members = [self._schema(each, document, depth + 1) for each in listed]
        return node

    def _conditional(self, raw: dict[str, Any], document: Document, depth: int) -> Node:
        node = Node("conditional")
        node.members = [
            self._schema(raw[word], document, depth + 1) for word in ("if", "then", "else") if word in raw
        ]
        return node

    def _array(self, raw: dict[str, Any], document: Document, depth: int) -> Node:
        node = Node("array")
        node.limits = _sizes(raw, (*_ARRAY_SIZES, "minContains", "maxContains"))
        node.unique = raw.get("uniqueItems") is True
        items, rest = raw.get("items"), raw.get("additionalItems")
        if self._is_modern and ("prefixItems" in raw or isinstance(items, bool)):
            items, rest = raw.get("prefixItems"), items
        if isinstance(items, list):
            node.items = [self._schema(each, document, depth + 1) for each in items]
        elif items is not None:
            node.all_items = self._schema(items, document, depth + 1)
        self._rest(node, rest, document, depth)
        if "contains" in raw and not self._is_draft_4:
            node.contains = self._schema(raw["contains"], document, depth + 1)
        if self._is_modern and "unevaluatedItems" in raw:
            node.unevaluated = self._schema(raw["unevaluatedItems"], document, depth + 1)
        return node

    def _properties(self, raw: dict[str, Any], document: Document, depth: int) -> Node:
        node = Node("object")
        node.limits = _sizes(raw, _OBJECT_SIZES)
        properties = _members(raw, "properties")
        if len(properties) > self._limits.schema_fields:
            raise LimitError(
                f"The JSON schema has more than {self._limits.schema_fields} properties; "
                "if that is intended, raise the limit 'schema_fields'"
            )
        node.properties = {
            name: self._schema(properties[name], document, depth + 1) for name in hash_order(properties)
        }
        required = raw.get("required", [])
        if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
            raise SchemaError('The JSON schema has "required" that is no list of names')
        node.required = frozenset(required)
        node.patterns = {
            pattern: self._schema(each, document, depth + 1)
            for pattern, each in _members(raw, "patternProperties").items()
        }
        node.dependencies = dependencies = dict[str, Node | frozenset[str]]()
        for word in ("dependencies", "dependentRequired", "dependentSchemas"):
            for name, each in _members(raw, word).items():
                dependencies[name] = (
                    frozenset(map(str, each))
                    if isinstance(each, list)
                    else self._schema(each, document, depth + 1)
                )
        self._rest(node, raw.get("additionalProperties"), document, depth)
        if "propertyNames" in raw and not self._is_draft_4:
            node.property_names = self._schema(raw["propertyNames"], document, depth + 1)
        if self._is_modern and "unevaluatedProperties" in raw:
            node.unevaluated = self._schema(raw["unevaluatedProperties"], document, depth + 1)
        return node

    def _rest(self, node: Node, rest: Any, document: Document, depth: int) -> None:
        """What is said of members that are not listed: a schema, or whether there may be any."""
        if isinstance(rest, bool):
            node.allows_additional = rest
        elif rest is not None:
            node.additional = self._schema(rest, document, depth + 1)


def _siblings(raw: dict[str, Any]) -> dict[str, Any]:
    return {word: each for word, each in raw.items() if word != "$ref"}


def _all_of(parts: list[Node]) -> Node:
    node = Node("combined")
    node.members = parts
    return node


def _enum(listed: Any) -> Node:
    if not isinstance(listed, list):
        raise SchemaError('The JSON schema has an "enum" that is no list')
    node = Node("enum")
    node.values = listed
    return node


def _number(raw: dict[str, Any]) -> Node:
    node = Node("number")
    node.limits = limits = dict[str, Any]()
    for word in _NUMBER_WORDS:
        found = raw.get(word)
        if found is None:
            continue
        if isinstance(found, bool) and word.startswith("exclusive"):
            if found:  # draft 4: the bound itself is not allowed
                bound = raw.get(word.removeprefix("exclusive").lower())
                if bound is not None:
                    limits[word] = bound
        elif isinstance(found, int | Decimal) and not isinstance(found, bool):
            limits[word] = found
        else:
            raise SchemaError(f'The JSON schema has a "{word}" that is no number')
    return node


def _sizes(raw: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        size = raw.get(word)
        if size is None:
            continue
        if isinstance(size, bool) or not isinstance(size, int | Decimal):
            raise SchemaError(f'The JSON schema has a "{word}" that is no number')
        found[word] = size
    return found


def _members(raw: dict[str, Any], word: str) -> dict[str, Any]:
    found = raw.get(word, {})
    if not isinstance(found, dict):
        raise SchemaError(f'The JSON schema has "{word}" that is no object')
    return found


def _text(raw: dict[str, Any], word: str) -> str | None:
    found = raw.get(word)
    if found is not None and not isinstance(found, str):
        raise SchemaError(f'The JSON schema has a "{word}" that is no text')
    return found


def _kind_of(raw: Any) -> str:
    if raw is None:
        return "null"
    return "a text" if isinstance(raw, str) else "a list" if isinstance(raw, list) else "a number"
