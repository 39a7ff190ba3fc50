"""Which differences of JSON schemas keep old data from being read, by Confluent's names for them.

Source: spec registry 7 (Confluent's strict policy). Constants and a pure function.
"""

from __future__ import annotations

from typing import Final


def _kinds(stem: str, *changes: str) -> list[str]:
    return [f"{stem}_{change}" for change in changes]


COMPATIBLE: Final = frozenset(
    [
        "ID_CHANGED", "DESCRIPTION_CHANGED", "TITLE_CHANGED", "DEFAULT_CHANGED", "SCHEMA_REMOVED",
        "TYPE_EXTENDED", "PATTERN_REMOVED", "UNIQUE_ITEMS_REMOVED", "ENUM_ARRAY_EXTENDED",
        "COMBINED_TYPE_EXTENDED", "PRODUCT_TYPE_NARROWED", "SUM_TYPE_EXTENDED", "NOT_TYPE_NARROWED",
        "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED", "REQUIRED_ATTRIBUTE_REMOVED",
        "DEPENDENCY_ARRAY_NARROWED", "DEPENDENCY_ARRAY_REMOVED", "DEPENDENCY_SCHEMA_REMOVED",
        "PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL",
        "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL",
        "OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
        "ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL", "ITEM_ADDED_TO_CLOSED_CONTENT_MODEL",
        *(
            f"{what}_{how}"
            for what in ("PROPERTY", "ITEM")
            for how in (
                "WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL", "REMOVED_FROM_OPEN_CONTENT_MODEL",
                "ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
                "REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
            )
        ),
        *(
            kind
            for stem in (
                "MAX_LENGTH", "MAXIMUM", "EXCLUSIVE_MAXIMUM", "MAX_PROPERTIES", "MAX_ITEMS", "MAX_CONTAINS",
            )
            for kind in _kinds(stem, "INCREASED", "REMOVED")
        ),
        *(
            kind
            for stem in (
                "MIN_LENGTH", "MINIMUM", "EXCLUSIVE_MINIMUM", "MIN_PROPERTIES", "MIN_ITEMS", "MIN_CONTAINS",
            )
            for kind in _kinds(stem, "DECREASED", "REMOVED")
        ),
        *_kinds("MULTIPLE_OF", "REDUCED", "REMOVED"),
        *(
            kind
            for stem in (
                "ADDITIONAL_PROPERTIES", "UNEVALUATED_PROPERTIES", "ADDITIONAL_ITEMS", "UNEVALUATED_ITEMS",
            )
            for kind in _kinds(stem, "ADDED", "EXTENDED")
        ),
    ]
)  # fmt: skip
"""What may change between two versions."""

_ENDINGS: Final = (
    ("TO_OPEN_CONTENT_MODEL", "is new, and old data may have anything under that name"),
    ("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", "is new and required, and old data lack it"),
    ("FROM_CLOSED_CONTENT_MODEL", "is gone, and the new schema allows nothing that it does not list"),
    ("NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "does not fit what is said of unlisted members"),
    ("REQUIRED_ATTRIBUTE_ADDED", "is now required, and old data may lack it"),
    ("TYPE_NARROWED", "allows fewer values than before"),
    ("TYPE_EXTENDED", "demands more than before"),
    ("_NARROWED", "allows fewer values than before"),
    ("_ADDED", "is a restriction that was not there"),
    ("_REMOVED", "no longer allows what it did"),
    ("_INCREASED", "is larger than before"),
    ("_DECREASED", "is smaller than before"),
    ("_EXPANDED", "is a multiple of what it was"),
    ("_EXTENDED", "demands more than before"),
    ("_CHANGED", "is another than before"),
)


def sentence(kind: str, path: str) -> str:
    """What is wrong, in one sentence."""
    words = next((words for ending, words in _ENDINGS if kind.endswith(ending)), "differs")
    return f"What stands at '{path}' {words}"
