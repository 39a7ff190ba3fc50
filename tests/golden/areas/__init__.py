"""Which module runs which op. To add an area: a module with ``run(case) -> Outcome``, and its ops here."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.golden.compare import Outcome

# Each op has an area, under which it is counted, and a module.
_PRIMITIVES = ("string", "bytes", "boolean", "short", "integer", "long", "float", "double")
OPS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "builder", "schema-get", "schema-equals", "struct-equals", "validate", "struct", "project",
            "logical-from", "logical-to", "headers",
        ),
        ("datamodel", "datamodel"),
    ),
    **dict.fromkeys(("parse", "convert", "to-string", "infer"), ("values", "values")),
    **dict.fromkeys(("header-from", "header-to"), ("values", "simple_header")),
    **{f"{name}-{way}": ("primitives", "primitives") for name in _PRIMITIVES for way in ("from", "to")},
    **dict.fromkeys(("json-from", "json-to", "json-config"), ("json", "json")),
    **dict.fromkeys(("avro-from", "avro-to", "avro-schema-from", "avro-schema-to"), ("avro", "avro")),
    **dict.fromkeys(
        ("proto-from", "proto-to", "proto-schema-from", "proto-schema-to", "proto-print", "proto-indexes"),
        ("protobuf", "protobuf"),
    ),
    **dict.fromkeys(("smt", "smt-seq"), ("smt", "smt")),
    "predicate": ("predicate", "smt"),
    "chain": ("smt-chain", "smt"),
    "rest": ("rest", "rest"),
    "plugins": ("plugins", "plugins"),
    **dict.fromkeys(("config-validate", "entry"), ("config-validate", "config_validate")),
}  # fmt: skip


def op_of(case: dict[str, Any]) -> Any:
    """The op of a case; ``validate`` is the same word for a schema's and for a configuration's."""
    op = case.get("op")
    return "config-validate" if op == "validate" and "plugin" in case else op


def area_of(case: dict[str, Any]) -> str:
    """The area a case is counted under."""
    op = op_of(case)
    if op in ("smt", "smt-seq") and str(case.get("class", "")).startswith("io.debezium."):
        return "smt-debezium"
    return OPS[op][0] if isinstance(op, str) and op in OPS else f"unknown-op-{op}"


def run(case: dict[str, Any]) -> Outcome:
    """Run one case through its area. An op that nobody knows is a failure, as is any stray exception."""
    op = op_of(case)
    if not isinstance(op, str) or op not in OPS:
        return f"no area runs the op {op!r}"
    runner: Callable[[dict[str, Any]], Outcome] = import_module(f"tests.golden.areas.{OPS[op][1]}").run
    return runner(case)
