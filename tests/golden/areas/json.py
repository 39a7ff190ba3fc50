"""JsonConverter: bytes exactly as Java writes them, what Java reads, and configurations.

Every value goes each way three times, so that the exact and the generated form both answer, and through
the method as well as through the bound function; all must answer the same.
"""

from __future__ import annotations

import base64
import re
from json import dumps
from typing import Any

from connectkit.converters.json import JsonConfig, JsonConverter
from connectkit.errors import ConfigError, ConversionError
from connectkit.float32 import round32
from connectkit.schema import NULL, SchemaAndValue
from tests.golden.codec import schema_of, value_of
from tests.golden.compare import (
    Outcome,
    error_difference,
    expect,
    pair_difference,
    schema_difference,
    shown,
    text_difference,
    value_difference,
)

Case = dict[str, Any]
_TIMES = 3
FLOAT32_DIGITS = "float32 without a schema: "


def run(case: Case) -> Outcome:
    return {"json-from": _from, "json-to": _to, "json-config": _config}[case["op"]](case)


def converter_of(case: Case) -> JsonConverter:
    config = dict(case.get("config", {}))
    is_key = bool(config.pop("isKey", False))
    try:
        return JsonConverter(JsonConfig.parse(config), is_key=is_key)
    except ConfigError as error:
        # Java finds a bad schema.content later than other mistakes, and calls it a DataException.
        if set(error.problems) == {"schema.content"}:
            raise ConversionError(str(error)) from error
        raise


def _config(case: Case) -> Outcome:
    return expect(case, lambda: converter_of(case), lambda _out, _got: None)


def _agreeing(ask: list[Any]) -> Any:
    """What all the forms answer; their errors are the errors of the first."""
    answers: list[tuple[Any, Exception | None]] = []
    for form in ask:
        try:
            answers.append((form(), None))
        except Exception as error:  # noqa: BLE001 - compared below
            answers.append((None, error))
    first, failure = answers[0]
    for other, problem in answers[1:]:
        same = repr(other) == repr(first) and _values(other) == _values(first)
        if type(problem) is not type(failure) or str(problem) != str(failure) or not same:
            raise AssertionError(
                f"the forms differ: {shown(first)} {failure!r}, and {shown(other)} {problem!r}"
            )
    if failure is not None:
        raise failure
    return first


def _values(answer: Any) -> str:
    return shown(answer.value) if isinstance(answer, SchemaAndValue) else ""


def _from(case: Case) -> Outcome:
    schema = schema_of(case["in"]["schema"])

    def produce() -> tuple[JsonConverter, bytes | None]:
        value = value_of(case["in"]["value"], schema)
        converter = converter_of(case)
        encode = converter.encoder("t", schema)
        forms: list[Any] = [lambda: converter.from_connect_data("t", schema, value)]
        return converter, _agreeing(forms + [lambda: encode(value)] * _TIMES)

    def compare(out: dict[str, Any], got: tuple[JsonConverter, bytes | None]) -> Outcome:
        converter, data = got
        text = None if data is None else data.decode("utf-8")
        found = float32_difference(case, out["text"], text)
        return found or (_back_difference(case, out["back"], converter, data) if "back" in out else None)

    return expect(case, produce, compare)


_NUMBER = re.compile(r"-?[0-9]+\.[0-9]+(?:E-?[0-9]+)?")


def float32_difference(case: Case, expected: str | None, got: str | None) -> Outcome:
    """A difference of texts, marked where it is only in the digits of float32 numbers without a schema."""
    found = text_difference(expected, got)
    if found is None or expected is None or got is None or _NUMBER.sub("", got) != _NUMBER.sub("", expected):
        return found
    ours, theirs = map(_NUMBER.findall, (got, expected))
    same = [round32(float(a)) == round32(float(b)) for a, b in zip(ours, theirs, strict=True)]
    return f"{FLOAT32_DIGITS}{found}" if all(same) and '"float32"' in dumps(case["in"]) else found


def _decoded(converter: JsonConverter, data: bytes | None) -> SchemaAndValue:
    decode = converter.decoder("t")
    forms: list[Any] = [lambda: converter.to_connect_data("t", data)]
    found: SchemaAndValue = _agreeing(forms + [lambda: SchemaAndValue(*decode(data))] * _TIMES)
    return found


def _back_difference(case: Case, back: Any, converter: JsonConverter, data: bytes | None) -> Outcome:
    given = case["in"]
    if back == "same":
        back = given
    try:
        got = _decoded(converter, data)
    except Exception as error:  # noqa: BLE001 - compared with what Java raised
        return (
            error_difference(back["error"], error)
            if "error" in back
            else f"back: raised {type(error)} {error}"
        )
    if "error" in back:
        return f"back: gave {shown(got)}, not an error"
    schema = given["schema"] if back["schema"] == "same" else back["schema"]
    return schema_difference(schema, got.schema, "back.schema", ordered=False) or value_difference(
        back["value"], got.value, ordered=False, at="back.value"
    )


def _to(case: Case) -> Outcome:
    given = case["in"]
    if "bytes" in given:
        data = None if given["bytes"] is None else base64.b64decode(given["bytes"])
    else:
        data = None if given["text"] is None else given["text"].encode("utf-8", "surrogatepass")

    def compare(out: dict[str, Any], got: SchemaAndValue) -> Outcome:
        if out["result"] is None:
            return None if got == NULL else f"{shown(got)}, not nothing"
        return pair_difference(out["result"], got, ordered=False)

    return expect(case, lambda: _decoded(converter_of(case), data), compare)
