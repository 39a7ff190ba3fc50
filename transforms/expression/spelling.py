"""How names and paths are spelled in expressions: ``value.a['b c'][0]``, and what no name may be.

A path begins with a place in the record (:data:`PLACES`). Python's parser reads some letters as others
(it normalizes names), so each name is compared with what stands in the text. Pure functions; errors are
``ExpressionError`` with the place.
"""

from __future__ import annotations

import ast
import unicodedata
from collections.abc import Collection, Sequence
from typing import Any

from connectkit.transforms.expression.source import ExpressionError, Source
from connectkit.transforms.pathread import Step
from connectkit.transforms.paths import FieldPath, RecordPath

SIDES = ("value", "key")
PARTS = ("topic", "partition", "timestamp", "offset")
PLACES = (*SIDES, "headers", *PARTS)
MAX_NAME_CHARS = 500


def root_of(node: ast.expr) -> ast.expr:
    """What stands at the very left of a chain of ``.name`` and ``[…]``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def check_spelling(source: Source, node: ast.expr, name: str) -> None:
    """Refuse names that Python reads otherwise than they are written, and those of Python's own machinery."""
    at = source.position(node)
    if len(name) > MAX_NAME_CHARS:
        raise ExpressionError(f"a name has more than {MAX_NAME_CHARS} characters", at)
    if name.startswith("__") and name.endswith("__"):
        raise ExpressionError(
            "names between double underscores are Python's own; a field is value['__name__']", at
        )
    if not name.isascii() or not source.segment(node).isascii():
        written = source.segment(node)
        if not written.endswith(name) and name.isidentifier():
            point = next((ch for ch in written if not ch.isascii()), name[0])
            raise ExpressionError(
                f"a name is written with U+{ord(point):04X} ({unicodedata.name(point, 'unnamed').lower()}), "
                "which Python takes for other letters; write value['name']",
                at,
            )


def path_of(source: Source, node: ast.expr, places: Collection[str]) -> RecordPath | None:
    """The path that a chain of ``.name``, ``['name']`` and ``[0]`` spells; None if it is no such chain."""
    if isinstance(node, ast.Subscript) and not isinstance(_plain_index(node.slice), str):
        return None  # an index at the very end may be one of a text, too
    chain: list[str | int] = []
    links: list[tuple[ast.expr, str]] = []
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute):
            chain.append(node.attr)
            links.append((node, node.attr))
        elif isinstance(node, ast.Subscript):
            key = _plain_index(node.slice)
            if key is None:
                return None
            chain.append(key)
        else:
            return None
        node = node.value
    if node.id not in places:
        return None
    place: Any = node.id
    links.append((node, node.id))
    for link, name in links:
        check_spelling(source, link, name)
    steps = _steps(chain[::-1])
    text = ".".join([place, *(_quoted(step) for step in steps)])
    at = source.position(node)
    if place in PARTS:
        if steps:
            raise ExpressionError(f"'{place}' has no fields; a field of the value is value.{place}", at)
        return RecordPath(text, place, path=None)
    if place == "headers":
        if not steps:
            return None
        if steps[0].picks and not steps[0].base:
            raise ExpressionError("headers have names: headers.NAME or headers['NAME']", at)
        rest = tuple(steps[1:])
        below = FieldPath(text, rest) if rest else None
        return RecordPath(text, place, path=below, header=steps[0].name)
    return RecordPath(text, place, path=FieldPath(text, tuple(steps)) if steps else None)


def _plain_index(node: ast.expr) -> str | int | None:
    if isinstance(node, ast.Constant) and type(node.value) in (str, int) and _is_index(node.value):
        return node.value  # type: ignore[return-value]  # a text or an integer, as was just asked
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.USub)
        and isinstance(node.operand, ast.Constant)
        and type(node.operand.value) is int
        and _is_index(node.operand.value)
    ):
        return -node.operand.value
    return None


def _is_index(value: Any) -> bool:
    """Whether a text, or an index that an array can have."""
    return isinstance(value, str) or value < 10**9


def _steps(chain: Sequence[str | int]) -> list[Step]:
    steps: list[Step] = []
    for link in chain:
        if isinstance(link, str):
            steps.append(Step(link))
            continue
        last = steps.pop() if steps else Step("")
        picks = (*last.picks, link)
        base = last.base if last.picks else last.name
        steps.append(Step(f"{base}{''.join(f'[{pick}]' for pick in picks)}", base, picks))
    return steps


def _quoted(step: Step) -> str:
    return step.name if "." not in step.name else f"`{step.name}`"
