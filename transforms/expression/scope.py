"""Where the paths of an expression lead: in a draft, whose schemas are known, or not known at all.

:class:`Scope` turns a :class:`~connectkit.transforms.paths.RecordPath` into a term and gathers what the
expression reads. In structs a missing field is found here; in maps and headers the look-up is written into
the expression, so that a branch not taken asks for nothing. Used by one thread, for one statement at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from connectkit.draft import Draft, Side
from connectkit.draft import Kind as Standing
from connectkit.errors import DataError
from connectkit.program import Var
from connectkit.schema import Type
from connectkit.transforms.expression.source import ExpressionError, Position
from connectkit.transforms.expression.terms import Term, Writer, constant
from connectkit.transforms.expression.types import ANY, NULL, Kind, of_schema
from connectkit.transforms.pathread import Gone
from connectkit.transforms.paths import NoSuchField, RecordPath

OnMissing = Callable[[str, str, Iterable[Any]], None]
"""Told of a path, the step of it that is missing and the names there are; raises or returns."""


class Scope(Protocol):
    """What a compiler asks for."""

    def path(self, path: RecordPath, at: Position, *, quiet: bool) -> Term:
        """What stands there. ``quiet``: what is missing is null, and nobody is told."""
        ...

    def is_null(self, place: str) -> bool | None:
        """Whether all of the key or value is null; None if that is not known."""
        ...


class UnknownScope:
    """Nothing is known yet: for finding mistakes when the configuration is read."""

    def path(self, path: RecordPath, at: Position, *, quiet: bool) -> Term:
        if path.place in ("topic", "partition", "timestamp", "offset"):
            return Term(_PARTS[path.place], _nowhere, at)
        return Term(ANY, _nowhere, at)

    def is_null(self, place: str) -> bool | None:
        return None


def _nowhere(w: Writer) -> str:
    raise RuntimeError("an expression without a record was to be written")


_PARTS = {
    "topic": Kind("str"),
    "partition": Kind("int", nullable=True),
    "timestamp": Kind("int", nullable=True),
    "offset": Kind("int", nullable=True),
}


class DraftScope:
    """A draft as it stands; ``inputs`` are the variables that terms made here read, in their order."""

    def __init__(self, draft: Draft, missing: OnMissing, purpose: str) -> None:
        self.draft = draft
        self.inputs: list[Var] = []
        self._missing = missing
        self._purpose = purpose

    def input(self, var: Var) -> Callable[[Writer], str]:
        """What writes the name of a variable."""
        number = self.inputs.index(var) if var in self.inputs else len(self.inputs)
        if number == len(self.inputs):
            self.inputs.append(var)
        return lambda w: w.inputs[number]

    def is_null(self, place: str) -> bool | None:
        return self.draft.side(place).is_null if place in ("key", "value") else None  # type: ignore[arg-type]

    def path(self, path: RecordPath, at: Position, *, quiet: bool) -> Term:
        if path.place == "headers":
            return self._header(path, at)
        if path.place not in ("key", "value"):
            found = path.read(self.draft)
            return Term(_PARTS[path.place], self.input(found.var), at)
        side = self.draft.side(path.place)
        if side.is_null:
            return constant(None, NULL, at)
        if path.path is None:
            return self._whole(side, at)
        if side.schema is None:
            return self._in_map(path, side, at, quiet)
        return self._in_schema(path, side, at, quiet)

    def _whole(self, side: Side, at: Position) -> Term:
        kind = ANY.required() if side.schema is None else of_schema(side.schema, nullable=False)
        return Term(kind, self.input(side.whole()), at)

    def _in_schema(self, path: RecordPath, side: Side, at: Position, quiet: bool) -> Term:
        assert path.path is not None
        assert side.schema is not None
        if side.schema.type not in (Type.STRUCT, Type.MAP, Type.ARRAY):
            spoken = side.schema.type.value
            raise ExpressionError(f"the {side.name} is of type {spoken} and has no fields", at)
        try:
            reading = path.path.compile(side.schema, maps=True)
            found = path.read(self.draft, purpose=self._purpose)
        except NoSuchField as error:
            if not quiet:
                self._missing(path.text, error.name, error.known)
            return constant(None, NULL, at)
        except DataError as error:
            raise ExpressionError(f"{path.text}: {error}", at) from error
        alone = path.path.name is not None and side.schema.type is Type.STRUCT
        kind = of_schema(reading.schema, nullable=None if alone else reading.loose)
        return Term(kind, self.input(found.var), at)

    def _in_map(self, path: RecordPath, side: Side, at: Position, quiet: bool) -> Term:
        below = path.path
        assert below is not None
        if side.kind is not Standing.MAP:
            raise ExpressionError(f"the {side.name} is neither a struct nor a map and has no fields", at)
        mapping = self.input(side.peek())
        text, missing, plain = path.text, self._missing, below.name

        def tell(name: str, found: Any) -> None:
            missing(text, name, found)

        def find(value: Any) -> Any:
            found = below.find(value)
            if type(found) is not Gone:
                return found
            if not quiet:
                missing(text, found.name, found.known)
            return None

        def write(w: Writer) -> str:
            source, result = mapping(w), w.variable()
            w.mark(at)
            if plain is None:
                w.line(f"{result} = {w.bind(find)}({source})")
                return result
            name = w.bind(plain)
            w.line(f"{result} = {source}.get({name})")
            if not quiet:
                with w.block(f"if {result} is None and {name} not in {source}:"):
                    w.line(f"{w.bind(tell)}({name}, {source})")
            return result

        return Term(ANY, write, at)

    def _header(self, path: RecordPath, at: Position) -> Term:
        headers = self.input(self.draft.headers)
        name, below = path.header, path.path

        def find(found: Any) -> Any:
            header = found.last_with_name(name)
            if header is None or below is None:
                return None if header is None else header.value
            return below.get(header.value)

        def write(w: Writer) -> str:
            result = w.variable()
            w.mark(at)
            w.line(f"{result} = {w.bind(find)}({headers(w)})")
            return result

        return Term(ANY, write, at)
