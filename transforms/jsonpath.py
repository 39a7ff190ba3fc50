"""JSONPath as Confluent's transforms take it: the dialect of Java's Jayway JsonPath.

``compile_path`` turns a text into closures that walk structs, dicts and lists as they are. Supported:
``.name``, ``['name']``, ``['a','b']``, ``[n]`` (negative from the end), ``[0,2]``, ``[a:b]``, ``*``, ``..``
before any of these, and filters ``[?(…)]`` with ``== != < <= > >= =~ in nin contains anyof noneof subsetof
size empty``, ``&& || ! ( )``, paths from ``@`` and ``$``, texts, numbers, true, false, null, lists and
``/regex/i``. As in that library, and unlike RFC 9535, a filter on an object tests the object itself: that is
why no JSONPath library serves here. As Confluent documents, a field that is missing or null satisfies no
condition (``== null`` excepted, where it is null).

Bounded: the text is (:mod:`connectkit.transforms.jsonpath_parse`), regular expressions are refused if they
can explode, and one evaluation takes :data:`MAX_VISITS` steps at most, whatever the path and the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from connectkit.errors import LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import StructValue
from connectkit.transforms.jsonpath_parse import parse_path
from connectkit.transforms.jsonpath_steps import (
    Compare,
    Condition,
    Every,
    Filter,
    Index,
    Literal,
    Logic,
    Name,
    Negation,
    Operand,
    PathOperand,
    Scan,
    Slice,
    Step,
    Union,
)
from connectkit.transforms.operators import LISTS, MAPS, OPERATORS, prepared

MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda _: "MISSING"})()
"""Stands for a value that is not there."""
MAX_VISITS = 1_000_000
"""Values that one evaluation may look at or compare; beyond it, it raises ``LimitError``."""


class Run:
    """One evaluation: the value that ``$`` means, and how many more values may be looked at."""

    __slots__ = ("left", "root")

    def __init__(self, root: Any, visits: int) -> None:
        self.root = root
        self.left = visits

    def spend(self, values: int = 1) -> None:
        """Count values looked at."""
        self.left -= values
        if self.left < 0:
            raise LimitError(
                "A JSONPath had to look at too many values of one record; fewer .. and * in it would help"
            )


Test = Callable[[Any, Run], bool]
"""Whether a condition holds for an element."""
Find = Callable[[Any, Run], Iterable[Any]]
"""The values a step leads to from a value."""


class JsonPath:
    """A compiled path. Immutable; used by any number of threads."""

    __slots__ = ("_prefix", "_rest", "_visits", "start", "text")

    def __init__(self, text: str, steps: Sequence[Step], *, max_visits: int = MAX_VISITS) -> None:
        self.text = text
        count = next((i for i, step in enumerate(steps) if not isinstance(step, Name | Index)), len(steps))
        self._prefix = steps[:count]
        self._rest = [_finder(step) for step in steps[count:]]
        self._visits = max_visits
        self.start = "$" + "".join(map(_text_of, self._prefix))
        """The steps in front of the first filter or wildcard, for messages."""

    @property
    def is_definite(self) -> bool:
        """Whether the path leads to one value at most."""
        return not self._rest

    def value(self, root: Any) -> Any:
        """What stands at the steps in front of the first filter or wildcard, or :data:`MISSING`."""
        for step in self._prefix:
            root = child(root, step.name) if isinstance(step, Name) else item(root, step)
            if root is MISSING:
                return MISSING
        return root

    def find(self, root: Any) -> Iterator[Any]:
        """All values the path leads to."""
        return self.find_in(root, Run(root, self._visits))

    def find_in(self, start: Any, run: Run) -> Iterator[Any]:
        """All values the path leads to from a value, as a part of an evaluation."""
        found = self.value(start)
        return iter(()) if found is MISSING else _walk(self._rest, found, run, 0)

    def matches(self, root: Any) -> bool | None:
        """Whether the path leads anywhere; None if what it starts from is missing or null."""
        found = self.value(root)
        if found is MISSING or found is None:
            return None
        if not self._rest:
            return True
        return next(_walk(self._rest, found, Run(root, self._visits), 0), MISSING) is not MISSING


def compile_path(text: str, *, max_visits: int = MAX_VISITS) -> JsonPath:
    """The path of a text; ``ValueError`` says what is wrong, in words for an option's problem."""
    return JsonPath(text, parse_path(text), max_visits=max_visits)


def _text_of(step: Step) -> str:
    return f".{step.name}" if isinstance(step, Name) else f"[{step.index}]" if isinstance(step, Index) else ""


def child(value: Any, name: str) -> Any:
    """The field of a struct (its default where it is unset) or the entry of a map, or MISSING."""
    if isinstance(value, StructValue):
        field = value.schema.field(name)
        if field is None:
            return MISSING
        found = value.values[field.index]
        return field.schema.default if found is None else found
    if isinstance(value, MAPS):
        return value.get(name, MISSING)
    return MISSING


def item(value: Any, step: Step) -> Any:
    """The element of a list at an :class:`Index`, or MISSING."""
    assert isinstance(step, Index)
    if not isinstance(value, LISTS) or not -len(value) <= step.index < len(value):
        return MISSING
    return value[step.index]


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, StructValue):
        return value.values
    if isinstance(value, MAPS):
        return value.values()
    return value if isinstance(value, LISTS) else ()


def _walk(finders: Sequence[Find], value: Any, run: Run, at: int) -> Iterator[Any]:
    if at == len(finders):
        yield value
        return
    for found in finders[at](value, run):
        run.spend()
        yield from _walk(finders, found, run, at + 1)


def _finder(step: Step) -> Find:
    if isinstance(step, Name):
        name = step.name
        return lambda value, _: () if (found := child(value, name)) is MISSING else (found,)
    if isinstance(step, Index):
        return lambda value, _: () if (found := item(value, step)) is MISSING else (found,)
    if isinstance(step, Union):
        parts = [_finder(part) for part in step.parts]
        return lambda value, run: (found for part in parts for found in part(value, run))
    if isinstance(step, Slice):
        cut = slice(step.start, step.end)
        return lambda value, _: value[cut] if isinstance(value, LISTS) else ()
    if isinstance(step, Every):
        return lambda value, _: _children(value)
    if isinstance(step, Scan):
        inner = _finder(step.then)
        return lambda value, run: _scan(inner, value, run, DEFAULT_LIMITS.depth)
    assert isinstance(step, Filter)
    test = _test(step.condition)

    def select(value: Any, run: Run) -> Iterable[Any]:
        if isinstance(value, LISTS):
            return (each for each in value if test(each, run))
        return (value,) if isinstance(value, (StructValue, *MAPS)) and test(value, run) else ()

    return select


def _scan(inner: Find, value: Any, run: Run, depth: int) -> Iterator[Any]:
    if depth < 0:
        raise LimitError(
            f"A JSONPath with .. met a value nested more than {DEFAULT_LIMITS.depth} levels deep"
        )
    run.spend()
    yield from inner(value, run)
    for each in _children(value):
        yield from _scan(inner, each, run, depth - 1)


def _test(condition: Condition) -> Test:
    if isinstance(condition, Logic):
        tests = [_test(part) for part in condition.parts]
        if condition.every:
            return lambda element, run: all(test(element, run) for test in tests)
        return lambda element, run: any(test(element, run) for test in tests)
    if isinstance(condition, Negation):
        inner = _test(condition.inner)
        return lambda element, run: not inner(element, run)
    if isinstance(condition, PathOperand):
        return _existence(condition)
    assert isinstance(condition, Compare)
    return _comparison(condition)


def _existence(operand: PathOperand) -> Test:
    get = _reader(operand)

    def test(element: Any, run: Run) -> bool:
        run.spend()
        found = get(element, run)
        return found is not MISSING and found is not None

    return test


def _comparison(condition: Compare) -> Test:
    operator = OPERATORS[condition.operator]
    left = _reader(condition.left)
    if isinstance(condition.right, Literal):
        constant = condition.right.value
        holds = prepared(condition.operator, constant)
        width = _width(constant)

        def test_literal(element: Any, run: Run) -> bool:
            found = left(element, run)
            run.spend(_width(found) * width)
            return found is not MISSING and holds(found)

        return test_literal
    right = _reader(condition.right)

    def test(element: Any, run: Run) -> bool:
        a, b = left(element, run), right(element, run)
        run.spend(_width(a) * _width(b))
        return a is not MISSING and b is not MISSING and a is not None and b is not None and operator(a, b)

    return test


def _width(value: Any) -> int:
    """How many values a comparison with this one may have to look at."""
    return len(value) + 1 if isinstance(value, LISTS) else 1


def _reader(operand: Operand) -> Callable[[Any, Run], Any]:
    """What an operand is; a path that is not definite is the list of what it finds."""
    if isinstance(operand, Literal):
        constant = operand.value
        return lambda element, run: constant
    path = JsonPath("", operand.steps)
    from_root = operand.from_root
    if path.is_definite:
        read = path.value
        return lambda element, run: read(run.root if from_root else element)
    find = path.find_in
    return lambda element, run: list(find(run.root if from_root else element, run)) or MISSING
