"""Static inference: the schemas that come out of stages, told from those that go in, without data.

Stages that edit drafts are followed through their programs, through every branch a predicate may take,
taking for granted that nothing is null and that what stands beside a schema is what usually does. A
plain transform is asked (``Transform.output_schemas``). Pure; used by one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConnectError
from connectkit.program import Fail, Finish
from connectkit.record import ConnectRecord, SchemaPair
from connectkit.schema import Schema

if TYPE_CHECKING:
    from connectkit.fuse import Fused, Stage

MAX_STEPS = 2_000
"""Stages looked at in one inference: predicates double them, and there is an end to it."""


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was found out. ``schemas`` None: it cannot be told, and ``why`` is a sentence that says so."""

    schemas: set[SchemaPair] | None
    why: str | None = None


class _BlindError(Exception):
    """What comes out cannot be told."""


class Inference:
    """Follows schemas through stages, each combination of stage and schemas once."""

    def __init__(self, fused: Fused, record_class: type[ConnectRecord]) -> None:
        self._fused = fused
        self._record_class = record_class
        self._open: list[tuple[int, bool, SchemaPair]] = []
        self._seen: set[tuple[int, bool, SchemaPair]] = set()
        self._ended: set[SchemaPair] = set()
        self._dropped = False
        self._failed: Exception | None = None

    def follow(self, key_schema: Schema | None, value_schema: Schema | None) -> Inferred:
        """What records with these schemas end with; raises where none of them can pass."""
        self._go_on(0, False, (key_schema, value_schema))
        try:
            while self._open:
                self._look_at(*self._open.pop())
        except _BlindError as blind:
            return Inferred(None, str(blind))
        if self._failed is not None and not self._ended and not self._dropped:
            raise self._failed
        return Inferred(self._ended)

    def _go_on(self, number: int, decided: bool, schemas: SchemaPair) -> None:
        if number == len(self._fused.stages):
            self._ended.add(schemas)
        elif (step := (number, decided, schemas)) not in self._seen:
            if len(self._seen) >= MAX_STEPS:
                raise _BlindError("There are too many combinations of predicates to follow them all.")
            self._seen.add(step)
            self._open.append(step)

    def _look_at(self, number: int, decided: bool, schemas: SchemaPair) -> None:
        stage = self._fused.stages[number]
        if not decided and stage.predicate is not None and stage.decide is None:
            self._go_on(number, True, schemas)
            self._go_on(number + 1, False, schemas)
        elif stage.edit is None and (decided or stage.predicate is None):
            self._ask(stage, number, schemas)
        else:
            self._trace(number, decided, schemas)

    def _ask(self, stage: Stage, number: int, schemas: SchemaPair) -> None:
        ask = getattr(stage.transform, "output_schemas", None)
        try:
            found: Any = None if ask is None else ask(*schemas)
        except ConnectError as error:
            self._failed = self._failed or stage.located(error)
            return
        if found is None:
            raise _BlindError(f"{_capital(stage.label)} does not say without data what it makes of a schema.")
        self._dropped = self._dropped or not found
        for each in found:
            self._go_on(number + 1, False, each)

    def _trace(self, number: int, decided: bool, schemas: SchemaPair) -> None:
        program = self._fused.typical_program(self._record_class, schemas, number, decided=decided)
        for end in program.root.ends():
            if isinstance(end, Fail):
                self._failed = self._failed or self._fused.stages[end.stage].located(end.make())
            elif not isinstance(end, Finish):
                self._dropped = True
            elif end.schemas is None:
                raise _BlindError(
                    "A schema is each record's own: a step takes it from the data (a header, a text)."
                )
            elif end.stage is None:
                self._ended.add(end.schemas)
            else:
                self._go_on(*end.stage, end.schemas)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
