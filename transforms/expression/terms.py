"""Typed parts of an expression, and the one operation of a program that computes a whole one.

A :class:`Term` knows its type and how to write itself as lines of a generated function. Lines consist of
our own identifiers; constants, names and helpers are bound (:mod:`connectkit.compile`). Within a chain the
lines become part of the chain's function. :class:`Compute` also runs by itself, then with each step's
position noted, so that an error says where in the expression it arose. Immutable once made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import DecimalException
from typing import Any

from connectkit.compile import Code
from connectkit.errors import ConnectError, DataError, LimitError
from connectkit.program import Env, Op, Temp, Var
from connectkit.transforms.expression.source import Position
from connectkit.transforms.expression.types import Kind

_NO = object()


class Writer:
    """Where terms write themselves. ``inputs`` are the names that hold what the expression reads."""

    __slots__ = ("_place", "bind", "block", "inputs", "line", "variable")

    def __init__(self, code: Code, inputs: Sequence[str], *, place: list[Position] | None = None) -> None:
        self._place = place
        self.inputs = inputs
        self.bind = code.bind
        self.line = code.line
        self.variable = code.variable
        self.block = code.block

    def mark(self, at: Position) -> None:
        """Say that what comes next belongs to that place of the expression."""
        if self._place is not None:
            self.line(f"{self.bind(self._place)}[0] = {self.bind(at)}")

    def copied(self, name: str) -> str:
        """A new variable with what another name holds."""
        made = self.variable()
        self.line(f"{made} = {name}")
        return made

    @contextmanager
    def unless_none(self, result: str, names: Sequence[str]) -> Iterator[None]:
        """The lines inside run where none of the names is None; otherwise the result is None."""
        if not names:
            yield
            return
        with self.block(f"if {' or '.join(f'{name} is None' for name in dict.fromkeys(names))}:"):
            self.line(f"{result} = None")
        with self.block("else:"):
            yield


class Term:
    """A part of an expression: ``write(writer)`` returns the name that holds its value."""

    __slots__ = ("at", "constant", "kind", "write")

    def __init__(
        self, kind: Kind, write: Callable[[Writer], str], at: Position, *, constant: Any = _NO
    ) -> None:
        self.kind = kind
        self.write = write
        self.at = at
        self.constant = constant

    @property
    def is_constant(self) -> bool:
        """Whether ``constant`` is its value."""
        return self.constant is not _NO

    def of_kind(self, kind: Kind) -> Term:
        """The same, known to be of another type."""
        return Term(kind, self.write, self.at, constant=self.constant)


def constant(value: Any, kind: Kind, at: Position) -> Term:
    """A value from the expression itself."""
    if value is None:
        return Term(kind, lambda w: "None", at, constant=None)
    return Term(kind, lambda w: w.bind(value), at, constant=value)


def call(
    function: Callable[..., Any], arguments: Sequence[Term], kind: Kind, at: Position, *, strict: bool = True
) -> Term:
    """``function(*arguments)``; ``strict``: null without a call where an argument is null."""
    nullable = [strict and term.kind.nullable for term in arguments]

    def write(w: Writer) -> str:
        names = [term.write(w) for term in arguments]
        result = w.variable()
        with w.unless_none(result, [name for name, maybe in zip(names, nullable) if maybe]):
            w.mark(at)
            w.line(f"{result} = {w.bind(function)}({', '.join(names)})")
        return result

    return Term(kind.optional() if any(nullable) else kind, write, at)


def inline(
    template: str,
    arguments: Sequence[Term],
    kind: Kind,
    at: Position,
    *,
    check: tuple[str, Callable[..., Exception]] | None = None,
) -> Term:
    """Our own expression over ``{0}``, ``{1}`` …; null where an argument is null.

    ``check`` is a condition over the result ``{0}`` and what to raise where it holds.
    """
    nullable = [term.kind.nullable for term in arguments]

    def write(w: Writer) -> str:
        names = [term.write(w) for term in arguments]
        result = w.variable()
        with w.unless_none(result, [name for name, maybe in zip(names, nullable) if maybe]):
            w.mark(at)
            w.line(f"{result} = {template.format(*names)}")
            if check is not None:
                with w.block(f"if {check[0].format(result)}:"):
                    w.line(f"raise {w.bind(check[1])}()")
        return result

    return Term(kind.optional() if any(nullable) else kind, write, at)


def chosen(condition: Term, yes: Term, no: Term, kind: Kind, at: Position) -> Term:
    """``yes if condition else no``: only one of them is computed."""

    def write(w: Writer) -> str:
        decided = condition.write(w)
        result = w.variable()
        with w.block(f"if {decided}:"):
            w.line(f"{result} = {yes.write(w)}")
        with w.block("else:"):
            w.line(f"{result} = {no.write(w)}")
        return result

    return Term(kind, write, at)


def either(terms: Sequence[Term], test: str, kind: Kind, at: Position) -> Term:
    """The first of the terms for which ``test`` (over ``{0}``) does not ask for the next; else the last."""

    def write(w: Writer) -> str:
        # One behind the other rather than inside: Python allows a hundred levels of indentation.
        result = w.copied(terms[0].write(w))
        for term in terms[1:]:
            with w.block(f"if {test.format(result)}:"):
                w.line(f"{result} = {term.write(w)}")
        return result

    return Term(kind, write, at)


class Compute(Op):
    """``out`` = what a term makes of the inputs. ``where`` is the path of what it is assigned to, if any.

    ``place`` is put behind the position in messages; empty: the position means nothing.
    """

    __slots__ = ("_place", "_term", "_where")

    def __init__(
        self,
        out: Temp,
        term: Term,
        inputs: Sequence[Var],
        where: str | None,
        *,
        place: str = " of the expression",
    ) -> None:
        super().__init__(out, *inputs)
        self._term = term
        self._where = where
        self._place = place

    def emit(self, code: Code) -> None:
        assert self.out is not None
        writer = Writer(code, [arg.source(code) for arg in self.args])
        code.line(f"{self.out.name} = {self._term.write(writer)}")

    def run(self, env: Env) -> None:
        assert self.out is not None
        place = [self._term.at]
        code = Code(*(f"a{number}" for number in range(len(self.args))))
        writer = Writer(code, [f"a{number}" for number in range(len(self.args))], place=place)
        code.line(f"return {self._term.write(writer)}")
        values = [arg.value(env) for arg in self.args]
        try:
            env[self.out] = code.build(f"expression {self._where or 'condition'}")(*values)
        except DataError as error:
            made = LimitError if isinstance(error, LimitError) else DataError
            raise made(self._said(str(error), place[0]), path=error.path or self._where) from error
        except ConnectError:
            raise
        except Exception as error:
            raise DataError(self._said(_sentence(error), place[0]), path=self._where) from error

    def _said(self, sentence: str, at: Position) -> str:
        return f"{sentence.rstrip('.')} ({at}{self._place})" if self._place else sentence


def _sentence(error: Exception) -> str:
    """What went wrong in Python's own operators, in our words."""
    if isinstance(error, ZeroDivisionError):
        return "The expression divides by zero"
    if isinstance(error, OverflowError | DecimalException):
        return "A number is too large, or has too many digits, to be computed with"
    if isinstance(error, RecursionError):
        return "A value is nested too deeply to be compared"
    if isinstance(error, TypeError | AttributeError):
        return "A value is null, or not of the class that its schema says"
    return "A value does not suit what the expression does with it"
