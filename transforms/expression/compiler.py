"""From syntax trees to typed terms: what an expression may hold is listed here, the rest is refused.

There is one method for each kind of node that is allowed. A name is a part of the record, a name assigned
before, or a function of the table; ``a.b`` is a path into the record or a method of the table, and nothing
else: no attribute of a Python object is ever reached. Errors are ``ExpressionError`` with the place.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.expression import convert, operators, runtime
from connectkit.transforms.expression.functions import FUNCTIONS, METHODS, method
from connectkit.transforms.expression.scope import Scope
from connectkit.transforms.expression.source import ExpressionError, Position, Source
from connectkit.transforms.expression.spelling import PLACES, SIDES, check_spelling, path_of, root_of
from connectkit.transforms.expression.terms import Term, call, chosen, constant
from connectkit.transforms.expression.types import ANY, BOOL, FLOAT, INT, NULL, STR, Kind
from connectkit.transforms.paths import RecordPath

_REFUSED: dict[type[ast.AST], str] = {
    ast.Lambda: "no function can be defined",
    ast.ListComp: "there are no loops; path('value.items[*].name') takes a field of each element",
    ast.SetComp: "there are no loops",
    ast.DictComp: "there are no loops",
    ast.GeneratorExp: "there are no loops; path('value.items[*].name') takes a field of each element",
    ast.NamedExpr: "':=' is not allowed; assign in a statement of its own",
    ast.Await: "'await' is not allowed",
    ast.Yield: "'yield' is not allowed",
    ast.YieldFrom: "'yield' is not allowed",
    ast.Starred: "'*' cannot unpack anything here",
    ast.Dict: "no map can be written out",
}


class Compiler:
    """Compiles expressions of one source. ``known`` are the terms of names assigned before."""

    def __init__(self, source: Source, scope: Scope, known: Mapping[str, Term]) -> None:
        self._source = source
        self._scope = scope
        self._known = known

    def compile(self, node: ast.expr, *, quiet: bool = False) -> Term:
        """The term of an expression. ``quiet``: a path that leads nowhere is null, without complaint."""
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            path = path_of(self._source, node, PLACES)
            if path is not None:
                return self._scope.path(path, self._at(node), quiet=quiet)
        make = self._NODES.get(type(node))
        if make is None:
            name = type(node).__name__.lower()
            raise ExpressionError(_REFUSED.get(type(node), f"'{name}' is not allowed here"), self._at(node))
        return make(self, node)

    def _at(self, node: ast.AST) -> Position:
        return self._source.position(node)

    # --- the nodes, one method each

    def _constant(self, node: ast.Constant) -> Term:
        return _literal(node.value, self._at(node))

    def _name(self, node: ast.Name) -> Term:
        known = self._known.get(node.id)
        if known is not None:
            return Term(known.kind, known.write, self._at(node), constant=known.constant)
        at = self._at(node)
        if node.id == "headers":
            raise ExpressionError("headers have names: headers.NAME or headers['NAME']", at)
        if node.id in FUNCTIONS or node.id == "path":
            raise ExpressionError(f"{node.id} is a function: {node.id}(…)", at)
        raise ExpressionError(f"there is no '{shortened(node.id)}'{self._meant(node.id)}", at)

    def _meant(self, name: str) -> str:
        hint = did_you_mean(name, [*PLACES, *self._known, *FUNCTIONS, "path"])
        return hint or f"; a field of the value is value.{shortened(name, limit_chars=30)}"

    def _attribute(self, node: ast.Attribute) -> Term:
        at = self._at(node)
        if node.attr in METHODS:
            raise ExpressionError(f"{node.attr} is a method: {node.attr}()", at)
        root = root_of(node)
        if isinstance(root, ast.Name) and root.id not in (*PLACES, *self._known):
            raise ExpressionError(f"there is no '{shortened(root.id)}'{self._meant(root.id)}", self._at(root))
        raise ExpressionError(
            "only parts of the record have fields (value.a.b), and texts methods such as upper()", at
        )

    def _subscript(self, node: ast.Subscript) -> Term:
        at = self._at(node)
        items = self.compile(node.value)
        if items.kind.name not in ("str", "array", "map", "any", "null"):
            raise ExpressionError(f"'[]' looks into a text, an array or a map, and this is {items.kind}", at)
        if isinstance(node.slice, ast.Slice):
            return self._part(node.slice, items, at)
        index = self.compile(node.slice)
        wanted = ("str", "int") if items.kind.name in ("map", "any") else ("int",)
        if index.kind.name not in ("any", "null", *wanted):
            raise ExpressionError(f"'[]' takes a number here, and this is {index.kind}", self._at(node.slice))
        kind = (
            STR
            if items.kind.name == "str"
            else items.kind.item
            if items.kind.name in ("array", "map")
            else ANY
        )
        return call(runtime.at_index, [items, index], kind.optional(), at)

    def _part(self, node: ast.Slice, items: Term, at: Position) -> Term:
        if node.step is not None:
            raise ExpressionError("'[a:b]' has no third part here", self._at(node.step))
        ends = {
            name: self.compile(end)
            for name, end in (("start", node.lower), ("end", node.upper))
            if end is not None and not (isinstance(end, ast.Constant) and end.value is None)
        }
        for end in ends.values():
            if end.kind.name not in ("int", "any", "null"):
                raise ExpressionError(f"'[a:b]' takes numbers, and this is {end.kind}", end.at)
        if items.kind.name == "map":
            raise ExpressionError("'[a:b]' cuts a text or an array, and this is a map", at)
        kind = items.kind if items.kind.name == "array" else STR if items.kind.name == "str" else ANY
        names = tuple(ends)

        def part(whole: Any, *bounds: Any) -> Any:
            return runtime.part(whole, **dict(zip(names, bounds)))

        return call(part, [items, *ends.values()], kind, at)

    def _binary(self, node: ast.BinOp) -> Term:
        return operators.arithmetic(
            node.op, self.compile(node.left), self.compile(node.right), self._at(node)
        )

    def _unary(self, node: ast.UnaryOp) -> Term:
        at = self._at(node)
        inner = node.operand
        if (
            isinstance(node.op, ast.USub)
            and isinstance(inner, ast.Constant)
            and type(inner.value) in (int, float)
        ):
            return _literal(-inner.value, at)  # type: ignore[operator]  # an int or float, as was just asked
        term = self.compile(inner)
        if isinstance(node.op, ast.Not):
            return operators.inverted(term, at)
        if isinstance(node.op, ast.Invert):
            raise ExpressionError("there is no operator '~'; conditions are turned round with 'not'", at)
        return operators.negation(term, at, minus=isinstance(node.op, ast.USub))

    def _boolean(self, node: ast.BoolOp) -> Term:
        return operators.boolean(node.op, [self.compile(value) for value in node.values], self._at(node))

    def _compare(self, node: ast.Compare) -> Term:
        at = self._at(node)
        asks_for_null = isinstance(node.ops[0], ast.Is | ast.IsNot)
        place = node.left.id if isinstance(node.left, ast.Name) and node.left.id in SIDES else None
        if asks_for_null and place is not None and len(node.ops) == 1:
            is_null = self._scope.is_null(place)
            if is_null is not None and isinstance(node.comparators[0], ast.Constant):
                return constant(is_null is isinstance(node.ops[0], ast.Is), BOOL, at)
        left = self.compile(node.left, quiet=asks_for_null)
        found: list[Term] = []
        for operator, node_right in zip(node.ops, node.comparators):
            if isinstance(operator, ast.In | ast.NotIn):
                right = self._choices(node_right)
            else:
                right = self.compile(node_right)
            found.append(operators.comparison(operator, left, right, at))
            left = right
        return found[0] if len(found) == 1 else operators.conjunction(found, at)

    def _choices(self, node: ast.expr) -> Term:
        """The right side of ``in``: constants in brackets, or what any expression gives."""
        if not isinstance(node, ast.Tuple | ast.List | ast.Set):
            return self.compile(node)
        return self._tuple(node)

    def _tuple(self, node: ast.Tuple | ast.List | ast.Set) -> Term:
        terms = [self.compile(each) for each in node.elts]
        for term in terms:
            if not term.is_constant or term.kind.name == "tuple":
                raise ExpressionError("a list of choices holds numbers and texts only", term.at)
        at = self._at(node)
        return constant(tuple(term.constant for term in terms), Kind("tuple"), at)

    def _conditional(self, node: ast.IfExp) -> Term:
        at = self._at(node)
        condition = self.compile(node.test)
        kind, (yes, no) = operators.common(
            [self.compile(node.body), self.compile(node.orelse)], at, "both sides of 'if … else'"
        )
        return chosen(condition, yes, no, kind, at)

    def _text(self, node: ast.JoinedStr) -> Term:
        at = self._at(node)
        parts = [
            self.compile(part) if isinstance(part, ast.Constant) else self._formatted(part)
            for part in node.values
        ]
        if not parts:
            return constant("", STR, at)
        return call(convert.joined, parts, STR, at)

    def _formatted(self, node: ast.expr) -> Term:
        if not isinstance(node, ast.FormattedValue):
            raise ExpressionError("this cannot stand in an f-string", self._at(node))
        at = self._at(node.value)
        if node.conversion not in (-1, ord("s")):
            raise ExpressionError("'!r' and '!a' show Python's own notation, which no record needs", at)
        term = self.compile(node.value)
        if term.kind.name in ("array", "map", "struct", "bytes", "tuple"):
            raise ExpressionError(f"an f-string does not take {term.kind}", at)
        spec = self._spec(node.format_spec, at)
        if node.conversion == ord("s") or (not spec and term.kind.name == "str"):
            term = FUNCTIONS["str"]("str", [term], at)
        if not spec and term.kind.name == "str":
            return term
        if spec and term.kind.name in _SAMPLES:
            try:
                format(_SAMPLES[term.kind.name], spec)
            except ValueError:
                raise ExpressionError(f"the format does not suit {term.kind}", at) from None
        return call(lambda value: convert.formatted(value, spec), [term], STR, at)

    def _spec(self, node: ast.expr | None, at: Position) -> str:
        if node is None:
            return ""
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        spec = ""
        for part in parts:
            if not (isinstance(part, ast.Constant) and isinstance(part.value, str)):
                raise ExpressionError("a format cannot be computed", at)
            spec += part.value
        if _SPEC.match(spec) is None:
            raise ExpressionError(
                "this is no format for numbers and texts (such as .2f, 05d, >10), or one too wide", at
            )
        return spec

    def _call(self, node: ast.Call) -> Term:
        at = self._at(node)
        if node.keywords:
            raise ExpressionError("arguments are given by position here, not by name", at)
        function = node.func
        if isinstance(function, ast.Attribute):
            return self._method(function, node.args, at)
        if not isinstance(function, ast.Name):
            raise ExpressionError("only functions and methods by name can be called", at)
        check_spelling(self._source, function, function.id)
        if function.id == "path":
            return self._by_path(node.args, at)
        build = FUNCTIONS.get(function.id)
        if build is None:
            hint = _HINTS.get(function.id) or did_you_mean(function.id, [*FUNCTIONS, "path"])
            if function.id in METHODS:
                hint = f"; it is a method of texts: value.x.{function.id}()"
            hint = hint or f"; functions are {', '.join(sorted([*FUNCTIONS, 'path']))}"
            raise ExpressionError(f"there is no function '{shortened(function.id)}'{hint}", at)
        quiet = function.id == "coalesce"
        return build(function.id, [self.compile(each, quiet=quiet) for each in node.args], at)

    def _method(self, function: ast.Attribute, arguments: Sequence[ast.expr], at: Position) -> Term:
        check_spelling(self._source, function, function.attr)
        if function.attr not in METHODS:
            self._check_root(function)
            hint = did_you_mean(function.attr, METHODS)
            hint = hint or (f"; write {function.attr}(…)" if function.attr in FUNCTIONS else "")
            hint = hint or f"; methods are {', '.join(sorted(METHODS))}"
            raise ExpressionError(f"there is no method '{shortened(function.attr)}'{hint}", at)
        self._check_root(function)
        receiver = self.compile(function.value)
        terms = [
            self._choices(each) if isinstance(each, ast.Tuple) else self.compile(each) for each in arguments
        ]
        return method(function.attr, receiver, terms, at)

    def _check_root(self, node: ast.Attribute) -> None:
        root = root_of(node)
        if isinstance(root, ast.Name) and root.id not in (*PLACES, *self._known):
            raise ExpressionError(f"there is no '{shortened(root.id)}'{self._meant(root.id)}", self._at(root))

    def _by_path(self, arguments: Sequence[ast.expr], at: Position) -> Term:
        text = arguments[0].value if len(arguments) == 1 and isinstance(arguments[0], ast.Constant) else None
        if not isinstance(text, str):
            raise ExpressionError("path() takes one path as a plain text: path('value.items[*].name')", at)
        try:
            path = RecordPath.parse(text)
        except ValueError as error:
            raise ExpressionError(f"the path {error}", at) from None
        return self._scope.path(path, at, quiet=False)

    _NODES: ClassVar[dict[type[ast.expr], Callable[[Any, Any], Term]]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.Subscript: _subscript,
        ast.BinOp: _binary,
        ast.UnaryOp: _unary,
        ast.BoolOp: _boolean,
        ast.Compare: _compare,
        ast.IfExp: _conditional,
        ast.JoinedStr: _text,
        ast.Call: _call,
    }


_SAMPLES: dict[str, Any] = {"int": 0, "float": 0.0, "str": ""}
_SPEC = re.compile(r"(?:.?[<>=^])?[ +-]?#?0?[0-9]{0,3}[,_]?(?:\.[0-9]{1,2})?[bcdeEfFgGnosxX%]?\Z", re.DOTALL)
_HINTS = {
    "now": "; an expression has no clock: it gives the same for the same record (timestamp is the record's)",
    "time": "; an expression has no clock: timestamp is the record's",
    "eval": "; nothing is run that is not written here",
    "exec": "; nothing is run that is not written here",
    "open": "; an expression sees the record and nothing else",
    "__import__": "; nothing can be imported",
    "getattr": "; a field of the value is value['name']",
    "range": "; there are no loops",
    "ifnull": "; did you mean 'coalesce'?",
    "nvl": "; did you mean 'coalesce'?",
    "concat": "; f'{value.a} {value.b}' puts texts together",
}


def _literal(value: Any, at: Position) -> Term:
    if value is None:
        return constant(None, NULL, at)
    if isinstance(value, bool):
        return constant(value, BOOL, at)
    if isinstance(value, int):
        if not runtime.MIN_INT <= value <= runtime.MAX_INT:
            raise ExpressionError("the number needs more than the 64 bits of an int64", at)
        return constant(value, INT, at)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("the number is larger than any float64", at)
        return constant(value, FLOAT, at)
    if isinstance(value, str):
        return constant(value, STR, at)
    raise ExpressionError(f"a constant of type {type(value).__name__} is not allowed", at)
