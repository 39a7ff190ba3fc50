"""Confluent's Filter: keeps or drops records for which a JSONPath leads somewhere."""

from __future__ import annotations

from typing import Any, Literal

from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, Side, SideName
from connectkit.edit import SideTransform
from connectkit.errors import DataError
from connectkit.transforms.jsonpath import compile_path


def is_jsonpath(text: str) -> str | None:
    """What is wrong with a JSONPath, for an option's check."""
    try:
        compile_path(text)
    except ValueError as error:
        return str(error)
    return None


class ConfluentFilterConfig(Config):
    """Which records to look for, and what to do with them."""

    filter_condition: str = option(
        doc="A JSONPath; it matches where it leads to something, such as $.order[?(@.total > 100)].",
        check=is_jsonpath,
        importance=HIGH,
    )
    filter_type: Literal["include", "exclude"] = option(
        doc="Whether matching records are the ones to keep or the ones to drop.", importance=HIGH
    )
    missing_or_null_behavior: Literal["fail", "include", "exclude"] = option(
        "fail",
        doc="What to do with a record in which a field in front of the condition is missing or null. "
        "Inside [?(…)] such a field satisfies no comparison.",
        importance=MEDIUM,
    )


class ConfluentFilter(SideTransform[ConfluentFilterConfig]):
    """Keep, or drop, the records that a JSONPath matches."""

    java_names = ("io.confluent.connect.transforms.Filter",)
    purpose = "filtering"

    def __init__(self, config: ConfluentFilterConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._path = compile_path(config.filter_condition)
        self._keeps_matches = config.filter_type == "include"

    def edit_side(self, draft: Draft, side: Side) -> None:
        _, dropped = draft.split(draft.call(self._keeps, side.whole()))
        dropped.drop()

    def _keeps(self, value: Any) -> bool:
        found = self._path.matches(value)
        if found is not None:
            return found is self._keeps_matches
        behavior = self.config.missing_or_null_behavior
        if behavior == "fail":
            raise DataError(
                f"The {self.side} has no value where filter.condition starts from; "
                "missing.or.null.behavior can include or exclude such records",
                path=self._path.start,
            )
        return behavior == "include"
