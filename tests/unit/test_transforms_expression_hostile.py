"""Expressions that import, reach out, run away or lie about their names: refused, and at once."""

from __future__ import annotations

import builtins
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectkit.builder import SchemaBuilder
from connectkit.errors import ConfigError, DataError
from connectkit.headers import Headers
from connectkit.logical import TIMESTAMP, decimal_schema
from connectkit.record import SinkRecord, SourceRecord
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.transforms.expression import Expression, ExpressionConfig
from connectkit.transforms.expression.functions import FUNCTIONS, METHODS

BOUND_S = 5.0  # of the processor, not of the clock on the wall: the machine may be busy
"""Far more than any of these may take: the point is that none takes for ever."""


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        ExpressionConfig.parse({"expression": text}, where="transforms.e")
    (sentence,) = caught.value.problems["transforms.e.expression"]
    assert len(sentence) < 700
    return sentence


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("import os", "nothing can be imported"),
        ("from os import system", "nothing can be imported"),
        ("value.x = __import__('os').system('true')", "there is no method 'system'"),
        ("value.x = __import__('os')", "double underscores"),
        ("value.x = eval('1')", "there is no function 'eval'"),
        ("value.x = exec('1')", "there is no function 'exec'"),
        ("value.x = open('/etc/passwd')", "there is no function 'open'"),
        ("value.x = getattr(value, 'x')", "value['name']"),
        ("value.x = globals()", "there is no function"),
        ("value.x = now()", "no clock"),
        ("value.x = ().__class__.__bases__", "double underscores|only parts of the record"),
        ("value.x = ''.__class__", "only parts of the record"),
        ("value.x = value.__class__", "double underscores"),
        ("value.x = value.__dict__['x']", "double underscores"),
        ("value.__class__ = 1", "double underscores"),
        ("__builtins__ = 1; value.x = __builtins__", "letters a to z"),
        ("value.x = 'a'.format(value)", "there is no method 'format'"),
        ("value.x = '{0.__class__}'.format_map(value)", "there is no method"),
        ("value.x = value.s.encode('x')", "there is no method"),
        ("value.x = (lambda: 1)()", "only functions and methods by name"),
        ("value.x = lambda: 1", "no function can be defined"),
        ("value.x = [y for y in value.z]", "no loops"),
        ("value.x = {y: 1 for y in value.z}", "no loops"),
        ("value.x = sum(y for y in value.z)", "no loops"),
        ("value.x = (y := 1)", "statement of its own"),
        ("value.x = yield", "'yield'"),
        ("value.x = await value.y", "'await'"),
        ("for y in value.z: value.x = y", "no loops"),
        ("while True: pass", "no loops"),
        ("def f(): pass", "no function"),
        ("class C: pass", "no class"),
        ("if value.x: value.y = 1", "inside the assignment"),
        ("del value.x", "ReplaceField"),
        ("global x", "not allowed"),
        ("raise value", "not allowed"),
        ("assert value.x", "not allowed"),
        ("with value: pass", "not allowed"),
        ("try: pass\nexcept: pass", "not Python's syntax"),
        ("value.x", "does nothing"),
        ("value.x == 1", "one '='"),
        ("value.x = value.y = 1", "one thing"),
        ("value.x, value.y = 1, 2", "'tuple' is not allowed"),
        ("value.x: int = 1", "option"),
        ("value.x = 1 +", "not Python's syntax"),
        ("value.x = (1", "not Python's syntax"),
        ("value.x = 'a", "not Python's syntax"),
        ("value.x = value.a && value.b", "write 'and' and 'or'"),
        ("value.x = value.a ? 1 : 2", "a if condition else b"),
        ("drop", "needs a condition"),
        ("keep if", "statement is missing|not Python's syntax"),
        ("drop if x = 1", "condition"),
        ("offset = 3", "keeps its offset"),
        ("topic.x = 3", "no fields"),
        ("headers = 1", "one can assign to"),
        ("headers.a.b = 1", "as a whole"),
        ("value.a[0] = 1", "one can assign to"),
        ("total = value.x", "never used"),
        ("vlue.x = 1", "did you mean 'value'"),
        ("value.x = vlue.y", "did you mean 'value'"),
        ("value.x = coalese(value.y, 1)", "did you mean 'coalesce'"),
        ("value.x = value.s.uper()", "did you mean 'upper'"),
        ("value.x = upper(value.s)", "value.x.upper()"),
        ("value.x = len", "len(…)"),
        ("value.x = len(value.a, value.b)", "1 argument"),
        ("value.x = value.s.split(sep=',')", "by position"),
        ("value.x = f(*value.a)", "no function 'f'"),
        ("value.x = max(*value.a)", "cannot unpack"),
        ("value.x = 'a' * 1000000000", "texts are not repeated"),
        ("value.x = 1000000000 * 'a'", "texts are not repeated"),
        ("value.x = 'a' + 1", "str()"),
        ("value.x = 'a' < 1", "cannot compare"),
        ("value.x = 'a' == 1", "always gives the same"),
        ("value.x = 1 if value.y else 'a'", "one type"),
        ("value.x = 99999999999999999999999", "64 bits"),
        ("value.x = 1e400", "larger than any float64"),
        ("value.x = -1e400", "larger than any float64"),
        ("value.x = 1j", "complex"),
        ("value.x = b'a'", "bytes"),
        ("value.x = ...", "ellipsis"),
        ("value.x = value.a | value.b", "'and' and 'or'"),
        ("value.x = ~value.a", "'not'"),
        ("value.x = value.a @ value.b", "'and' and 'or'"),
        ("value.x = value.a is 1", "only asks for None"),
        ("value.x = f'{value.y:999999999}'", "no format"),
        ("value.x = f'{value.y:.999999999f}'", "no format"),
        ("value.x = f'{value.y:{value.z}}'", "cannot be computed"),
        ("value.x = f'{value.y!r}'", "Python's own notation"),
        ("value.x = f'{1:s}'", "does not suit"),
        ("value.x = {1: 2}", "no map"),
        ("value.x = [1, 2]", "'list' is not allowed"),
        ("value.x = 1 in (value.y, 2)", "numbers and texts only"),
        ("value.x = path(value.y)", "plain text"),
        ("value.x = path('value.`y')", "never closed"),
        ("value.x = decimal(value.y, 1000)", "plain number"),
        ("value.x = value.y[::2]", "no third part"),
        ("value.x = headers", "headers have names"),
        (";".join(["drop if value.x"] * 51), "more than 50"),
        ("value.x = headers[0]", "headers have names|looks into"),
        ("value.x = \x00", "character|syntax"),
        ("", "must not be blank"),
        ("# nothing", "nothing in the expression"),
        (";;;", "nothing in the expression"),
        # letters that look like others, or that Python reads as others
        ("v\u0430lue.x = 1", "did you mean 'value'"),
        ("value.x = v\u0430lue.y", "did you mean 'value'"),
        ("\uff56alue.x = 1", "U\\+FF56"),
        ("value.\ufb01eld = 1", "U\\+FB01"),
        ("value.x = value.\u212bngstrom", "U\\+212B"),
        ("value.x = \uff4c\uff45\uff4e(value.y)", "U\\+FF4C"),
        ("value.x = value.s.\uff55pper()", "U\\+FF55"),
    ],
)
def test_refused(text: str, hint: str) -> None:
    assert any(each.replace("\\", "") in refused(text) for each in hint.split("|"))


@pytest.mark.parametrize(
    "text",
    [
        "value.x = 1" + " " * 10_000_000,
        "value.x = " + "(" * 5_000,
        "value.x = " + "(" * 1_000 + "1" + ")" * 1_000,
        "value.x = " + "[" * 3_000 + "]" * 3_000,
        "value.x = " + "-" * 7_000 + "1",
        "value.x = " + "not " * 1_900 + "True",
        "value.x = " + "~" * 7_000 + "1",
        "value.x = " + "1 + " * 1_900 + "1",
        "value.x = " + "value.y if value.z else " * 300 + "1",
        "value.x = value" + ".a" * 3_900,
        "value.x = value" + "[0]" * 2_600,
        "value.x = value.a" + ".strip()" * 900,
        "value.x = " + "f'{" * 39 + "1" + "}'" * 39,
        "value.x = " + "len(" * 39 + "'a'" + ")" * 39 + " + " * 1_500 + "1",
        "value.x = 1;" * 660,
        "value.x = '" + "\\" * 7_900,
        '"""' + "'" * 7_900,
        "\\\n" * 4_000,
        "value." + "x" * 7_900 + " = 1",
        "value.x = value['" + "y" * 501 + "'].z and " * 100,
        "x" * 7_990,
        "value.x = 9" + "9" * 7_900,
        "value.x = 1e" + "9" * 7_900,
        "value.x = 1." + "0" * 7_900 + "e",
    ],
    ids=range(24),
)
def test_large_ones_end_soon(text: str) -> None:
    began = time.process_time()
    said = ""
    try:
        ExpressionConfig.parse({"expression": text})
    except ConfigError as error:
        said = str(error)
    assert len(said) < 700
    assert time.process_time() - began < BOUND_S


def test_nesting_that_is_allowed_also_compiles() -> None:
    """The bounds of the text are inside those of Python's compiler."""
    value = {"a": 1, "b": None}
    filters = ["keep if value.a > 0; drop if value.b"] * 25
    chained = Expression(ExpressionConfig(expression="\n".join(filters)))
    for _ in range(3):
        assert chained.apply(SourceRecord({}, {}, "t", None, dict(value))) is not None
        assert chained.apply(SourceRecord({}, {}, "t", None, {"a": 0, "b": None})) is None
    for text in (
        "value.a if value.b else " * 18 + "1",
        "coalesce(" * 20 + "value.b, 1" + ", 2)" * 19 + ")",
        "value.b or " * 150 + "value.a",
        " + ".join(["value.a"] * 55),
        "(" * 30 + "value.b or value.a" + ")" * 30,
    ):
        transform = Expression(ExpressionConfig(expression=f"value.x = {text}"))
        for _ in range(2):
            transform.apply(SourceRecord({}, {}, "t", None, dict(value)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("value.x = 10 ** 10 ** 10", {}),
        ("value.x = value.a ** value.a ** value.a", {"a": 9999}),
        ("value.x = value.a ** value.b", {"a": 1e300, "b": 1e300}),
        ("value.x = value.a * value.b", {"a": "ab", "b": 10**9}),
        ("value.x = value.a * value.b", {"a": [1], "b": 10**9}),
        ("value.x = value.a * value.b", {"a": 10**18, "b": 10**18}),
        ("value.x = value.a % value.b", {"a": "%1000000000d", "b": 1}),
        ("value.x = value.a.ljust(1000000000)", {"a": "x"}),
        ("value.x = value.a.zfill(1000000000)", {"a": "x"}),
        ("value.x = value.a.replace('', value.a)", {"a": "x" * 10_000}),
        ("value.x = value.a.join(value.b)", {"a": "x" * 10_000_000, "b": ["a", "b", "c"]}),
        ("value.x = ''.join(value.b)", {"b": ["a", 1]}),
        ("value.x = value.a.split('')", {"a": "x"}),
        ("value.x = value.a.split('x')", {"a": "x" * 1_000_001}),
        (";".join(["value.a = value.a + value.a"] * 40), {"a": "x"}),
        (";".join(["value.a = f'{value.a}{value.a}'"] * 40), {"a": "x"}),
        (";".join(["value.a = value.a * value.a"] * 40), {"a": 3}),
        (";".join(["value.a = value.a * value.a"] * 40), {"a": Decimal(3)}),
        ("value.x = int(value.a)", {"a": "9" * 100_000}),
        ("value.x = int(value.a)", {"a": Decimal("1E+99999")}),
        ("value.x = float(value.a)", {"a": "1" * 100_000}),
        ("value.x = decimal(value.a, 2)", {"a": "1" * 100_000}),
        ("value.x = decimal(value.a, 2)", {"a": "1e9999999"}),
        ("value.x = f'{value.a:f}'", {"a": Decimal("1E+99999")}),
        ("value.x = round(value.a, 2)", {"a": Decimal("1E+99999")}),
        ("value.x = round(value.a, 1000000000)", {"a": 1.5}),
        ("value.x = value.a + value.b", {"a": Decimal("1E+9999"), "b": 1}),
        ("value.x = value.a < value.b", {"a": "x", "b": 1}),
        ("value.x = value.a.b", {"a": 5}),
        ("value.x = value.a.upper()", {"a": 5}),
        ("value.x = value.a.upper()", {"a": str}),
        ("value.x = len(value.a)", {"a": 5}),
        ("value.x = sum(value.a)", {"a": ["a"]}),
        ("value.x = sum(value.a)", {"a": "abc"}),
        ("value.x = max(value.a)", {"a": ["a", 1]}),
        ("value.x = -value.a", {"a": "x"}),
        ("value.x = +value.a", {"a": "x"}),
        ("value.x = value.a[value.b]", {"a": {}, "b": []}),
        ("value.x = moment(value.a)", {"a": "x"}),
        ("value.x = millis(value.a)", {"a": "x"}),
        ("topic = value.a", {"a": 5}),
        ("topic = value.a", {"a": ""}),
        ("partition = value.a", {"a": -1}),
        ("partition = value.a", {"a": 1 << 31}),
        ("partition = value.a", {"a": True}),
        ("timestamp = value.a", {"a": -5}),
        ("timestamp = value.a", {"a": "x"}),
        ("value.missing.x = 1", {"missin": {}}),
        ("value.a.x = 1", {"a": 5}),
    ],
)
def test_running_away_is_a_data_error(text: str, value: dict[str, Any]) -> None:
    transform = Expression(ExpressionConfig(expression=text))
    began = time.process_time()
    for _ in range(3):
        with pytest.raises(DataError) as caught:
            transform.apply(SourceRecord({}, {}, "t", None, dict(value)))
        assert caught.value.path is not None
        assert len(str(caught.value)) < 400
    assert time.process_time() - began < BOUND_S


NASTY = [
    "'); canary(); ('",
    '"""); canary(); ("""',
    "\n    canary()\n",
    "x}{canary()}",
    "\\N{BULLET}",
    "%s%n",
    "class",
    "k0",
    "r.value",
    "__class__",
    "é" * 200,
    "\ud800",
    "\x00",
]


def _spelled(name: str) -> str:
    return f"value[{name!a}]"


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(min_size=1, max_size=30) | st.sampled_from(NASTY),
    text=st.text(max_size=30) | st.sampled_from(NASTY),
)
def test_names_and_constants_are_never_code(name: str, text: str) -> None:
    """Field names, header names and texts of any characters round-trip; a canary is never called."""
    called: list[str] = []
    builtins.canary = lambda: called.append("called")  # type: ignore[attr-defined]  # taken off below
    try:
        schema = SchemaBuilder.struct().field(name, Schema.STRING).build()
        transform = Expression(
            ExpressionConfig(
                expression=f"{_spelled(name + '2')} = {_spelled(name)} + {text!a}\n"
                f"headers[{name!a}] = {text!a}\n"
                f"drop if {_spelled(name)} == {text + 'never'!a}"
            )
        )
        for _ in range(2):
            struct = transform.apply(SourceRecord({}, {}, "t", schema, Struct.of(schema, ["v"])))
            plain = transform.apply(SourceRecord({}, {}, "t", None, {name: "v"}))
            for made in (struct, plain):
                assert isinstance(made, SourceRecord)
                assert made.value[name + "2"] == "v" + text
                assert [(h.key, h.value) for h in made.headers] == [(name, text)]
    finally:
        del builtins.canary  # type: ignore[attr-defined]
    assert not called


PIECES = st.sampled_from(
    [
        *"value key headers topic partition timestamp offset .a .b ['c'] [0] [-1] [1:] [ ] ( ) { }".split(),
        *"+ - * / // % ** == != < <= in not is None and or if else True 1 0 -1 2.5 1e400 'x' \"y\"".split(),
        *"f'{value.a}' f'{ }' lambda for ; = += := drop keep coalesce( len( str( int( round( if".split(),
        *".upper() .split( , : # \\ @ ~ | await yield é \x00 __class__ 99999999999999999999 import".split(),
        "\n",
    ]
)
LEAVES = st.sampled_from(
    [
        *"value.a value.b value.d value.t value.l value.m value.m.c value.missing value key key.a".split(),
        *"headers.h topic partition timestamp offset 1 -2 2.5 0 'x' '' None True value.l[0]".split(),
        "path('value.l[*]')",
    ]
)
CALLED = st.sampled_from(sorted([*FUNCTIONS, *(f"value.b.{name}" for name in METHODS)]))
SIGNS = st.sampled_from("+ - * / // % ** < <= > >= == != in is and or".split())
EXPRESSIONS: st.SearchStrategy[str] = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds("({} {} {})".format, inner, SIGNS, inner)
        | st.builds("({} if {} else {})".format, inner, inner, inner)
        | st.builds(lambda name, given: f"{name}({', '.join(given)})", CALLED, st.lists(inner, max_size=3))
        | st.builds("(not {})".format, inner)
        | st.builds("-{}".format, inner)
        | st.builds("({})[{}]".format, inner, inner)
        | st.builds("({})[{}:]".format, inner, inner)
        | st.builds("({}).upper()".format, inner)
        | st.builds(
            'f"{{({})}}-{{1:02d}}"'.format, inner.filter(lambda text: '"' not in text and "{" not in text)
        )
    ),
    max_leaves=8,
)
TARGETS = st.sampled_from(
    [
        "value.x = ",
        "value.a = ",
        "value.m.c = ",
        "value = ",
        "key = ",
        "key.k = ",
        "headers.h = ",
        "topic = ",
        "partition = ",
        "timestamp = ",
        "drop if ",
        "keep if ",
    ]
)
STATEMENTS = st.builds("{}{}".format, TARGETS, EXPRESSIONS)


@settings(max_examples=250, deadline=None)
@given(
    text=st.lists(STATEMENTS, min_size=1, max_size=3).map("\n".join)
    | st.lists(PIECES, max_size=25).map(" ".join)
    | st.text(max_size=40)
)
def test_any_text_is_an_expression_or_a_config_error(text: str) -> None:
    """And an expression does its work on any record, or says why not."""
    try:
        transform = Expression(ExpressionConfig(expression=text))
    except ConfigError:
        return
    inner = SchemaBuilder.struct().field("c", Schema.INT32).build()
    schema = (
        SchemaBuilder.struct()
        .field("a", Schema.INT64).field("b", Schema.OPTIONAL_STRING).field("d", decimal_schema(2))
        .field("t", TIMESTAMP).field("l", SchemaBuilder.array(Schema.FLOAT32).build()).field("m", inner)
        .build()
    )  # fmt: skip
    moment = datetime(2024, 2, 29, tzinfo=UTC)
    values = [7, "x", Decimal("1.25"), moment, [1.5, 2.0], Struct.of(inner, [3])]
    plain = {"a": 7, "b": "x", "d": Decimal("1.25"), "t": moment, "l": [1, "y"], "m": {"c": 3}}
    headers = Headers().add_string("h", "v")
    for _ in range(2):
        for record in (
            SourceRecord({}, {}, "t", schema, Struct.of(schema, list(values)), headers=headers),
            SourceRecord({}, {}, "t", None, dict(plain), key={"a": 1}),
            SourceRecord({}, {}, None, Schema.STRING, "text", key_schema=Schema.INT32, key=1),
            SinkRecord("t", 0, None, None, None, None, 5),
        ):
            try:
                made = transform.apply(record)
            except DataError:
                continue
            if isinstance(made, SourceRecord) and isinstance(made.value, Struct):
                assert made.value.schema == made.value_schema
                made.value.validate()
