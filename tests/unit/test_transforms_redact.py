"""Redact: what stands in place of what was found, in which texts, and that nothing slips through."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError, LimitError
from connectkit.plugin import plugins
from connectkit.record import SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.testing import code_of
from connectkit.transforms.redact import Redact, RedactConfig, Redactor
from connectkit.validation import validate_value
from tests.strategies import pairs

CARD, MAIL = "4111 1111 1111 1111", "bob@example.org"
BOTH = {"patterns": "card,email", "action": "replace"}

INNER = SchemaBuilder.struct().field("note", Schema.OPTIONAL_STRING).field("n", Schema.INT32).build()
ORDER = (
    SchemaBuilder.struct().name("Order").field("id", Schema.INT64).field("text", Schema.STRING)
    .field("inner", INNER).field("tags", SchemaBuilder.array(Schema.STRING).build())
    .field("more", SchemaBuilder.map(Schema.STRING, Schema.STRING).optional().build())
    .field("raw", Schema.BYTES)
    .build()
)  # fmt: skip


def redactor(**options: str) -> Redactor:
    raw = {**BOTH, **{key.replace("_", "."): value for key, value in options.items()}}
    return Redactor(RedactConfig.parse(raw))


def order() -> Struct:
    inner = Struct(INNER).put("note", f"of {MAIL}").put("n", 1)
    made = Struct(ORDER).put("id", 4111111111111111).put("text", f"paid by {CARD}!").put("inner", inner)
    return made.put("tags", ["a", MAIL]).put("more", {MAIL: MAIL}).put("raw", CARD.encode())


def run(options: dict[str, str], value: Any, schema: Schema | None = None) -> Any:
    transform = Redact(RedactConfig.parse(options))
    record = SourceRecord({}, {}, "t", schema, value)
    before = code_of(value)  # told as code, a NaN is equal, too
    results = [transform.apply(record) for _ in range(4)]
    assert code_of(record.value) == before
    assert len(set(map(code_of, results))) == 1
    assert results[0].value_schema is schema  # type: ignore[union-attr]
    return results[0].value  # type: ignore[union-attr]


# --- actions


def test_replace() -> None:
    assert redactor().text(f"{MAIL} paid {CARD}.") == "[email] paid [card]."
    assert redactor(replacement="").text(f"<{MAIL}>") == "<>"
    assert redactor(replacement=r"\1 {pattern}{x}").text(MAIL) == r"\1 email{x}"


def test_mask() -> None:
    assert redactor(action="mask").text(f"{MAIL}, {CARD}") == "***@*******.***, **** **** **** ****"
    assert redactor(action="mask", mask_keep_last="4").text(CARD) == "**** **** **** 1111"
    assert redactor(action="mask", mask_keep_last="99").text("a1@b.cd") == "**@*.cd"  # two of five
    assert redactor(action="mask", mask_character="█").text(MAIL) == "███@███████.███"


def test_hash() -> None:
    plain = hashlib.sha256(b"4111111111111111").hexdigest()
    assert redactor(action="hash").text(f"{CARD};{CARD.replace(' ', '-')}") == f"{plain};{plain}"
    keyed = hmac.new(b"k", b"bob@example.org", hashlib.sha256).hexdigest()
    made = redactor(action="hash", hash_key="k", hash_chars="12")
    assert made.text("Bob@Example.org") == keyed[:12]
    assert "'k'" not in repr(RedactConfig.parse({**BOTH, "hash.key": "k"}))


def test_a_text_without_anything_is_the_same_object() -> None:
    text = "nothing 12 here: at all"
    assert redactor().text(text) is text
    assert redactor().value([text, {"a": text}]) == [text, {"a": text}]


def test_what_two_patterns_find_parts_of_goes_as_one() -> None:
    made = redactor(**{"pattern.tail": r"example\.org \w+", "pattern.in": "xampl"})
    assert made.text(f"to {MAIL} today, friend") == "to [email], friend"


def test_patterns_of_ones_own() -> None:
    made = Redactor(RedactConfig.parse({"pattern.order": r"\bORD-(\d+)\b", "action": "replace"}))
    assert made.text("see ORD-123 and ORD-x") == "see [order] and ORD-x"
    assert made.text("none") == "none"


def test_hashes_are_not_searched_again() -> None:
    made = redactor(action="hash", **{"pattern.hex": "[0-9a-f]+x?"})
    text = made.text("abc")
    assert text == hashlib.sha256(b"abc").hexdigest()


# --- where


def test_every_text_of_a_struct() -> None:
    made = run(BOTH, order(), ORDER)
    validate_value(ORDER, made, "v")
    assert made["text"] == "paid by [card]!"
    assert (made["inner"]["note"], made["inner"]["n"]) == ("of [email]", 1)
    assert made["tags"] == ["a", "[email]"]
    assert made["more"] == {MAIL: "[email]"}
    assert (made["id"], made["raw"]) == (4111111111111111, CARD.encode())


def test_every_text_of_a_map() -> None:
    value = {"a": MAIL, "b": [1, None, {"c": (CARD, 2.5)}], "d": CARD.encode(), MAIL: 4111111111111111}
    assert run(BOTH, value) == {
        "a": "[email]",
        "b": [1, None, {"c": ["[card]", 2.5]}],
        "d": CARD.encode(),
        MAIL: 4111111111111111,
    }


@pytest.mark.parametrize("schema", [None, Schema.STRING, Schema.OPTIONAL_STRING])
def test_a_value_that_is_text(schema: Schema | None) -> None:
    assert run(BOTH, f"by {MAIL}", schema) == "by [email]"


@pytest.mark.parametrize(
    ("value", "schema"), [(None, None), (None, Schema.OPTIONAL_STRING), (7, Schema.INT32)]
)
def test_what_is_no_text_passes(value: Any, schema: Schema | None) -> None:
    assert run(BOTH, value, schema) == value


def test_only_the_fields_that_are_named() -> None:
    made = run({**BOTH, "fields": "inner.note, tags[*]"}, order(), ORDER)
    assert (made["inner"]["note"], made["tags"], made["text"]) == (
        "of [email]",
        ["a", "[email]"],
        f"paid by {CARD}!",
    )
    made = run({**BOTH, "fields": "inner"}, order(), ORDER)
    assert (made["inner"]["note"], made["more"]) == ("of [email]", {MAIL: MAIL})
    value = {"a": MAIL, "b": [{"c": MAIL, "d": MAIL}], "e": {"f": MAIL}}
    assert run({**BOTH, "fields": "b[*].c,e.*"}, value) == {
        "a": MAIL,
        "b": [{"c": "[email]", "d": MAIL}],
        "e": {"f": "[email]"},
    }


@pytest.mark.parametrize("schema", [None, ORDER])
def test_a_field_that_is_missing(schema: Schema | None, caplog: pytest.LogCaptureFixture) -> None:
    value: Any = {"text": MAIL} if schema is None else order()
    assert run({**BOTH, "fields": "textt"}, value, schema) == value
    assert "textt" in caplog.text
    with pytest.raises(DataError, match="did you mean 'text'"):
        run({**BOTH, "fields": "textt", "on.missing": "fail"}, value, schema)


def test_names_of_the_plugin() -> None:
    for name, side in (("Redact", "value"), ("Redact$Value", "value"), ("Redact$Key", "key")):
        transform = plugins.create("transform", name, BOTH)
        assert isinstance(transform, Redact)
        assert transform.side == side
    made = plugins.create("transform", "Redact$Key", BOTH).apply(
        SourceRecord({}, {}, "t", None, MAIL, key=MAIL)
    )
    assert (made.key, made.value) == ("[email]", MAIL)


# --- bounds


def test_a_text_that_is_too_long_does_not_pass() -> None:
    options = {**BOTH, "max.chars": "10"}
    assert run(options, {"a": "x" * 10}) == {"a": "x" * 10}
    with pytest.raises(LimitError, match="10 characters"):
        run(options, {"a": "x" * 11})


def test_a_text_too_long_for_a_pattern_does_not_pass() -> None:
    made = Redactor(RedactConfig.parse({"pattern.slow": "a.*b.*c.*d"}))
    assert made.text("a1b2c3d") == "*******"
    with pytest.raises(LimitError, match="'slow'"):
        made.text("abc" * 10_000)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}])
def test_a_value_nested_too_deeply_does_not_pass(wrap: Any) -> None:
    value: Any = MAIL
    for _ in range(10_000):
        value = wrap(value)
    transform = Redact(RedactConfig.parse(BOTH))
    with pytest.raises(LimitError, match="nested too deeply"):
        transform.apply(SourceRecord({}, {}, "t", None, {"a": value}))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "patterns"),
        ({"patterns": "e-mail"}, "patterns"),
        ({"patterns": "email", "fields": "`a"}, "fields"),
        ({"patterns": "email", "mask.character": "**"}, "mask.character"),
        ({"patterns": "email", "hash.chars": "4"}, "hash.chars"),
        ({"patterns": "email", "action": "hash", "hash.key": ""}, "hash.key"),
        ({"pattern.x": "(a+)+"}, "pattern.x"),
        ({"pattern.x": "a*"}, "pattern.x"),
        ({"pattern.x": "("}, "pattern.x"),
        ({"pattern.a b": "x"}, "pattern.a b"),
        ({"patterns": "email", "pattern.email": "x"}, "pattern.email"),
    ],
)
def test_problems(options: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RedactConfig.parse(options)
    assert list(caught.value.problems) == [key]


# --- laws


@given(st.data())
def test_values_still_fit_their_schemas_and_nothing_is_found_twice(data: st.DataObject) -> None:
    schema, value = data.draw(pairs())
    options = {"patterns": "card,email,iban,ipv4,ipv6,phone,ssn", "action": "replace", "replacement": "[x]"}
    made = run(options, value, schema)
    if made is not None:
        validate_value(schema, made, "v")
    assert code_of(run(options, made, schema)) == code_of(made)


@given(st.lists(st.sampled_from([MAIL, CARD, "x", " ", "10.0.0.1", "; "])))
def test_no_part_of_what_is_named_stays(parts: list[str]) -> None:
    text = " ".join(parts)
    made = redactor(patterns="card,email,ipv4").text(text)
    for secret in (MAIL, CARD, "10.0.0.1"):
        assert secret not in made
