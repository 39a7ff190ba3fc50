"""What differs between two configurations of a connector, with values as they may be shown. Immutable.

Told by the worker's own plan and by the client, which plans for workers that have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Config = Mapping[str, str | None]
How = Literal["added", "removed", "changed", "unknown"]


@dataclass(frozen=True, slots=True)
class Change:
    """One option that differs. Values are as they may be shown; None where there is none."""

    key: str
    how: How
    """*unknown*: nobody can say, since a worker shows something else in its place."""
    old: str | None = None
    new: str | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"key": self.key, "change": self.how}
        if self.how != "added":
            found["old"] = self.old
        if self.how != "removed":
            found["new"] = self.new
        return found


def option_changes(old: Config, new: Config, shown_old: Config, shown_new: Config) -> list[Change]:
    """One entry for each key that differs, in the keys' order."""
    found = []
    for key in sorted({*old, *new}):
        if key not in old:
            found.append(Change(key, "added", None, shown_new[key]))
        elif key not in new:
            found.append(Change(key, "removed", shown_old[key], None))
        elif old[key] != new[key]:
            found.append(Change(key, "changed", shown_old[key], shown_new[key]))
    return found
