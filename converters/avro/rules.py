"""What a schema registry has to know of Avro: canonical text, and which schemas read which.

Source: spec registry 7; Confluent's names of incompatibilities. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.converters.avro.model import MISSING, NAMED, AvroSchema, shown
from connectkit.converters.avro.parse import parse, parse_with_names
from connectkit.converters.avro.printer import to_text
from connectkit.converters.avro.resolve import branch_for, field_for, same_name, why_not
from connectkit.converters.registry.port import Problem


def canonical(text: str, references: Sequence[str]) -> str:
    """The text as Avro prints it; defaults that are none are refused."""
    return to_text(*parse_with_names(text, references, check_defaults=True))


def normalized(text: str, references: Sequence[str]) -> str:
    """The text with the properties that Avro does not know in the order of their names."""
    made, known = parse_with_names(text, references, check_defaults=True)
    _sort(made, set())
    return to_text(made, known)


def _sort(schema: AvroSchema, seen: set[int]) -> None:
    if id(schema) in seen:
        return
    seen.add(id(schema))
    schema.props = dict(sorted(schema.props.items()))
    for field in schema.fields:
        field.props = dict(sorted(field.props.items()))
        _sort(field.schema, seen)
    for branch in schema.branches:
        _sort(branch, seen)
    if schema.kind in ("array", "map"):
        _sort(schema.items, seen)


def problems(
    reader: str, reader_references: Sequence[str], writer: str, writer_references: Sequence[str]
) -> list[Problem]:
    """What keeps the reader from reading the writer's data; empty if nothing does."""
    check = _Check()
    check.pair(parse(reader, references=reader_references), parse(writer, references=writer_references), "")
    return check.found


class _Check:
    """Walks two schemas side by side; each pair once, since they may be recursive."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._seen: set[tuple[int, int]] = set()

    def pair(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        if (id(reader), id(writer)) in self._seen:
            return
        self._seen.add((id(reader), id(writer)))
        if writer.kind == "union":
            self._writer_union(reader, writer, at)
        elif reader.kind == "union":
            self._reader_union(reader, writer, at)
        elif why_not(writer, reader) is not None:
            self._mismatch(reader, writer, at)
        else:
            self._inside(reader, writer, at)

    def _writer_union(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        for number, branch in enumerate(writer.branches):
            if reader.kind == "union" and branch_for(branch, reader) is None:
                self._say(
                    "MISSING_UNION_BRANCH",
                    f"The new schema is missing a type inside a union field at path '{at or '/'}/{number}'",
                )
            else:
                self.pair(reader, branch, f"{at}/{number}")

    def _reader_union(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        number = branch_for(writer, reader)
        if number is None:
            self._say(
                "MISSING_UNION_BRANCH",
                f"The new schema is missing a type inside a union field at path '{at or '/'}'",
            )
            return
        self.pair(reader.branches[number], writer, f"{at}/{number}")

    def _mismatch(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        if reader.kind != writer.kind:
            self._say(
                "TYPE_MISMATCH",
                f"The type (path '{at or '/'}') of a field in the new schema does not match the old one: "
                f"{reader.kind} instead of {writer.kind}",
            )
        elif reader.kind in NAMED and not same_name(writer, reader):
            self._say(
                "NAME_MISMATCH",
                f"The name of the schema has changed (path '{at}/name'): {shown(reader.full_name)} instead "
                f"of {shown(writer.full_name)}",
            )
        else:
            self._say("FIXED_SIZE_MISMATCH", f"The size of the FIXED field at path '{at}/size' has changed")

    def _inside(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        match reader.kind:
            case "record" if writer.kind == "record":
                self._records(reader, writer, at)
            case "array" | "map":
                self.pair(
                    reader.items, writer.items, f"{at}/{'items' if reader.kind == 'array' else 'values'}"
                )
            case "enum":
                lost = [each for each in writer.symbols if each not in reader.symbols]
                if lost and reader.default is None:
                    self._say(
                        "MISSING_ENUM_SYMBOLS",
                        f"The new schema is missing enum symbols at path '{at}/symbols': "
                        f"{', '.join(map(shown, lost[:5]))}",
                    )
            case _:
                pass

    def _records(self, reader: AvroSchema, writer: AvroSchema, at: str) -> None:
        targets: dict[str, Any] = {}
        for field in writer.fields:
            target = field_for(field, reader)
            if target is not None:
                targets[target.name] = field
        for number, field in enumerate(reader.fields):
            place = f"{at}/fields/{number}"
            if field.name in targets:
                self.pair(field.schema, targets[field.name].schema, f"{place}/type")
            elif field.default is MISSING:
                self._say(
                    "READER_FIELD_MISSING_DEFAULT_VALUE",
                    f"The field '{shown(field.name)}' at path '{place}' in the new schema has no default "
                    "value and is missing in the old schema",
                )

    def _say(self, kind: str, description: str) -> None:
        self.found.append(Problem(kind, description))
