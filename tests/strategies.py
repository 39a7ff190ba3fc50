"""The kit's strategies as the project's own tests want them: wider than what connectors must stand.

Schemas without defaults and with maps whose keys may be null, and values beyond the years that Python knows
(``Instant``). Texts, numbers and hostile names are those of :mod:`connectkit.testing.strategies`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from connectkit.schema import Schema
from connectkit.testing import strategies as kit

NAMES = kit.names()
_DEPTH = 8
"""Deeper than any schema here, so that only recursive ones are cut."""


@cache
def schemas(depth: int = 2) -> st.SearchStrategy[Schema]:
    """A schema nested at most so deep, with any attributes but a default."""
    return kit.schemas(depth=depth, defaults=False, null_keys=True)


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """Values that fit the schema."""
    return kit.values(schema, depth=_DEPTH, wide=True)


@st.composite
def pairs(draw: st.DrawFn, depth: int = 2) -> tuple[Schema, Any]:
    """A schema with a value that fits it."""
    schema = draw(schemas(depth))
    return schema, draw(values(schema))
