"""Hypothesis strategies: schemas, values that fit them or do not, records, evolutions, bytes.

Everything shrinks towards few, short and plain parts. Values can be printed as code with
:func:`connectkit.testing.code.code_of`.
"""

from connectkit.testing.strategies.evolution import Compatibility, evolutions
from connectkit.testing.strategies.names import hostile_names, identifiers, names
from connectkit.testing.strategies.noise import BLOBS, noise
from connectkit.testing.strategies.records import (
    bare_pairs,
    headers,
    ordinary_records,
    pairs,
    records,
    sink_records,
    source_records,
)
from connectkit.testing.strategies.schemas import KINDS, PRIMITIVES, Kind, schemas
from connectkit.testing.strategies.siblings import siblings
from connectkit.testing.strategies.types import typed_values
from connectkit.testing.strategies.values import hostile_values, schemaless, values

__all__ = [
    "BLOBS", "KINDS", "PRIMITIVES", "Compatibility", "Kind", "bare_pairs", "evolutions", "headers",
    "hostile_names", "hostile_values", "identifiers", "names", "noise", "ordinary_records", "pairs",
    "records", "schemaless", "schemas", "siblings", "sink_records", "source_records", "typed_values",
    "values",
]  # fmt: skip
