"""Which records belong together, for Sample and RateLimit: those that agree in what a path leads to.

The name of a group is short whatever stands there, and the same in every process and after a restart.
Used by one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from connectkit.config import HIGH, Config, option
from connectkit.errors import DataError
from connectkit.javatext import text_of
from connectkit.record import ConnectRecord
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.pathread import Gone
from connectkit.transforms.paths import RecordPath

log = logging.getLogger(__name__)

_SHORT = 32
"""Texts of so many characters name their group themselves; longer ones are hashed."""
_LOOKED_THROUGH = 1000
"""Names of a record that are compared with one that is missing."""


class GroupingConfig(Config):
    """What records have in common."""

    by: str | None = option(
        None,
        doc="A path to what the records of a group have in common: key, key.id, value.user, headers.tenant, "
        "topic … (a name alone is a field of the value). Unset, there are no groups.",
        importance=HIGH,
    )
    on_missing: Literal["fail", "warn", "ignore"] = option(
        "warn",
        doc="What becomes of a record that does not have the field or header. fail: it is an error. warn, "
        "ignore: as if it were null; warn tells of it once.",
    )

    def problems(self) -> Mapping[str, str]:
        if self.by is not None:
            try:
                RecordPath.parse(self.by)
            except ValueError as error:
                return {"by": str(error)}
        return {}


class Grouping:
    """Tells the group of a record. ``label()`` names the transform in messages."""

    def __init__(self, config: GroupingConfig, label: Callable[[], str]) -> None:
        self.path = None if config.by is None else RecordPath.parse(config.by)
        self._on_missing = config.on_missing
        self._label = label
        self._told = False

    def of(self, record: ConnectRecord) -> str | None:
        """The name of the record's group; None without a path, or where nothing or a null stands there."""
        if self.path is None:
            return None
        if record.value is None and self.path.place == "value":
            return None
        found = self.path.find_in(record)
        if type(found) is Gone:
            self._missing(found)
            return None
        return None if found is None else group_name(found)

    def _missing(self, gone: Gone) -> None:
        if self._on_missing == "ignore" or (self._on_missing == "warn" and self._told):
            return
        assert self.path is not None
        names = [name for _, name in zip(range(_LOOKED_THROUGH), gone.known) if isinstance(name, str)]
        hint = did_you_mean(gone.name, names)
        if self._on_missing == "fail":
            raise DataError(f"There is no '{shortened(self.path.text)}' to go by{hint}", path=self.path.where)
        self._told = True
        text = "%s: the configured '%s' is not in the record%s"
        log.warning(text, self._label(), shortened(self.path.text), hint)


def group_name(value: Any) -> str:
    """A short text for a value that is not null; values of equal texts share it."""
    text = value if isinstance(value, str) else text_of(value)
    if len(text) <= _SHORT:
        return text
    return "\0" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
