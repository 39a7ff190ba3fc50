"""What Explode and Split take apart: where it is found, what its pieces are, what is an error.

Asked by the plans of :mod:`~connectkit.transforms.pieces`. Used by one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from connectkit.errors import DataError, LimitError
from connectkit.schema import Schema
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.paths import FieldPath

log = logging.getLogger(__name__)

_LOOKED_THROUGH = 1000
"""Names of a record that are compared with one that is missing."""


class Taking:
    """What is to be taken apart, and how: see the options of ``MultiplyConfig`` and ``Multiplier``."""

    def __init__(
        self,
        path: FieldPath | None,
        *,
        keeps_rest: bool,
        keeps_empty: bool,
        index_field: str | None,
        max_pieces: int,
        on_missing: Literal["fail", "warn", "ignore"],
        schema_of: Callable[[Schema], Schema],
        pieces_of: Callable[[Any], Sequence[Any]],
        label: Callable[[], str],
    ) -> None:
        self.path = path
        self.where = "$" if path is None else path.where
        self.keeps_rest = keeps_rest and path is not None
        self.keeps_empty = keeps_empty
        self.index_field = index_field
        self._max_pieces = max_pieces
        self._on_missing = on_missing
        self._schema_of = schema_of
        self._pieces_of = pieces_of
        self._label = label
        self._told: set[str] = set()

    def schema_of(self, schema: Schema) -> Schema:
        """The schema of a piece of what stands at the path."""
        try:
            return self._schema_of(schema)
        except DataError as error:
            error.path = error.path or self.where
            raise

    def pieces(self, found: Any) -> Sequence[Any]:
        """The pieces of what stands at the path; none of a null."""
        if found is None:
            return ()
        try:
            pieces = self._pieces_of(found)
        except DataError as error:
            error.path = error.path or self.where
            raise
        if len(pieces) > self._max_pieces:
            raise LimitError(
                f"The value would become {len(pieces)} records, and max.records allows {self._max_pieces}",
                path=self.where,
            )
        return pieces

    def missing(self, step: str, known: Iterable[Any]) -> None:
        """The path is not there: as the configuration wants it, an error, a warning or nothing."""
        wanted = self._on_missing
        if wanted == "ignore" or (wanted == "warn" and step in self._told):
            return
        names = [name for _, name in zip(range(_LOOKED_THROUGH), known) if isinstance(name, str)]
        hint = did_you_mean(step, names)
        if wanted == "fail":
            raise DataError(
                f"There is nothing to take apart, as the value has no field '{shortened(step)}'{hint}; "
                "on.missing=ignore takes it for null",
                path=self.where,
            )
        self._told.add(step)
        text = "%s: the configured field '%s' is not in the record%s"
        log.warning(text, self._label(), shortened(step), hint)

    def index_taken(self) -> DataError:
        """The error of a record that has a field of the index's name already."""
        name = self.index_field
        return DataError(
            f"There is a field '{name}' already; choose another name for index.field", path=f"$.{name}"
        )

    def index_homeless(self, what: str) -> DataError:
        """The error of pieces that have no fields, where each was to have one for its number."""
        return DataError(
            f"index.field needs pieces with fields, and {what}; index.header suits all pieces",
            path=self.where,
        )
