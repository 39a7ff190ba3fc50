"""What a schema registry has to know of JSON Schema: canonical text, and which schemas read which.

Source: spec registry 7. Pure functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectkit.converters.json_schema.compare import Comparison
from connectkit.converters.json_schema.load import load
from connectkit.converters.json_schema.text import read_schema, schema_text
from connectkit.converters.registry.port import Problem


def canonical(text: str, references: Sequence[str]) -> str:
    """The text without white space, its members in their order; what is no JSON schema is refused."""
    load(text, references=references)
    return schema_text(read_schema(text))


def normalized(text: str, references: Sequence[str]) -> str:
    """The text with the members of all objects in the order of their names."""
    load(text, references=references)
    return schema_text(_sorted(read_schema(text)))


def problems(
    reader: str, reader_references: Sequence[str], writer: str, writer_references: Sequence[str]
) -> list[Problem]:
    """What keeps the reader from reading the writer's data; empty if nothing does."""
    return Comparison().problems(
        load(writer, references=writer_references), load(reader, references=reader_references)
    )


def _sorted(root: Any) -> Any:
    """No recursion, whatever the depth; names in the order of their UTF-16 units, as Java compares them."""
    holder: list[Any] = [root]
    todo: list[Any] = [holder]
    while todo:
        inside = todo.pop()
        places = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
        for place in places:
            each = inside[place]
            if isinstance(each, dict):
                names = sorted(each, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
                inside[place] = {name: each[name] for name in names}
                todo.append(inside[place])
            elif isinstance(each, list):
                inside[place] = list(each)
                todo.append(inside[place])
    return holder[0]
