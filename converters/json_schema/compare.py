"""What differs between two JSON schemas, and whether data of the first can be read with the second.

Confluent's rules: an object that allows other properties has an *open* content model, one that does not a
*closed* one, one that has a schema for them a *partially open* one; properties may be added to a closed one
and removed from an open one. Each pair of schemas is compared once; recursive ones are taken to agree until
something else shows that they do not. Bounded in time. Source: spec registry 7
(``io.confluent.kafka.schemaregistry.json.diff``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from connectkit.converters.json_schema import names
from connectkit.converters.json_schema.differences import COMPATIBLE, sentence
from connectkit.converters.json_schema.model import MISSING, Node
from connectkit.converters.json_schema.text import equal, schema_text
from connectkit.converters.registry.port import Problem
from connectkit.errors import LimitError
from connectkit.javaregex import compile_java

MAX_PAIRS: Final = 200_000
"""Pairs of schemas that are compared with each other."""
_SIZES: Final = {
    "string": ("maxLength", "minLength"),
    "array": ("maxItems", "minItems", "maxContains", "minContains"),
    "object": ("maxProperties", "minProperties"),
    "number": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"),
}

Difference = tuple[str, str]
"""Confluent's name for it, and where it is."""


class Comparison:
    """Compares two schemas, the old one first."""

    def __init__(self) -> None:
        self._pairs = 0
        self._known: dict[tuple[int, int], list[Difference]] = {}
        self._under_way: set[tuple[int, int]] = set()
        self._bad: dict[tuple[int, int], list[Difference]] = {}
        self._assumed = False

    def problems(self, old: Node, new: Node) -> list[Problem]:
        """What keeps the new one from reading data of the old one."""
        while True:
            self._known, self._assumed = {}, False
            try:
                found = self.pair(old, new)
            except RecursionError as exc:
                raise LimitError("The JSON schemas are nested too deeply to be compared") from exc
            bad = {key: each for key, each in self._known.items() if not is_compatible(each)}
            # What was assumed of a pair inside itself may have proved wrong: then once more, knowing that.
            if not self._assumed or bad.keys() == self._bad.keys():
                break
            self._bad = bad
        wrong = [each for each in found if each[0] not in COMPATIBLE]
        return [Problem(kind, sentence(kind, f"#/{path}")) for kind, path in dict.fromkeys(wrong)]

    def pair(self, old: Node | None, new: Node | None) -> list[Difference]:
        """All differences of two schemas, with places relative to them."""
        if old is None or new is None:
            return [] if old is new else [("SCHEMA_ADDED" if old is None else "SCHEMA_REMOVED", "")]
        old, new = _followed(old), _followed(new)
        key = (id(old), id(new))
        known = self._known.get(key)
        if known is not None:
            return known
        if key in self._under_way:
            if key in self._bad:
                return self._bad[key]
            self._assumed = True
            return []
        self._pairs += 1
        if self._pairs > MAX_PAIRS:
            raise LimitError(f"The JSON schemas have more than {MAX_PAIRS} parts to compare with each other")
        self._under_way.add(key)
        found = self._types(old, new)
        self._under_way.discard(key)
        self._known[key] = found
        return found

    def _types(self, old: Node, new: Node) -> list[Difference]:
        within = self._within_combined(old, new)
        if within is not None:
            return within
        if old.kind != new.kind:
            bytes_ = [each.props.get(names.CONNECT_TYPE) == names.BYTES for each in (old, new)]
            if old.kind == "never" or new.kind == "any" or all(bytes_):
                return []
            return [("TYPE_CHANGED", "")]
        found: list[Difference] = []
        if old.id != new.id:
            found.append(("ID_CHANGED", ""))
        if old.title != new.title:
            found.append(("TITLE_CHANGED", ""))
        if old.description != new.description:
            found.append(("DESCRIPTION_CHANGED", ""))
        if (old.default is MISSING) != (new.default is MISSING) or not equal(old.default, new.default):
            found.append(("DEFAULT_CHANGED", ""))
        for word in _SIZES.get(old.kind, ()):
            _compare_sizes(found, word, old.limits.get(word), new.limits.get(word))
        compare = self._comparer(old.kind)
        if compare is not None:
            compare(old, new, found)
        return found

    def _comparer(self, kind: str) -> Callable[[Node, Node, list[Difference]], None] | None:
        return {
            "string": _compare_texts,
            "number": _compare_numbers,
            "const": _compare_values,
            "enum": _compare_values,
            "combined": self._combined,
            "not": self._not,
            "object": self._objects,
            "array": self._arrays,
        }.get(kind)

    def _within_combined(self, old: Node, new: Node) -> list[Difference] | None:
        """One schema against a combined one: it may be one of its members."""
        if old.kind != "combined" and new.kind == "combined":
            single = len(new.members) == 1
            if single or new.criterion != "allOf":
                for each in new.members:
                    found = self.pair(old, each)
                    if is_compatible(found):
                        return found if single else [*found, ("SUM_TYPE_EXTENDED", "")]
        elif old.kind == "combined" and new.kind != "combined":
            single = len(old.members) == 1
            if single or old.criterion == "allOf":
                for each in old.members:
                    found = self.pair(each, new)
                    if is_compatible(found):
                        return found if single else [*found, ("PRODUCT_TYPE_NARROWED", "")]
        return None

    # --- combined, not

    def _combined(self, old: Node, new: Node, found: list[Difference]) -> None:
        change = _criteria(old, new)
        if change is not None:
            found.append((change, ""))
        if change == "COMBINED_TYPE_CHANGED":
            return
        olds, news = _distinct(old.members), _distinct(new.members)
        if len(olds) < len(news):
            found.append(("PRODUCT_TYPE_EXTENDED" if new.criterion == "allOf" else "SUM_TYPE_EXTENDED", ""))
        elif len(olds) > len(news):
            found.append(("PRODUCT_TYPE_NARROWED" if old.criterion == "allOf" else "SUM_TYPE_NARROWED", ""))
        fitting: list[dict[int, list[Difference]]] = []
        for i, each in enumerate(olds):
            compared = {j: self.pair(each, other) for j, other in enumerate(news)}
            path = f"{old.criterion}/{i}"
            fitting.append({j: _under(path, diffs) for j, diffs in compared.items() if is_compatible(diffs)})
        matched = _matching(fitting)
        for j, i in matched.items():
            found += fitting[i][j]
        if len(matched) < min(len(olds), len(news)):
            found.append(("COMBINED_TYPE_SUBSCHEMAS_CHANGED", ""))

    def _not(self, old: Node, new: Node, found: list[Difference]) -> None:
        turned = self.pair(new.inner, old.inner)
        found.append(("NOT_TYPE_NARROWED" if is_compatible(turned) else "NOT_TYPE_EXTENDED", "not"))

    # --- objects

    def _objects(self, old: Node, new: Node, found: list[Difference]) -> None:
        for name in old.properties.keys() & new.properties.keys():
            if name in old.required and name not in new.required:
                found.append(("REQUIRED_ATTRIBUTE_REMOVED", f"required/{name}"))
            elif name not in old.required and name in new.required:
                given = new.properties[name].default is not MISSING
                kind = "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED" if given else "REQUIRED_ATTRIBUTE_ADDED"
                found.append((kind, f"required/{name}"))
        for name in {**old.properties, **new.properties}:
            path = f"properties/{name}"
            before, after = old.properties.get(name), new.properties.get(name)
            if before is not None and after is not None:
                found += _under(path, self.pair(before, after))
            elif before is not None:
                found += _under(path, self._removed("PROPERTY", before, new, _covering(new, name)))
            elif after is not None:
                found += _under(path, self._added_property(name, old, new, after))
        self._dependencies(old, new, found)
        self._rest(old, new, "Properties", found)

    def _added_property(self, name: str, old: Node, new: Node, after: Node) -> list[Difference]:
        needed, given = name in new.required, after.default is not MISSING
        if _is_open(old):
            if after.kind == "any":
                return [("PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", "")]
            return [(_added(needed, given, "OPEN"), "")]
        found: list[Difference] = []
        covering = _covering(old, name)
        if covering is not None:
            found += self.pair(covering, after)
            covered = "IS_COVERED_BY" if is_compatible(found) else "NOT_COVERED_BY"
            found.append((f"PROPERTY_ADDED_{covered}_PARTIALLY_OPEN_CONTENT_MODEL", ""))
        found.append((_added(needed, given, "UNOPEN"), ""))
        return found

    def _removed(self, what: str, before: Node, new: Node, covering: Node | None) -> list[Difference]:
        if _is_open(new):
            return [(f"{what}_REMOVED_FROM_OPEN_CONTENT_MODEL", "")]
        if covering is not None:
            found = list(self.pair(before, covering))
            covered = "IS_COVERED_BY" if is_compatible(found) else "NOT_COVERED_BY"
            return [*found, (f"{what}_REMOVED_{covered}_PARTIALLY_OPEN_CONTENT_MODEL", "")]
        if before.kind == "never":
            return [(f"{what}_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")]
        return [(f"{what}_REMOVED_FROM_CLOSED_CONTENT_MODEL", "")]

    def _dependencies(self, old: Node, new: Node, found: list[Difference]) -> None:
        for name in {**old.dependencies, **new.dependencies}:
            path = f"dependencies/{name}"
            before, after = old.dependencies.get(name), new.dependencies.get(name)
            for kind, of in (("ARRAY", frozenset), ("SCHEMA", Node)):
                was = before if isinstance(before, of) else None
                is_ = after if isinstance(after, of) else None
                if was is not None and is_ is None:
                    found.append((f"DEPENDENCY_{kind}_REMOVED", path))
                elif was is None and is_ is not None:
                    found.append((f"DEPENDENCY_{kind}_ADDED", path))
                elif isinstance(was, frozenset) and isinstance(is_, frozenset) and was != is_:
                    change = "EXTENDED" if is_ > was else "NARROWED" if is_ < was else "CHANGED"
                    found.append((f"DEPENDENCY_ARRAY_{change}", path))
                elif isinstance(was, Node) and isinstance(is_, Node):
                    found += _under(path, self.pair(was, is_))

    def _rest(self, old: Node, new: Node, what: str, found: list[Difference]) -> None:
        """What is said of members that are not listed."""
        path, kind = f"additional{what}", f"ADDITIONAL_{what.upper()}"
        if old.allows_additional != new.allows_additional:
            found.append((f"{kind}_{'ADDED' if new.allows_additional else 'REMOVED'}", path))
        elif old.additional is None and new.additional is not None:
            found.append((f"{kind}_NARROWED", path))
        elif old.additional is not None and new.additional is None:
            found.append((f"{kind}_EXTENDED", path))
        else:
            found += _under(path, self.pair(old.additional, new.additional))
        self._unevaluated(old.unevaluated, new.unevaluated, what, found)

    def _unevaluated(self, old: Node | None, new: Node | None, what: str, found: list[Difference]) -> None:
        path, kind = f"unevaluated{what}", f"UNEVALUATED_{what.upper()}"
        was = "absent" if old is None else old.kind
        is_ = "absent" if new is None else new.kind
        if was == is_ == "absent":
            return
        if is_ == "never" and was != "never":
            found.append((f"{kind}_REMOVED", path))
        elif was == "never" and is_ != "never":
            found.append((f"{kind}_ADDED", path))
        elif was == "absent" or (was == "any" and is_ not in ("any", "absent")):
            found.append((f"{kind}_NARROWED", path))
        elif is_ == "absent" or (is_ == "any" and was != "any"):
            found.append((f"{kind}_EXTENDED", path))
        else:
            found += _under(path, self.pair(old, new))

    # --- arrays

    def _arrays(self, old: Node, new: Node, found: list[Difference]) -> None:
        found += _under("items", self.pair(old.all_items, new.all_items))
        olds, news = old.items, new.items
        for i, (before, after) in enumerate(zip(olds, news)):
            found += _under(f"items/{i}", self.pair(before, after))
        for i, before in enumerate(olds[len(news) :], len(news)):
            found += _under(f"items/{i}", self._removed("ITEM", before, new, _covering(new, None)))
        for i, after in enumerate(news[len(olds) :], len(olds)):
            found += _under(f"items/{i}", self._added_item(old, after))
        self._rest(old, new, "Items", found)
        if old.unique != new.unique:
            found.append((f"UNIQUE_ITEMS_{'REMOVED' if old.unique else 'ADDED'}", "uniqueItems"))

    def _added_item(self, old: Node, after: Node) -> list[Difference]:
        if _is_open(old):
            is_any = after.kind == "any"
            kind = "ITEM_WITH_EMPTY_SCHEMA_ADDED" if is_any else "ITEM_ADDED"
            return [(f"{kind}_TO_OPEN_CONTENT_MODEL", "")]
        covering = _covering(old, None)
        if covering is None:
            return [("ITEM_ADDED_TO_CLOSED_CONTENT_MODEL", "")]
        found = list(self.pair(covering, after))
        covered = "IS_COVERED_BY" if is_compatible(found) else "NOT_COVERED_BY"
        return [*found, (f"ITEM_ADDED_{covered}_PARTIALLY_OPEN_CONTENT_MODEL", "")]


def is_compatible(found: list[Difference]) -> bool:
    """Whether none of the differences keeps data from being read."""
    return all(kind in COMPATIBLE for kind, _ in found)


def _followed(node: Node) -> Node:
    while node.kind == "ref" and node.target is not None:
        node = node.target
    return node


def _under(path: str, found: list[Difference]) -> list[Difference]:
    """The differences with their places seen from further out."""
    return [(kind, f"{path}/{inner}" if inner else path) for kind, inner in found]


def _distinct(members: Sequence[Node]) -> list[Node]:
    found: dict[Any, Node] = {}
    for each in members:
        found.setdefault(id(each) if each.raw is None else schema_text(each.raw), each)
    return list(found.values())


def _criteria(old: Node, new: Node) -> str | None:
    if old.criterion == new.criterion:
        return None
    was_single, is_single = len(old.members) == 1, len(new.members) == 1
    extended = (
        new.criterion == "anyOf"
        or (was_single and is_single)
        or (was_single and new.criterion == "oneOf")
        or (is_single and old.criterion == "allOf")
    )
    return "COMBINED_TYPE_EXTENDED" if extended else "COMBINED_TYPE_CHANGED"


def _matching(fitting: list[dict[int, list[Difference]]]) -> dict[int, int]:
    """As many pairs as possible, each member in one at the most: new to old."""
    taken: dict[int, int] = {}

    def place(i: int, tried: set[int]) -> bool:
        for j in fitting[i]:
            if j not in tried:
                tried.add(j)
                if j not in taken or place(taken[j], tried):
                    taken[j] = i
                    return True
        return False

    for i in range(len(fitting)):
        place(i, set())
    return taken


def _is_open(node: Node) -> bool:
    if not node.allows_additional or node.additional is not None or node.patterns:
        return False
    return node.unevaluated is None or node.unevaluated.kind == "any"


def _covering(node: Node, name: str | None) -> Node | None:
    """The schema that a partially open content model has for members that are not listed."""
    for pattern, each in node.patterns.items() if name is not None else ():
        if _matches(pattern, str(name)):
            return each
    if node.additional is not None:
        return node.additional
    rest = node.unevaluated if node.allows_additional else None
    return None if rest is None or rest.kind in ("never", "any") else rest


def _matches(pattern: str, name: str) -> bool:
    try:
        return compile_java(pattern).search(name) is not None
    except ValueError:  # it says nothing that could be searched for, or not in bounded time
        return False


def _added(needed: bool, given: bool, model: str) -> str:
    if not needed:
        return f"OPTIONAL_PROPERTY_ADDED_TO_{model}_CONTENT_MODEL"
    return f"REQUIRED_PROPERTY_{'WITH_DEFAULT_' if given else ''}ADDED_TO_{model}_CONTENT_MODEL"


def _compare_sizes(found: list[Difference], word: str, old: Any, new: Any) -> None:
    if old == new:
        return
    kind = re.sub("([A-Z])", r"_\1", word).upper()
    if old is None or new is None:
        found.append((f"{kind}_{'ADDED' if old is None else 'REMOVED'}", word))
    else:
        found.append((f"{kind}_{'INCREASED' if old < new else 'DECREASED'}", word))


def _compare_texts(old: Node, new: Node, found: list[Difference]) -> None:
    was, is_ = old.limits.get("pattern"), new.limits.get("pattern")
    if was != is_:
        change = "ADDED" if was is None else "REMOVED" if is_ is None else "CHANGED"
        found.append((f"PATTERN_{change}", "pattern"))


def _compare_numbers(old: Node, new: Node, found: list[Difference]) -> None:
    was, is_ = old.limits.get("multipleOf"), new.limits.get("multipleOf")
    if was != is_:
        if was is None or is_ is None:
            change = "ADDED" if was is None else "REMOVED"
        else:
            change = "EXPANDED" if _divides(was, is_) else "REDUCED" if _divides(is_, was) else "CHANGED"
        found.append((f"MULTIPLE_OF_{change}", "multipleOf"))
    if old.is_integer != new.is_integer:
        found.append(("TYPE_EXTENDED" if old.is_integer else "TYPE_NARROWED", ""))


def _divides(part: Any, whole: Any) -> bool:
    try:
        return Decimal(part) != 0 and Decimal(whole) % Decimal(part) == 0
    except ArithmeticError:  # of so different sizes that there is no telling
        return False


def _compare_values(old: Node, new: Node, found: list[Difference]) -> None:
    was, is_ = ({schema_text(each) for each in node.values} for node in (old, new))
    if was != is_:
        if old.kind == "const":
            found.append(("ENUM_ARRAY_CHANGED", "const"))
        else:
            change = "EXTENDED" if is_ > was else "NARROWED" if is_ < was else "CHANGED"
            found.append((f"ENUM_ARRAY_{change}", "enum"))
