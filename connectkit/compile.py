"""Code generation: functions made once per schema, and the caches that hold them.

Generated source consists of our own identifiers only. Everything that comes from outside (field names,
defaults, regular expressions, helper functions) is *bound* to a name made here, never spelled into
the text: that is what makes the one ``exec`` of connectkit safe. :class:`Code` therefore has no way to
quote a value.

Source of the shape and its costs: style 1.5.4. Building takes about 0.2 ms and runs at 10 to 20 times
the speed of walking a schema, so :class:`PerSchema` can wait for the second sighting of a schema.
"""

from __future__ import annotations

import itertools
import linecache
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from connectkit.errors import LimitError
from connectkit.schema import Schema

T = TypeVar("T")

KEPT_SOURCES = 512
"""How many generated sources stay readable in tracebacks; beyond it the oldest is forgotten."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_serial = itertools.count(1)
_sources: OrderedDict[str, None] = OrderedDict()
_sources_lock = threading.Lock()


class Code:
    """One function under construction. Used by one thread.

        code = Code("value")
        with code.block("if value is None:"):
            code.line(f"return {code.bind(default)}")
        code.line(f"return {code.bind(encode)}(value)")
        function = code.build("json encode")

    ``parameters`` are the function's parameters (``"value"``, ``"depth=0"``). Bound objects become
    closure variables ``k0``, ``k1`` …; helper variables made by :meth:`variable` are ``t0``, ``t1`` ….
    """

    def __init__(self, *parameters: str) -> None:
        self._parameters = parameters
        self._lines: list[str] = []
        self._indent = 0
        self._bound: dict[int, str] = {}
        self._objects: list[Any] = []  # also keeps the ids in _bound from being reused
        self._variables = 0

    def bind(self, obj: Any) -> str:
        """A name for this very object inside the function; the same object has one name."""
        name = self._bound.get(id(obj))
        if name is None:
            name = self._bound[id(obj)] = f"k{len(self._objects)}"
            self._objects.append(obj)
        return name

    def variable(self) -> str:
        """A new local variable's name."""
        self._variables += 1
        return f"t{self._variables - 1}"

    def line(self, text: str) -> None:
        """Append a line at the present indentation. ``text`` may hold only our own identifiers."""
        if "\n" in text:
            raise ValueError("a line of generated code holds a line break; bind the text instead")
        self._lines.append("    " * self._indent + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """``head`` and, one level deeper, what is written inside the ``with`` (at least one line)."""
        self.line(head)
        self._indent += 1
        start = len(self._lines)
        try:
            yield
        finally:
            if len(self._lines) == start:
                self.line("pass")
            self._indent -= 1

    @property
    def is_empty(self) -> bool:
        """Whether no line was written yet."""
        return not self._lines

    def source(self, name: str = "generated") -> str:
        """The text :meth:`build` compiles: a factory that takes the bound objects."""
        names = ", ".join(f"k{i}" for i in range(len(self._objects)))
        head = [f"def make({names}):", f"    def {name}({', '.join(self._parameters)}):"]
        body = [f"        {line}" for line in self._lines or ["pass"]]
        return "\n".join([*head, *body, f"    return {name}", ""])

    def build(self, label: str, *, name: str = "generated") -> Callable[..., Any]:
        """Compile and return the function; tracebacks show its source under ``<connectkit label#n>``.

        ``label`` is for people; only its letters, digits, dots, dashes and spaces are kept, as it may
        hold the name of a schema. ``name`` is what profilers show.
        """
        if not _IDENTIFIER.match(name):
            raise ValueError("the name of a generated function must be an ASCII identifier")
        readable = re.sub(r"[^A-Za-z0-9_. -]", "_", label)[:80]
        filename = f"<connectkit {readable}#{next(_serial):x}>"
        text = self.source(name)
        scope: dict[str, Any] = {"__name__": "connectkit.generated"}
        exec(compile(text, filename, "exec"), scope)
        function: Callable[..., Any] = scope["make"](*self._objects)
        _remember(filename, text)
        return function


def _remember(filename: str, text: str) -> None:
    """Let tracebacks find the source. An entry without a time stamp is never checked against a file."""
    with _sources_lock:
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        _sources[filename] = None
        while len(_sources) > KEPT_SOURCES:
            oldest, _ = _sources.popitem(last=False)
            linecache.cache.pop(oldest, None)


class Late:
    """Stands for a function that is still being made, so that recursive schemas can be compiled.

    Generated code binds the object and calls ``k3.call(value, depth + 1)``. Whoever made it sets
    ``call`` when the function is there.
    """

    __slots__ = ("call",)

    call: Callable[..., Any]

    def __init__(self) -> None:
        self.call = _not_yet


def _not_yet(*_: Any) -> Any:
    raise RuntimeError("a generated function was called before it was finished")


class Functions:
    """Generated functions of things that contain one another, each made once, cycles included.

    A function is of one or several things at once (the two schemas of an encoder), told by identity. Used by
    one thread, for one outermost function.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], Callable[..., Any] | Late] = {}
        self._held: list[tuple[object, ...]] = []  # keeps the ids in _made from being reused

    def get(self, make: Callable[[], Callable[..., Any]], *of: object) -> Callable[..., Any] | Late:
        """The function of these, made by ``make``; a :class:`Late` where it is being made further out."""
        key = tuple(map(id, of))
        found = self._made.get(key)
        if found is not None:
            return found
        self._held.append(of)
        late = self._made[key] = Late()
        made = late.call = self._made[key] = make()
        return made


class Family:
    """Generates functions for schemas that contain one another, each once, cycles included.

    ``make(family, schema)`` returns the function of one schema; inside, it asks :meth:`call` for the
    function of a schema nested in it. Used by one thread, for one outermost schema.
    """

    def __init__(self, make: Callable[[Family, Schema], Callable[..., Any]]) -> None:
        self._make = make
        self._functions = Functions()

    def get(self, schema: Schema) -> Callable[..., Any] | Late:
        """The function of that schema, or a :class:`Late` where it is being made further out."""
        return self._functions.get(lambda: self._make(self, schema), schema)

    def call(self, code: Code, schema: Schema) -> tuple[str, bool]:
        """An expression to call for that schema, and whether it closes a cycle (and must count depth)."""
        found = self.get(schema)
        if isinstance(found, Late):
            return f"{code.bind(found)}.call", True
        return code.bind(found), False


def too_deep(limit: int) -> LimitError:
    """The error of generated code whose depth counter passes ``limit`` levels."""
    return LimitError(
        f"The value is nested more than {limit} levels deep; if that is intended, raise the limit 'depth'"
    )


class PerSchema(Generic[T]):
    """Something computed once per schema: looked up by identity, backed by equality, bounded.

    ``make(schema)`` computes it (``schema`` may be None: the absence of a schema); it is never None. If
    ``first`` is given, the first sighting of a schema gets ``first(schema)``, uncached, and ``make`` is
    called on the second: a stream in which each record has another schema never pays for compiling.

    At most ``size`` schemas are held; the one that came in first goes first, whose only cost is that
    a schema in use is computed again once in ``size`` computations. Safe for several threads: a hit
    takes no lock; misses take one, and ``make`` runs inside it.

    In inner loops use ``table`` directly::

        found = table.get(id(schema))
        if found is None:
            found = cache.miss(schema)
    """

    def __init__(
        self,
        make: Callable[[Any], T],
        *,
        size: int = 1000,
        first: Callable[[Any], T] | None = None,
    ) -> None:
        if size < 1:
            raise ValueError("a cache per schema holds at least one schema")
        self._make = make
        self._first = first
        self._size = size
        self.table: dict[Any, T] = {}
        """By identity. An entry lives only as long as the schema is held here, so ids are not reused."""
        self._held: OrderedDict[Any, Any] = OrderedDict()
        self._equal: OrderedDict[Any, T] = OrderedDict()
        self._seen: OrderedDict[Any, None] = OrderedDict()
        self._lock = threading.RLock()  # a make function may need the cache for a nested schema

    @staticmethod
    def identity(schema: Any) -> Any:
        """The key of ``table``."""
        return id(schema)

    def __getitem__(self, schema: Any) -> T:
        found = self.table.get(self.identity(schema))
        return self.miss(schema) if found is None else found

    def miss(self, schema: Any) -> T:
        """What :meth:`__getitem__` does when ``table`` has no entry."""
        with self._lock:
            known = self._equal.get(schema)
            if known is None:
                if self._first is not None and schema not in self._seen:
                    self._seen[schema] = None
                    if len(self._seen) > self._size:
                        self._seen.popitem(last=False)
                    return self._first(schema)
                known = self._make(schema)
                self._seen.pop(schema, None)
                self._equal[schema] = known
                if len(self._equal) > self._size:
                    self._equal.popitem(last=False)
            else:
                self._equal.move_to_end(schema)
            identity = self.identity(schema)
            self.table[identity] = known
            self._held[identity] = schema
            if len(self._held) > self._size:
                oldest = next(iter(self._held))
                del self.table[oldest]  # first: while the schema is held its id cannot be another's
                del self._held[oldest]
            return known

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self.table.clear()
            self._held.clear()
            self._equal.clear()
            self._seen.clear()

    def __len__(self) -> int:
        return len(self._equal)


class PerSchemas(PerSchema[T], Generic[T]):
    """The same for tuples of schemas: ``cache[key_schema, value_schema]``; ``table`` has tuples of ids."""

    @staticmethod
    def identity(schema: Any) -> Any:
        return tuple(map(id, schema))
