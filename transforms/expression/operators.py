"""Operators of expressions: which types they take, what they give, and how they are written.

Where both types are known the operator is written out, with the checks that keep it bounded; where one is
not, a function of :mod:`~connectkit.transforms.expression.runtime` looks at the values. Types that do not
go together raise ``ExpressionError``. Pure functions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from connectkit.transforms.expression import convert, runtime
from connectkit.transforms.expression.source import ExpressionError, Position
from connectkit.transforms.expression.terms import Term, Writer, call, constant, either, inline
from connectkit.transforms.expression.types import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NULL,
    NUMBERS,
    STR,
    TEMPORAL,
    Kind,
    united,
)

_OUTSIDE_INT64 = "not -0x8000000000000000 <= {} <= 0x7FFFFFFFFFFFFFFF"
_CHECK_INT = (_OUTSIDE_INT64, runtime.overflow)
_CHECK_TEXT = (f"len({{}}) > {int(runtime.MAX_CHARS)}", runtime.too_long)

_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_BY_VALUE: dict[str, Callable[[Any, Any], Any]] = {
    "+": runtime.add, "-": runtime.sub, "*": runtime.mul, "/": runtime.div, "//": runtime.floordiv,
    "%": runtime.mod, "**": runtime.power,
}  # fmt: skip
_DECIMALS: dict[str, Callable[[Any, Any], Any]] = {
    "+": runtime.decimal_add, "-": runtime.decimal_sub, "*": runtime.decimal_mul, "%": runtime.decimal_mod,
    "//": runtime.decimal_floordiv,
}  # fmt: skip
_BITS: dict[type[ast.operator], str] = {
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip


def _mismatch(sign: str, a: Kind, b: Kind, at: Position, hint: str = "") -> ExpressionError:
    return ExpressionError(f"'{sign}' cannot combine {a} and {b}{hint}", at)


def arithmetic(operator: ast.operator, a: Term, b: Term, at: Position) -> Term:
    """``a + b`` and its like."""
    sign = _SIGNS.get(type(operator))
    if sign is None:
        raise ExpressionError(
            f"there is no operator '{_BITS.get(type(operator), '?')}'; conditions take 'and' and 'or'",
            at,
        )
    names = (a.kind.name, b.kind.name)
    if "any" in names:
        for term in (a, b):
            texts = ("str",) if sign == "+" else ()
            if term.kind.name not in ("any", "null", *NUMBERS, *texts):
                raise _mismatch(sign, a.kind, b.kind, at, _hint(sign, a.kind, b.kind))
        if sign == "**":
            return call(runtime.power, [a, b], ANY, at, strict=False)
        return _looked_at(sign, a, b, at)
    if "null" in names:
        return constant(None, NULL, at)
    if sign == "+" and names == ("str", "str"):
        return inline("{0} + {1}", [a, b], STR, at, check=_CHECK_TEXT)
    if not (names[0] in NUMBERS and names[1] in NUMBERS):
        raise _mismatch(sign, a.kind, b.kind, at, _hint(sign, a.kind, b.kind))
    if "decimal" in names:
        return _decimal(sign, a, b, at)
    if sign == "**":
        return call(runtime.power, [a, b], INT if names == ("int", "int") else FLOAT, at)
    if sign == "/" or "float" in names:
        return inline(f"{{0}} {sign} {{1}}", [a, b], FLOAT, at)
    return inline(f"{{0}} {sign} {{1}}", [a, b], INT, at, check=None if sign == "%" else _CHECK_INT)


def _looked_at(sign: str, a: Term, b: Term, at: Position) -> Term:
    """The operator for values of unknown class: plain numbers are dealt with here, the rest by a function."""

    def write(w: Writer) -> str:
        left, right = a.write(w), b.write(w)
        result, of_left, of_right = w.variable(), w.variable(), w.variable()
        whole, real = w.bind(int), w.bind(float)
        w.mark(at)
        w.line(f"{of_left} = type({left})")
        w.line(f"{of_right} = type({right})")
        with w.block(f"if {of_left} is {whole} and {of_right} is {whole}:"):
            w.line(f"{result} = {left} {sign} {right}")
            with w.block(f"if {_OUTSIDE_INT64.format(result)}:"):
                w.line(f"raise {w.bind(runtime.overflow)}()")
        numbers = f"({{0}} is {real} or {{0}} is {whole})"
        with w.block(f"elif {numbers.format(of_left)} and {numbers.format(of_right)}:"):
            w.line(f"{result} = {left} {sign} {right}")
        with w.block("else:"):
            w.line(f"{result} = {w.bind(_BY_VALUE[sign])}({left}, {right})")
        return result

    return Term(ANY, write, at)


def _compared(sign: str, a: Term, b: Term, by_value: Callable[[Any, Any], Any], at: Position) -> Term:
    """An ordering of values of unknown class."""

    def write(w: Writer) -> str:
        left, right = a.write(w), b.write(w)
        result, of_left = w.variable(), w.variable()
        plain = w.bind(frozenset((int, float, str)))
        w.mark(at)
        w.line(f"{of_left} = type({left})")
        with w.block(f"if {of_left} is type({right}) and {of_left} in {plain}:"):
            w.line(f"{result} = {left} {sign} {right}")
        with w.block("else:"):
            w.line(f"{result} = {w.bind(by_value)}({left}, {right})")
        return result

    return Term(BOOL.optional(), write, at)


def _hint(sign: str, a: Kind, b: Kind) -> str:
    if sign == "+" and "str" in (a.name, b.name):
        return "; str() makes a text of a number, and f'…' of several things"
    if sign == "*" and "str" in (a.name, b.name):
        return "; texts are not repeated"
    if "str" in (a.name, b.name):
        return "; int() and float() make numbers of texts"
    if a.name in TEMPORAL or b.name in TEMPORAL:
        return "; millis() makes a number of a moment"
    return ""


def _decimal(sign: str, a: Term, b: Term, at: Position) -> Term:
    if "float" in (a.kind.name, b.kind.name):
        raise _mismatch(sign, a.kind, b.kind, at, "; decimal(…, scale) or float() makes both alike")
    if sign == "**":
        raise ExpressionError("'**' does not take decimals; float() makes a float of one", at)
    larger = max(a.kind.scale, b.kind.scale)
    if sign == "/":
        scale = max(runtime.QUOTIENT_SCALE, larger)
        return call(runtime.decimal_div(scale), [a, b], Kind("decimal", scale=scale), at)
    scale = a.kind.scale + b.kind.scale if sign == "*" else 0 if sign == "//" else larger
    return call(_DECIMALS[sign], [a, b], Kind("decimal", scale=scale), at)


def negation(a: Term, at: Position, *, minus: bool) -> Term:
    """``-a`` or ``+a``."""
    name = a.kind.name
    if name == "null":
        return a
    if name not in (*NUMBERS, "any"):
        raise ExpressionError(f"'{'-' if minus else '+'}' takes a number, and this is {a.kind}", at)
    if name == "any":
        return call(runtime.negative if minus else runtime.positive, [a], ANY, at)
    if not minus:
        return a
    if name == "decimal":
        return call(runtime.negative, [a], Kind("decimal", scale=a.kind.scale), at)
    if name == "float":
        return inline("-{0}", [a], FLOAT, at)
    return inline("-{0}", [a], INT, at, check=_CHECK_INT)


# --- comparisons

_ORDER: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", runtime.less), ast.LtE: ("<=", runtime.less_equal), ast.Gt: (">", runtime.greater),
    ast.GtE: (">=", runtime.greater_equal),
}  # fmt: skip


def comparison(operator: ast.cmpop, a: Term, b: Term, at: Position) -> Term:
    """``a < b``, ``a == b``, ``a is None``, ``a in b`` and their negations."""
    if isinstance(operator, ast.Is | ast.IsNot):
        return _identity(isinstance(operator, ast.Is), a, b, at)
    if isinstance(operator, ast.In | ast.NotIn):
        return _membership(isinstance(operator, ast.In), a, b, at)
    if isinstance(operator, ast.Eq | ast.NotEq):
        sign = "==" if isinstance(operator, ast.Eq) else "!="
        _check_equality(sign, a, b, at)
        return _plain(f"{{0}} {sign} {{1}}", [a, b], at)
    sign, by_value = _ORDER[type(operator)]
    names = (a.kind.name, b.kind.name)
    if "null" in names:
        return constant(None, BOOL.optional(), at)
    if "any" in names:
        return _compared(sign, a, b, by_value, at)
    if names[0] == names[1] and names[0] in TEMPORAL:
        return call(by_value, [a, b], BOOL, at)
    comparable = names[0] == names[1] and names[0] in ("str", "bytes")
    if not comparable and not (names[0] in NUMBERS and names[1] in NUMBERS):
        raise ExpressionError(f"'{sign}' cannot compare {a.kind} and {b.kind}", at)
    return inline(f"{{0}} {sign} {{1}}", [a, b], BOOL, at)


def _plain(template: str, terms: Sequence[Term], at: Position) -> Term:
    """Our own expression over names, for which null is a value like any other."""

    def write(w: Writer) -> str:
        names = [term.write(w) for term in terms]
        result = w.variable()
        w.mark(at)
        w.line(f"{result} = {template.format(*names)}")
        return result

    return Term(BOOL, write, at)


def _check_equality(sign: str, a: Term, b: Term, at: Position) -> None:
    names = (a.kind.name, b.kind.name)
    if "any" in names or "null" in names or names[0] == names[1]:
        return
    if not (names[0] in NUMBERS and names[1] in NUMBERS):
        raise ExpressionError(f"'{sign}' always gives the same for {a.kind} and {b.kind}", at)


def _identity(positive: bool, a: Term, b: Term, at: Position) -> Term:
    if b.kind.name != "null":
        raise ExpressionError("'is' only asks for None (value.x is None); '==' compares values", at)
    if a.kind.name != "null" and not a.kind.nullable:
        return constant(not positive, BOOL, at)
    if a.kind.name == "null":
        return constant(positive, BOOL, at)
    return _plain("{0} is None" if positive else "{0} is not None", [a], at)


def _membership(positive: bool, a: Term, b: Term, at: Position) -> Term:
    name = b.kind.name
    if name == "tuple":
        template = "{0} in {1}" if positive else "{0} not in {1}"
        return _plain(template, [a, b], at)
    if name not in ("str", "array", "map", "struct", "any"):
        raise ExpressionError(f"'in' looks into a list, a text, an array or a map, and this is {b.kind}", at)
    if name == "str" and a.kind.name not in ("str", "any"):
        raise ExpressionError(f"'in' looks for a text in a text, and the left side is {a.kind}", at)
    if name == "map" and a.kind.name not in ("str", "int", "any"):
        raise ExpressionError(f"'in' looks for a key in a map, and the left side is {a.kind}", at)
    found = call(runtime.contains, [a, b], BOOL.optional(), at, strict=False)
    if not (a.kind.nullable or b.kind.nullable):
        found = found.of_kind(BOOL)
    return found if positive else inline("not {0}", [found], BOOL, at)


def conjunction(terms: Sequence[Term], at: Position) -> Term:
    """The condition that all of the (true or false) terms hold, in order, up to the first that does not."""
    kind = BOOL.optional() if any(term.kind.nullable for term in terms) else BOOL
    return either(terms, "{0}", kind, at)


def boolean(operator: ast.boolop, terms: Sequence[Term], at: Position) -> Term:
    """``a and b``, ``a or b``: as in Python the operand that decides is the result."""
    kind = terms[0].kind
    for term in terms[1:]:
        found = united(kind, term.kind)
        if found is None:
            sign = "and" if isinstance(operator, ast.And) else "or"
            raise ExpressionError(
                f"'{sign}' gives one of its sides, and these are {kind} and {term.kind}; compare them first",
                at,
            )
        kind = found
    if isinstance(operator, ast.And):
        return either([converted(term, kind) for term in terms], "{0}", kind, at)
    # Of an "or" everything but the last is the result only where it is true, hence not null.
    nullable = terms[-1].kind.nullable
    kind = kind.optional() if nullable else kind.required()
    return either([converted(term, kind.optional()) for term in terms], "not {0}", kind, at)


def inverted(a: Term, at: Position) -> Term:
    """``not a``; a null counts as false."""
    return _plain("not {0}", [a], at)


# --- one of two


def converted(term: Term, kind: Kind) -> Term:
    """The term as one of a type that takes its values in."""
    was = term.kind
    if was.name == kind.name and was.scale == kind.scale:
        return term
    if kind.name == "float" and was.name == "int":
        return call(float, [term], kind.required(), term.at)
    if kind.name == "decimal" and was.name in ("int", "decimal"):
        return call(runtime.fit_scale(kind.scale), [term], kind.required(), term.at)
    return term


def common(terms: Sequence[Term], at: Position, what: str) -> tuple[Kind, list[Term]]:
    """The type that all of the terms have or can be made to have, and the terms as such."""
    kind = terms[0].kind
    for term in terms[1:]:
        found = united(kind, term.kind)
        if found is None:
            raise ExpressionError(f"{what} must be of one type, and they are {kind} and {term.kind}", at)
        kind = found
    return kind, [converted(term, kind) for term in terms]


def fitted(term: Term, schema: Any) -> Term:
    """The term with a declared schema."""
    kind = Kind(term.kind.name, schema.optional, term.kind.scale, schema)
    return call(convert.fit(schema), [term], kind, term.at, strict=False)
