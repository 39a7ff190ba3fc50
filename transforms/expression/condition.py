"""Conditions by themselves, in the syntax of expressions: what ``keep if`` may be followed by.

For transforms that decide by conditions, such as Route. What is wrong with a condition is found when it is
made, without a record: :class:`~connectkit.transforms.expression.source.ExpressionError`. Immutable.
"""

from __future__ import annotations

import ast
from typing import Any

from connectkit.draft import SideName
from connectkit.transforms.expression.compiler import Compiler
from connectkit.transforms.expression.scope import Scope, UnknownScope
from connectkit.transforms.expression.source import ExpressionError, Position, Source, Statement
from connectkit.transforms.expression.terms import Term
from connectkit.transforms.paths import RecordPath


class Condition:
    """One condition. ``reads`` are the sides of the record that it looks at."""

    def __init__(self, text: str) -> None:
        self._source = _ConditionSource(text)
        first, *more = self._source.statements
        if more:
            raise ExpressionError("one condition ends here; combine several with 'and' or 'or'", more[0].at)
        self._node = first.value
        reads: set[SideName] = set()
        self._compiled(_Watching(reads))
        self.reads = frozenset(reads)

    def term(self, scope: Scope) -> Term:
        """The condition as far as the scope knows the record; null counts as false."""
        return self._compiled(scope)

    def _compiled(self, scope: Scope) -> Term:
        term = Compiler(self._source, scope, {}).compile(self._node)
        if term.kind.name not in ("bool", "any", "null"):
            raise ExpressionError(f"a condition is true or false, and this is {term.kind}", term.at)
        return term


class _ConditionSource(Source):
    def _statement(self, start: int, text: str) -> Statement:
        at = self._place(start)
        tree = self._parse(start, text)
        if isinstance(tree, ast.Assign):
            raise ExpressionError("this assigns; write '==' to compare", at)
        if not isinstance(tree, ast.Expr):
            raise ExpressionError("this is no condition (such as value.amount > 1000)", at)
        return Statement("keep", None, tree.value, at)


class _Watching(UnknownScope):
    """Notes which sides are read."""

    def __init__(self, reads: set[SideName]) -> None:
        self._reads = reads

    def path(self, path: RecordPath, at: Position, *, quiet: bool) -> Term:
        self._reads |= path.reads
        return super().path(path, at, quiet=quiet)

    def is_null(self, place: Any) -> bool | None:
        self._reads.add(place)
        return None
