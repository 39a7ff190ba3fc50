"""The Avro schema of data that has no schema: a record that holds any value in one of nine fields.

Source: spec registry 2.9.
"""

from __future__ import annotations

from typing import Final

from connectkit.converters.avro.parse import parse

_FIELDS: Final = ("boolean", "bytes", "double", "float", "int", "long", "string")


def _text() -> str:
    fields = [f'{{"name":"{each}","type":["null","{each}"],"default":null}}' for each in _FIELDS]
    fields += [
        '{"name":"array","type":["null",{"type":"array","items":"Anything"}],"default":null}',
        (
            '{"name":"map","type":["null",{"type":"array","items":{"type":"record","name":"MapEntry","fields":['
            '{"name":"key","type":"Anything"},{"name":"value","type":"Anything"}]}}],"default":null}'
        ),
    ]
    return (
        '{"type":"record","name":"Anything","namespace":"io.confluent.connect.avro","fields":['
        + ",".join(fields)
        + "]}"
    )


ANYTHING: Final = parse(_text())
