"""Pairs of an old and a new schema, by what a schema registry calls their relation."""

from __future__ import annotations

from typing import Literal

from hypothesis import strategies as st

from connectkit.schema import Schema, Type
from connectkit.testing.strategies.names import identifiers
from connectkit.testing.strategies.schemas import default_value, schemas, struct_builder

Compatibility = Literal["BACKWARD", "FORWARD", "FULL", "NONE"]


@st.composite
def evolutions(
    draw: st.DrawFn,
    compatibility: Compatibility = "BACKWARD",
    *,
    of: st.SearchStrategy[Schema] | None = None,
    field_names: st.SearchStrategy[str] | None = None,
) -> tuple[Schema, Schema]:
    """An old and a new schema of one struct, related as a schema registry calls it.

    BACKWARD: who has the new one reads data of the old (fields go, and come with a default). FORWARD:
    the other way round. FULL: both (only fields with a default come and go). NONE: a field changes its type.
    """
    inner = (
        of if of is not None else schemas(depth=1, defaults=False, attributes=False, field_names=field_names)
    )
    named = field_names if field_names is not None else identifiers()
    wanted = st.dictionaries(named, inner, min_size=1, max_size=4)
    base: dict[str, Schema] = draw(wanted)
    fresh = draw(wanted)
    extra = {name: schema for name, schema in fresh.items() if name not in base}
    with_default = {name: _with_default(draw, schema) for name, schema in extra.items()}
    if compatibility == "NONE":
        name = draw(st.sampled_from(sorted(base)))
        other = Schema.INT64 if base[name].type is Type.STRING else Schema.STRING
        return _order(base), _order({**base, name: other})
    if compatibility == "FULL":
        gone = {f"{name}_gone": _with_default(draw, Schema.STRING) for name in sorted(base)[:1]}
        return _order({**base, **gone}), _order({**base, **with_default})
    kept = {n: s for n, s in base.items() if len(base) == 1 or draw(st.booleans())} or base
    wide, narrow = _order(base), _order({**kept, **with_default})
    return (wide, narrow) if compatibility == "BACKWARD" else (narrow, wide)


def _with_default(draw: st.DrawFn, schema: Schema) -> Schema:
    if schema.optional or schema.default is not None:
        return schema
    return schema.to_builder().default(default_value(draw, schema)).build()


def _order(fields: dict[str, Schema]) -> Schema:
    return struct_builder(fields).name("Order").build()
