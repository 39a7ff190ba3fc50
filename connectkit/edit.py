"""Base classes of transforms and predicates that describe themselves, and are compiled.

A transform that subclasses :class:`EditTransform` writes what it does once, as edits of a
:class:`~connectkit.draft.Draft`; its ``apply`` follows from that, and a chain fuses it with its
neighbours. Any other :class:`~connectkit.api.Transform` works in a chain as well, record by record.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

from connectkit.api import Predicate, R, Transform
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.errors import DataError
from connectkit.fuse import NOT_READ, Fused, Stage, kind_of
from connectkit.program import RECORD, Env, Var
from connectkit.record import ConnectRecord, SchemaPair, SourceRecord
from connectkit.schema import Schema
from connectkit.suggest import did_you_mean, shortened

C = TypeVar("C", bound=Config)

log = logging.getLogger(__name__)

Nulls = Literal["pass", "edit", "refuse", "unseen"]
"""``pass``: the record goes on as it is; ``edit``: it is edited too; ``refuse``: it is a ``DataError``;
``unseen``: the transform does not look at keys and values."""
OnMissing = Literal["fail", "warn", "ignore"]

_LOOKED_THROUGH = 1000
"""Names of a record that are compared with one that is missing."""


def on_missing_option(connect: str) -> OnMissing | None:
    """The option ``on.missing``; ``connect`` says in words what Connect does, which is the default.

    A transform that has it reports through :meth:`EditTransform.missing`.
    """
    found: OnMissing | None = option(
        None,
        doc="What to do with a record that has not got a field named here: fail, warn (once for each field) "
        f"or ignore it. By default as Connect: {connect}.",
        key="on.missing",
        importance=MEDIUM,
        default_doc="as Connect",
        extension=True,
    )
    return found


BOTH: frozenset[SideName] = frozenset(("key", "value"))
NEITHER: frozenset[SideName] = frozenset()


class EditTransform(Transform[C], Generic[C]):
    """A transform given as edits. ``reads`` names the sides whose schema or value it looks at."""

    reads: frozenset[SideName] = BOTH
    nulls: ClassVar[Nulls | None] = None
    """What becomes of a null where the transform works (of a tombstone, if in the value). None: not said."""
    alias: str | None = None
    """The name a connector's configuration gives it, for messages; set by the chain."""
    on_missing: OnMissing | None = None
    """What the option ``on.missing`` says, if the transform has it; None: what Connect does."""

    def __init__(self, config: C) -> None:
        super().__init__(config)
        self.on_missing = getattr(config, "on_missing", None)
        self._told: set[str] = set()

    @cached_property
    def _alone(self) -> Fused:
        """What runs it without a chain; made when wanted, as subclasses set ``reads`` after this."""
        return Fused([Stage(self)], name=type(self).__name__)

    @abstractmethod
    def edit(self, draft: Draft) -> None:
        """Do to the draft what is to be done to each record. Called once per combination of schemas.

        ``DataError`` says that no such record can pass. Never changes an object it is given.
        """

    def apply(self, record: R) -> R | list[R] | None:
        try:
            made: R | list[R] | None = self._alone.run(record)
        except Exception as error:
            reason: Exception | None = getattr(error, "reason", None)
            if reason is not None:
                raise reason from None  # a single transform has no place in a chain to tell of
            raise
        return made

    def output_schemas(
        self, key_schema: Schema | None, value_schema: Schema | None
    ) -> set[SchemaPair] | None:
        return self._alone.infer(SourceRecord, key_schema, value_schema).schemas

    def warn_once(self, subject: str, message: str, *args: Any) -> None:
        """Log a warning, the first time it is about that subject."""
        if subject not in self._told:
            self._told.add(subject)
            log.warning(f"%s: {message}", self.label, *args)  # noqa: G004 - the message is ours

    def missing(
        self,
        field: str,
        known: Iterable[Any],
        *,
        step: str | None = None,
        connect: OnMissing = "warn",
        path: str | None = None,
    ) -> None:
        """A field or path named in the configuration is not there: ``DataError``, a warning, or nothing.

        ``on.missing`` decides, and where it is not set ``connect``: what Connect does. The warning comes
        once for each field. ``step`` is the part of a path that was not found among the ``known``.
        """
        does = self.on_missing or connect
        subject = f"missing {field}"
        if does == "ignore" or (does == "warn" and subject in self._told):
            return
        names = [name for _, name in zip(range(_LOOKED_THROUGH), known) if isinstance(name, str)]
        hint = did_you_mean(step or field, names)
        if does == "fail":
            raise DataError(
                f"The configured field '{shortened(field)}' is not in the record{hint}",
                path=path or f"$.{shortened(field)}",
            )
        self.warn_once(subject, "the configured field '%s' is not in the record%s", shortened(field), hint)

    def gone(self, field: str, step: str, known: Iterable[Any]) -> None:
        """:meth:`missing`, as paths call it."""
        self.missing(field, known, step=step)

    def tell_missing(self, fields: Iterable[str], schema: Schema) -> None:
        """:meth:`missing` for each of the fields that a struct schema does not have."""
        for name in fields:
            if schema.field(name) is None:
                self.missing(name, [field.name for field in schema.fields])

    def missing_in_map(self, field: str, found: Mapping[Any, Any]) -> None:
        """:meth:`missing`, for use with ``get_item(absent=…)``."""
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
