"""What holds for every transform of Apache's, whatever the schema, the names and the values.

Schema and value agree; the record given is not changed; a transform alone does what it does in a chain,
interpreted or compiled; tombstones follow the policy; and a name never becomes code.
"""

from __future__ import annotations

import builtins
import io
import keyword
import linecache
import tokenize
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.headers import Headers
from connectkit.plugin import plugins
from connectkit.record import ConnectRecord, SinkRecord
from connectkit.runner.chain import Chain
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.validation import validate_value
from tests.strategies import NAMES, schemas, values

HOSTILE = st.sampled_from(
    [
        "a b", "'", '"', "\\", "\n", "{x}", "class", "def", "None", "__class__", "k0", "v0", "r", "n",
        "x'); canary('", '"""', "canary()", "é", "\u2028", "\x00", "a" * 10_000, "${x}", "`", "a.b", "*",
        "[0]",
    ]
)  # fmt: skip
ANY_NAME = HOSTILE | NAMES | st.text(min_size=1, max_size=12)


@st.composite
def structs(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> tuple[Schema, Any]:
    """A struct schema with a value of it."""
    fields = draw(st.dictionaries(names, schemas(1), min_size=1, max_size=4))
    builder = SchemaBuilder.struct()
    for name, schema in fields.items():
        builder.field(name, schema)
    schema = builder.build()
    return schema, Struct.of(schema, [draw(values(field.schema)) for field in schema.fields])


def as_map(value: Any) -> Any:
    if isinstance(value, Struct):
        return {field.name: as_map(value.values[field.index]) for field in value.schema.fields}
    if isinstance(value, list):
        return [as_map(item) for item in value]
    if isinstance(value, dict):
        return {key: as_map(item) for key, item in value.items()}
    return value


def steps(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A transform with options, about these names and one that is not there."""
    name = st.sampled_from([*names, "missing"])
    some = st.lists(name, min_size=1, max_size=3, unique=True).map(",".join)
    kind = st.sampled_from(["int8", "int32", "int64", "float64", "string", "boolean"])
    version = st.sampled_from(["V1", "V2"])
    plain = st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("MaskField"), "fields": some, "field.syntax.version": version}
        ),
        st.fixed_dictionaries({"type": st.just("MaskField"), "fields": some, "replacement": st.just("12")}),
        st.fixed_dictionaries(
            {"type": st.just("ReplaceField"), "exclude": some, "field.syntax.version": version}
        ),
        st.fixed_dictionaries({"type": st.just("ReplaceField"), "include": some}),
        st.fixed_dictionaries({"type": st.just("ReplaceField"), "renames": name.map("{}:renamed".format)}),
        st.fixed_dictionaries({"type": st.just("Cast"), "spec": st.builds("{}:{}".format, name, kind)}),
        st.fixed_dictionaries(
            {
                "type": st.just("InsertField"),
                "topic.field": name.map("new-{}".format),
                "offset.field": st.just("at!"),
                "timestamp.field": st.just("when"),
            }
        ),
        st.fixed_dictionaries({"type": st.just("Flatten"), "delimiter": st.sampled_from([".", "_", ""])}),
        st.fixed_dictionaries({"type": st.just("HoistField"), "field": name}),
        st.fixed_dictionaries(
            {"type": st.just("ExtractField"), "field": name, "field.syntax.version": version}
        ),
        st.fixed_dictionaries({"type": st.just("SetSchemaMetadata"), "schema.name": name}),
        st.fixed_dictionaries(
            {
                "type": st.just("TimestampConverter"),
                "field": name,
                "target.type": st.sampled_from(["unix", "Timestamp", "Date", "Time"]),
            }
        ),
        st.fixed_dictionaries(
            {
                "type": st.just("HeaderFrom"),
                "fields": name,
                "headers": name,
                "operation": st.sampled_from(["move", "copy"]),
            }
        ),
    )
    sided = st.builds(lambda step: {**step, "type": step["type"] + "$Value"}, plain)
    return sided | st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("ValueToKey"), "fields": some, "field.syntax.version": version}
        ),
        st.fixed_dictionaries({"type": st.just("DropHeaders"), "headers": some}),
        st.fixed_dictionaries(
            {"type": st.just("InsertHeader"), "header": name, "value.literal": st.just("[1,2]")}
        ),
        st.fixed_dictionaries(
            {"type": st.just("RegexRouter"), "regex": st.just("(t)opic"), "replacement": st.just("$1$1")}
        ),
        st.fixed_dictionaries({"type": st.just("TimestampRouter")}),
    )


def record(schema: Schema | None, value: Any) -> SinkRecord:
    headers = Headers().add_string("h", "x")
    return SinkRecord("topic", 1, Schema.STRING, "k", schema, value, 5, timestamp=99, headers=headers)


def chain(raw: list[dict[str, Any]], *, alias: str = "t") -> Chain | None:
    """The chain, or None if the names make a configuration that is refused."""
    config: dict[str, Any] = {"transforms": ",".join(f"{alias}{i}" for i in range(len(raw)))}
    for number, step in enumerate(raw):
        config.update({f"transforms.{alias}{number}.{key}": value for key, value in step.items()})
    try:
        return Chain.build(config, plugins)
    except ConfigError:
        return None


def outcome(run: Any, given: Any) -> Any:
    """What comes out, or the class of the error. Errors must be connectkit's own."""
    try:
        return run(given)
    except DataError:
        return DataError
    except ConnectError:
        return ConnectError


def check_agrees(out: Any) -> None:
    if isinstance(out, ConnectRecord):
        for schema, value in ((out.key_schema, out.key), (out.value_schema, out.value)):
            if schema is not None and not (value is None and schema.default is not None):
                validate_value(schema, value, None)


@given(st.data(), structs(), st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_alone_in_a_chain_interpreted_and_compiled_it_is_the_same(
    data: Any, pair: tuple[Schema, Any], with_schema: bool
) -> None:
    schema, value = pair
    raw = data.draw(st.lists(steps([field.name for field in schema.fields]), min_size=1, max_size=3))
    whole = chain(raw)
    if whole is None:
        return
    given_record = record(schema, value) if with_schema else record(None, as_map(value))
    before = deepcopy(given_record.value)
    alone: Any = given_record
    for step in whole.steps:
        alone = outcome(step.transform.apply, alone)
        check_agrees(alone)
        if not isinstance(alone, ConnectRecord):
            break
    for _ in range(3):
        assert outcome(whole.apply, given_record) == alone
        many = outcome(whole.apply_batch, [given_record, given_record])
        assert many == ([alone, alone] if isinstance(alone, ConnectRecord | None) else alone)
    assert given_record == record(given_record.value_schema, before), "the record given was changed"


@given(st.data(), structs(ANY_NAME))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_names_go_through_and_none_becomes_code(data: Any, pair: tuple[Schema, Any]) -> None:
    called: list[object] = []
    builtins.canary = called.append  # type: ignore[attr-defined]
    try:
        schema, value = pair
        names = [field.name for field in schema.fields]
        raw = data.draw(st.lists(steps(names), min_size=1, max_size=2))
        alias = data.draw(ANY_NAME.filter(lambda text: "," not in text and text == text.strip()))
        linecache.clearcache()
        made = chain(raw, alias=alias)
        if made is None:
            return
        for given_record in (record(schema, value), record(None, as_map(value))):
            for _ in range(3):
                check_agrees(outcome(made.apply, given_record))
        for name, entry in linecache.cache.items():
            if name.startswith("<connectkit "):
                check_source("".join(entry[2]))  # type: ignore[misc]  # ours have no lazy entries
    finally:
        del builtins.canary  # type: ignore[attr-defined]
    assert not called


_OWN_NAMES = frozenset(
    """make edit records append repr r n h o z dict float int bool type isinstance copy get pop values schema
    key value key_schema value_schema topic kafka_partition kafka_offset timestamp timestamp_type headers
    source_partition source_offset _headers _origin duplicate new_record""".split()
)


def check_source(text: str) -> None:
    """Only our own identifiers, no texts at all."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        assert token.type != tokenize.STRING, token.string[:40]
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            known = token.string in _OWN_NAMES or (token.string[0] in "kqvtx" and token.string[1:].isdigit())
            assert known, f"generated code has the name {token.string[:40]!r}"


# --- tombstones


@pytest.mark.parametrize("schema", [None, Schema.OPTIONAL_STRING], ids=["map", "schema"])
@given(step=steps(["a", "b"]))
@settings(max_examples=40, deadline=None)
def test_a_null_is_treated_as_the_transform_declares(schema: Schema | None, step: dict[str, Any]) -> None:
    made = chain([step])
    if made is None:
        return
    tombstone = record(schema, None)
    policy = made.steps[0].transform.nulls  # type: ignore[attr-defined]  # all of these are edits
    assert policy in ("pass", "edit", "refuse", "unseen")
    out = outcome(made.apply, tombstone)
    if policy == "pass":
        assert out is tombstone
    elif policy == "refuse":
        assert out is DataError
    elif policy == "unseen":
        assert (out.value_schema, out.value) == (schema, None)


_UNCHANGED = [
    ("Cast$Value", {"spec": "a:string"}),
    ("Flatten$Value", {}),
    ("InsertField$Value", {"topic.field": "t"}),
    ("ReplaceField$Value", {"exclude": "a"}),
    ("Cast$Value", {"spec": "a.b:string", "field.syntax.version": "V2"}),
    ("ReplaceField$Value", {"exclude": "a.b", "field.syntax.version": "V2"}),
]
_REFUSED = [
    ("MaskField$Value", {"fields": "a"}),
    ("HeaderFrom$Value", {"fields": "a", "headers": "h", "operation": "copy"}),
    ("ValueToKey", {"fields": "a"}),
    ("MaskField$Value", {"fields": "a.b", "field.syntax.version": "V2"}),
]
_NOT_LOOKED_AT = [
    ("RegexRouter", {"regex": "topic", "replacement": "topic"}),
    ("TimestampRouter", {"topic.format": "${topic}"}),
    ("InsertHeader", {"header": "i", "value.literal": "1"}),
    ("DropHeaders", {"headers": "h"}),
]
STRUCT = SchemaBuilder.struct().field("a", Schema.OPTIONAL_STRING).optional().build()


@pytest.mark.parametrize("schema", [None, STRUCT], ids=["map", "struct"])
@pytest.mark.parametrize(("name", "config"), [*_UNCHANGED, *_NOT_LOOKED_AT])
def test_tombstones_pass(name: str, config: dict[str, str], schema: Schema | None) -> None:
    transform = plugins.create("transform", name, config)
    for _ in range(3):
        tombstone = record(schema, None)
        made = transform.apply(tombstone)
        assert (made.value_schema, made.value) == (schema, None)
        if (name, config) in _UNCHANGED:
            assert made is tombstone


@pytest.mark.parametrize("schema", [None, STRUCT], ids=["map", "struct"])
@pytest.mark.parametrize(("name", "config"), _REFUSED)
def test_tombstones_are_refused_where_a_field_is_needed(
    name: str, config: dict[str, str], schema: Schema | None
) -> None:
    transform = plugins.create("transform", name, config)
    for _ in range(3):
        with pytest.raises(DataError, match="null"):
            transform.apply(record(schema, None))


def test_tombstones_stay_null_where_the_schema_follows_the_edit() -> None:
    extracted = plugins.create("transform", "ExtractField$Value", {"field": "a"}).apply(record(STRUCT, None))
    assert (extracted.value_schema, extracted.value) == (Schema.OPTIONAL_STRING, None)
    named = plugins.create("transform", "SetSchemaMetadata$Value", {"schema.name": "n"})
    made = named.apply(record(STRUCT, None))
    assert (made.value_schema.name, made.value) == ("n", None)
    hoisted = plugins.create("transform", "HoistField$Value", {"field": "f"}).apply(record(None, None))
    assert hoisted.value == {"f": None}
