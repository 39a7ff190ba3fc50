"""From the text of an expression to statements in Python's syntax trees, inside fixed bounds.

Statements stand on lines of their own or are parted by ``;``. One is an assignment (``value.a = …``,
``value.n += …``), or ``drop if …`` or ``keep if …``. The text is only parsed here, never run: what a tree
may hold is decided by :mod:`~connectkit.transforms.expression.compiler`. Everything is bounded before it
is looked at: the text, its brackets, the nodes and their depth. Pure functions.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from connectkit.suggest import shortened

MAX_SOURCE_CHARS = 8_000
MAX_NODES = 2_000
MAX_DEPTH = 60
MAX_BRACKETS = 40
"""Brackets that may be open at once: Python's parser is recursive."""


class Position(NamedTuple):
    """A place in the text of an expression; both numbers from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class ExpressionError(ValueError):
    """What is wrong with an expression: the end of a sentence ("has at line 1, column 3 …")."""

    def __init__(self, sentence: str, at: Position) -> None:
        super().__init__(f"at {at}: {sentence}")
        self.sentence = sentence
        self.at = at


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: what is assigned, or for ``drop`` and ``keep`` the condition, in ``value``."""

    verb: Literal["set", "drop", "keep"]
    target: ast.expr | None
    value: ast.expr
    at: Position
    text: str = field(default="", kw_only=True)


class Source:
    """A text and its statements, in order. Immutable."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_SOURCE_CHARS:
            raise ExpressionError(
                f"the expression has {len(text)} characters, and may have {MAX_SOURCE_CHARS}", Position(1, 1)
            )
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines = self._text.split("\n")
        self._nodes = 0
        self.statements = [self._statement(start, piece) for start, piece in self._pieces()]
        if not self.statements:
            raise ExpressionError("there is nothing in the expression", Position(1, 1))

    def position(self, node: ast.AST) -> Position:
        """Where a node begins."""
        line: int = getattr(node, "lineno", 1)
        column: int = getattr(node, "col_offset", 0)
        before = self._lines[line - 1].encode()[:column]  # the parser counts bytes
        return Position(line, len(before.decode(errors="replace")) + 1)

    def segment(self, node: ast.expr) -> str:
        """The text that a node on one line was read from, as it stands there."""
        end_line = node.end_lineno or node.lineno
        line = self._lines[end_line - 1].encode()
        begin = node.col_offset if end_line == node.lineno else 0
        return line[begin : node.end_col_offset].decode(errors="replace")

    # --- cutting into statements

    def _pieces(self) -> list[tuple[int, str]]:
        """The statements' texts and where they begin: cut at line ends and semicolons outside brackets."""
        found: list[tuple[int, str]] = []
        start = depth = 0
        for token in _TOKEN.finditer(self._text):
            text = token.group()
            if text in _OPEN:
                depth += 1
                if depth > MAX_BRACKETS:
                    raise ExpressionError(
                        f"more than {MAX_BRACKETS} brackets are open", self._place(token.start())
                    )
            elif text in _CLOSE:
                depth = max(0, depth - 1)
            elif text in "\n;" and (depth == 0 or text == ";"):
                self._add(found, start, token.start())
                start = token.end()
                depth = 0
        self._add(found, start, len(self._text))
        return found

    def _add(self, found: list[tuple[int, str]], start: int, end: int) -> None:
        piece = self._text[start:end]
        stripped = piece.lstrip(" \t\f")
        if stripped.strip() and not stripped.startswith("#"):
            found.append((start + len(piece) - len(stripped), stripped.rstrip()))

    def _place(self, offset: int) -> Position:
        line = self._text.count("\n", 0, offset) + 1
        return Position(line, offset - (self._text.rfind("\n", 0, offset) + 1) + 1)

    # --- parsing

    def _statement(self, start: int, text: str) -> Statement:
        at = self._place(start)
        word = _FILTER.match(text)
        if word is not None:
            verb: Literal["drop", "keep"] = "drop" if word[1] == "drop" else "keep"
            if not word[2]:
                raise ExpressionError(f"'{verb}' needs a condition: {verb} if value.x > 0", at)
            condition = self._parse(start + word.end(), text[word.end() :])
            return Statement(verb, None, self._expression(condition, at, verb), at, text=text)
        tree = self._parse(start, text)
        if isinstance(tree, ast.Assign) and len(tree.targets) == 1:
            return Statement("set", tree.targets[0], tree.value, at, text=text)
        if isinstance(tree, ast.AugAssign):
            value = ast.copy_location(ast.BinOp(tree.target, tree.op, tree.value), tree)
            return Statement("set", tree.target, value, at, text=text)
        raise ExpressionError(_refusal(tree), at)

    def _expression(self, tree: ast.stmt, at: Position, verb: str) -> ast.expr:
        if not isinstance(tree, ast.Expr):
            raise ExpressionError(f"'{verb} if' must be followed by a condition", at)
        return tree.value

    def _parse(self, start: int, text: str) -> ast.stmt:
        """The one statement of a text, its nodes placed where they stand in the whole."""
        skipped = len(text) - len(text.lstrip())
        start, text = start + skipped, text[skipped:]
        at = self._place(start)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about escapes and comparisons: ours to tell, or harmless
                body = ast.parse(text, mode="exec").body
        except SyntaxError as error:
            line = at.line + max(error.lineno or 1, 1) - 1
            column = max(error.offset or 1, 1) + (at.column - 1 if line == at.line else 0)
            raise ExpressionError(
                f"this is not Python's syntax{_syntax_hint(text)}", Position(line, column)
            ) from None
        except (ValueError, MemoryError, RecursionError, OverflowError):
            raise ExpressionError(
                "this is nested too deeply, or holds a character that no text may", at
            ) from None
        if len(body) != 1:
            raise ExpressionError("a statement is missing here", at)
        self._shift(body[0], at)
        return body[0]

    def _shift(self, tree: ast.stmt, at: Position) -> None:
        """Move the nodes' positions to the whole text, and count them."""
        first = len(self._lines[at.line - 1][: at.column - 1].encode())
        stack: list[tuple[ast.AST, int]] = [(tree, 0)]
        while stack:
            node, depth = stack.pop()
            self._nodes += 1
            if self._nodes > MAX_NODES:
                raise ExpressionError(f"the expression has more than {MAX_NODES} parts", at)
            if depth > MAX_DEPTH:
                raise ExpressionError(f"the expression is nested more than {MAX_DEPTH} levels deep", at)
            if isinstance(node, ast.expr | ast.stmt):
                if node.end_lineno == 1:
                    node.end_col_offset = (node.end_col_offset or 0) + first
                if node.lineno == 1:
                    node.col_offset += first
                node.lineno += at.line - 1
                node.end_lineno = (node.end_lineno or 1) + at.line - 1
            stack.extend((child, depth + 1) for child in ast.iter_child_nodes(node))


_TOKEN = re.compile(
    r'"""(?:\\.|(?!""").)*+"""|' + r"'''(?:\\.|(?!''').)*+'''"
    r'|"(?:\\.|[^"\\\n])*+"' + r"|'(?:\\.|[^'\\\n])*+'"
    r"|\#[^\n]*|\\\n|.",
    re.DOTALL,
)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_FILTER = re.compile(r"(drop|keep)\b(?:\s+(if)\b|(?!\s*[.=\[]))")


def _syntax_hint(text: str) -> str:
    if "&&" in text or "||" in text:
        return "; write 'and' and 'or'"
    if re.search(r"\?.*:", text):
        return "; write 'a if condition else b'"
    if "->" in text or "=>" in text:
        return ""
    return "" if "!" not in text.replace("!=", "") else "; write 'not'"


_STATEMENTS: dict[type[ast.stmt], str] = {
    ast.Import: "nothing can be imported",
    ast.ImportFrom: "nothing can be imported",
    ast.FunctionDef: "no function can be defined",
    ast.AsyncFunctionDef: "no function can be defined",
    ast.ClassDef: "no class can be defined",
    ast.For: "there are no loops",
    ast.AsyncFor: "there are no loops",
    ast.While: "there are no loops",
    ast.If: "an 'if' stands inside the assignment: value.x = a if condition else b",
    ast.AnnAssign: "a type is declared by an option of its own, such as schema.total = float64",
    ast.Delete: "fields are left out by ReplaceField",
    ast.Assign: "only one thing can be assigned at a time",
}


def _refusal(tree: ast.stmt) -> str:
    if isinstance(tree, ast.Expr):
        if isinstance(tree.value, ast.Compare) and isinstance(tree.value.ops[0], ast.Eq):
            return "this compares; write one '=' to assign"
        return "this does nothing: assign it (value.x = …), or write 'drop if' or 'keep if' before it"
    found = _STATEMENTS.get(type(tree))
    name = shortened(type(tree).__name__.lower())
    return found or f"a '{name}' statement is not allowed; assign (value.x = …), or 'drop if', or 'keep if'"
