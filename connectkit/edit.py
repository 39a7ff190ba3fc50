"""Base classes of transforms and predicates that describe themselves, and are compiled.

A transform that subclasses :class:`EditTransform` writes what it does once, as edits of a
:class:`~connectkit.draft.Draft`; its ``apply`` follows from that, and a chain fuses it with its
neighbours. Any other :class:`~connectkit.api.Transform` works in a chain as well, record by record.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from connectkit.api import Predicate, R, Transform
from connectkit.config import Config
from connectkit.draft import Draft, Side, SideName
from connectkit.fuse import NOT_READ, Fused, Stage, kind_of
from connectkit.program import RECORD, Env, Var
from connectkit.record import ConnectRecord
from connectkit.schema import Schema
from connectkit.suggest import did_you_mean

C = TypeVar("C", bound=Config)

log = logging.getLogger(__name__)

BOTH: frozenset[SideName] = frozenset(("key", "value"))
NEITHER: frozenset[SideName] = frozenset()


class EditTransform(Transform[C], Generic[C]):
    """A transform given as edits. ``reads`` names the sides whose schema or value it looks at."""

    reads: frozenset[SideName] = BOTH
    alias: str | None = None
    """The name a connector's configuration gives it, for messages; set by the chain."""

    def __init__(self, config: C) -> None:
        super().__init__(config)
        self._alone = Fused([Stage(self)], name=type(self).__name__)
        self._told: set[str] = set()

    @abstractmethod
    def edit(self, draft: Draft) -> None:
        """Do to the draft what is to be done to each record. Called once per combination of schemas.

        ``DataError`` says that no such record can pass. Never changes an object it is given.
        """

    def apply(self, record: R) -> R | list[R] | None:
        try:
            made: R | list[R] | None = self._alone.run(record)
        except Exception as error:
            if getattr(error, "step", None) is not None and error.__cause__ is not None:
                raise error.__cause__ from None  # a single transform has no place in a chain to tell of
            raise
        return made

    def warn_once(self, subject: str, message: str, *args: Any) -> None:
        """Log a warning, the first time it is about that subject."""
        if subject not in self._told:
            self._told.add(subject)
            log.warning(f"%s: {message}", self.label, *args)  # noqa: G004 - the message is ours

    def missing(self, field: str, known: Iterable[Any]) -> None:
        """Tell, once, that a field named in the configuration is not there."""
        hint = did_you_mean(field, [name for name in known if isinstance(name, str)])
        self.warn_once(field, "the configured field '%s' is not in the record%s", field, hint)

    def tell_missing(self, fields: Iterable[str], schema: Schema) -> None:
        """:meth:`missing` for each of the fields that a struct schema does not have."""
        for name in fields:
            if schema.field(name) is None:
                self.missing(name, [field.name for field in schema.fields])

    def missing_in_map(self, field: str, found: Mapping[Any, Any]) -> None:
        """:meth:`missing`, for use with ``get_item(absent=…)``."""
        if field not in self._told:
            self.missing(field, found)

    @property
    def label(self) -> str:
        """How messages call it."""
        name = type(self).__name__
        return f"transform {name}" if self.alias is None else f"transform '{self.alias}' ({name})"


class SideTransform(EditTransform[C], Generic[C]):
    """A transform of the key or of the value (Java's ``Name$Key`` and ``Name$Value``)."""

    sided: ClassVar[bool] = True
    purpose: ClassVar[str] = ""
    """What it is doing, for messages: ``field replacement``."""

    def __init__(self, config: C, *, side: SideName = "value") -> None:
        self.side: SideName = side
        self.reads = frozenset((side,))
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        self.edit_side(draft, draft.side(self.side))

    @abstractmethod
    def edit_side(self, draft: Draft, side: Side) -> None:
        """Edit that side of the draft."""


class EditPredicate(Predicate[C], Generic[C]):
    """A predicate that is decided by schemas, or by a value it tells the draft to compute."""

    reads: frozenset[SideName] = BOTH

    @abstractmethod
    def decide(self, draft: Draft) -> bool | Var:
        """Whether the predicate holds, or the variable that says so for each record."""

    def test(self, record: ConnectRecord) -> bool:
        key = kind_of(record.key_schema, record.key) if "key" in self.reads else NOT_READ
        value = kind_of(record.value_schema, record.value) if "value" in self.reads else NOT_READ
        draft = Draft(type(record), key=key, value=value)
        found = self.decide(draft)
        if not isinstance(found, Var):
            return found
        env: Env = {RECORD: record}
        for op in draft.block.ops:
            op.run(env)
        return bool(found.value(env))
