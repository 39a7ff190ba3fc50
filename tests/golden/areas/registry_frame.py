"""What the areas of the registry's converters share: write, compare the message, read it back.

A registry in memory that checks nothing, as the one of the release that was recorded; its subjects are
named by topics.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from connectkit.converters.registry import opening
from connectkit.converters.registry.config import RegistryConfig
from connectkit.converters.registry.converter import RegistryConverter
from connectkit.converters.registry.embedded.errors import NotTakenError
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import SchemaText
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
Written = tuple[RegistryConverter[Any], bytes | None, bytes | None]
SCOPE = "golden"
URL = {"schema.registry.url": f"mock://{SCOPE}"}


class _UncheckedRegistry(EmbeddedRegistry):
    """Takes texts that no new schema may have, such as a default that is none, as they are."""

    def _canonical(self, schema: SchemaText, *, normalize: bool) -> SchemaText:
        try:
            return super()._canonical(schema, normalize=normalize)
        except NotTakenError:
            return schema

    def close(self) -> None:
        return None


def new_registry() -> None:
    forget_mock_registry(SCOPE)
    opening._mocks[SCOPE] = _UncheckedRegistry()
    mock_registry(SCOPE).set_level("", "NONE")


def _same(recorded: Any) -> Any:
    return recorded


@dataclass(frozen=True)
class Frame:
    """One converter's part: what it is made of, and how recorded texts and schemas are read today."""

    text_key: str
    config_class: type[RegistryConfig]
    converter_class: type[RegistryConverter[Any]]
    register: Callable[[Case, str], None]
    fixed: dict[str, str]
    later_text: Callable[[str], str] = _same
    later_schema: Callable[[Any], Any] = _same

    def config_of(self, case: Case) -> tuple[Any, bool]:
        raw = dict(case.get("config", {}))
        is_key = bool(raw.pop("isKey", False))
        return self.config_class.parse({**self.fixed, **raw}), is_key

    def _made(self, case: Case) -> RegistryConverter[Any]:
        config, is_key = self.config_of(case)
        self.register(case, "t-key" if is_key else "t-value")
        return self.converter_class(config, is_key=is_key)

    def write(self, case: Case) -> Outcome:
        """From Connect data to a message, and back."""
        schema = schema_of(case["in"]["schema"])

        def produce() -> Written:
            value = value_of(case["in"]["value"], schema)
            converter = self._made(case)
            data = converter.from_connect_data("t", schema, value)
            encode = converter.encoder("t", schema)
            assert encode is not None
            return converter, data, encode(value)

        def compare(out: dict[str, Any], got: Written) -> Outcome:
            converter, data, bound = got
            if data != bound:
                return f"the bound function gave {bound!r}, the method {data!r}"
            return self._message_difference(case, out, data) or self._back_difference(
                case, out, converter, data
            )

        return expect(case, produce, compare)

    def _message_difference(self, case: Case, out: dict[str, Any], data: bytes | None) -> Outcome:
        registry = mock_registry(SCOPE)
        subjects = out.get("subjects", [out["subject"]] if "subject" in out else None)
        if subjects is not None and registry.subjects() != sorted(subjects):
            return f"subjects: {registry.subjects()}, not {subjects}"
        if self.text_key in out and "subject" in out:
            found = registry.version(out["subject"]).schema.text
            difference = text_difference(self.later_text(out[self.text_key]), found, self.text_key)
            if difference is not None:
                return difference
        wanted = None if out["bytes"] is None else base64.b64decode(out["bytes"])
        if wanted == data or (case.get("unordered") and _same_bytes(wanted, data)):
            return None
        return f"bytes: {data!r}, not {wanted!r}"

    def _back_difference(
        self, case: Case, out: dict[str, Any], converter: RegistryConverter[Any], data: bytes | None
    ) -> Outcome:
        back = out.get("back")
        if back is None:
            return None
        given = case["in"]
        back = given if back == "same" else back
        try:
            got = converter.to_connect_data("t", data)
        except Exception as error:  # noqa: BLE001 - compared with what Java raised
            if "error" in back:
                return error_difference(back["error"], error)
            return f"back: raised {type(error).__name__}: {error}"
        if "error" in back:
            return f"back: gave {shown(got)}, not an error: {back['error'].get('message')}"
        schema = self.later_schema(given["schema"] if back["schema"] == "same" else back["schema"])
        value = given["value"] if back["value"] == "same" else back["value"]
        return schema_difference(schema, got.schema, "back.schema", ordered=False) or value_difference(
            value, got.value, ordered=False, at="back.value"
        )

    def read(self, case: Case) -> Outcome:
        """From a message to Connect data, by the method and by the bound function."""

        def produce() -> SchemaAndValue:
            data = case["in"]["bytes"]
            raw = None if data is None else base64.b64decode(data)
            with closing(self._made(case)) as converter:
                found = converter.to_connect_data("t", raw)
                decode = converter.decoder("t")
                assert decode is not None
                for _ in range(2):
                    if shown(SchemaAndValue(*decode(raw))) != shown(found):
                        raise AssertionError("the bound function reads something else than the method")
                return found

        def compare(out: dict[str, Any], got: SchemaAndValue) -> Outcome:
            wanted = out["result"]
            if wanted is None:
                return None if got == NULL else f"{shown(got)}, not nothing"
            return pair_difference(
                {**wanted, "schema": self.later_schema(wanted["schema"])}, got, ordered=False
            )

        return expect(case, produce, compare)


def _same_bytes(wanted: bytes | None, data: bytes | None) -> bool:
    """Maps may stand in another order; what is read of the two is compared with ``back``."""
    return wanted is not None and data is not None and sorted(wanted) == sorted(data)
