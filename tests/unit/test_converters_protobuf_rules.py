"""Which Protobuf schemas read which, in the embedded registry and as the rules say it."""

from __future__ import annotations

import pytest

from connectkit.converters.protobuf.rules import canonical, normalized, problems
from connectkit.converters.registry.opening import forget_mock_registry, mock_registry
from connectkit.converters.registry.port import ReferredText, SchemaText
from connectkit.errors import ConflictError, DataError

P3 = 'syntax = "proto3"; '


def kinds(new: str, old: str) -> list[str]:
    return [each.type for each in problems(P3 + new, [], P3 + old, [])]


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        ("message A { int32 x = 1; }", "message A { int32 x = 1; }", []),
        ("message A { int32 x = 1; string y = 2; }", "message A { int32 x = 1; }", []),
        ("message A {}", "message A { int32 x = 1; }", []),
        ("message A { int32 renamed = 1; }", "message A { int32 x = 1; }", []),
        ("message A { int64 x = 1; }", "message A { int32 x = 1; }", []),
        ("message A { bytes x = 1; }", "message A { string x = 1; }", []),
        ("message A { repeated string x = 1; }", "message A { string x = 1; }", []),
        ("message B {} message A {}", "message A {} message B {}", []),
        ("message A { enum E { Z = 0; } E x = 1; }", "message A { int32 x = 1; }", []),
        ("message A { oneof o { int32 x = 1; int32 y = 2; } }", "message A { oneof o { int32 x = 1; } }", []),
        ("message A { oneof o { int32 x = 1; } }", "message A { int32 x = 1; }", []),
        ("message A { int32 x = 1; }", "message A { oneof o { int32 x = 1; } }", []),
        ("message A { string x = 1; }", "message A { int32 x = 1; }", ["FIELD_SCALAR_KIND_CHANGED"]),
        ("message A { sint32 x = 1; }", "message A { int32 x = 1; }", ["FIELD_SCALAR_KIND_CHANGED"]),
        ("message A { repeated int32 x = 1; }", "message A { int32 x = 1; }",
         ["FIELD_NUMERIC_LABEL_CHANGED"]),
        ("message A { A x = 1; }", "message A { int32 x = 1; }", ["FIELD_KIND_CHANGED"]),
        ("message A { A x = 1; } message B {}", "message A { B x = 1; } message B {}",
         ["FIELD_NAMED_TYPE_CHANGED"]),
        ("message B {}", "message A {} message B {}", ["MESSAGE_REMOVED"]),
        ("message A {}", "message A { message B {} }", ["MESSAGE_REMOVED"]),
        ("package p; message A {}", "message A {}", ["PACKAGE_CHANGED"]),
        ("message A { map<string, string> m = 1; }", "message A { map<string, int32> m = 1; }",
         ["FIELD_SCALAR_KIND_CHANGED"]),
        ("message A { oneof o { int32 x = 1; } }", "message A { oneof o { int32 x = 1; int32 y = 2; } }",
         ["ONEOF_FIELD_REMOVED"]),
        ("message A { oneof o { int32 x = 1; int32 y = 2; } }", "message A { int32 x = 1; int32 y = 2; }",
         ["MULTIPLE_FIELDS_MOVED_TO_ONEOF"]),
        ("message A { oneof o { int32 x = 1; int32 y = 2; } }",
         "message A { oneof o { int32 x = 1; } int32 y = 2; }",
         ["FIELD_MOVED_TO_EXISTING_ONEOF"]),
    ],
)  # fmt: skip
def test_what_keeps_a_schema_from_reading_another(new: str, old: str, wanted: list[str]) -> None:
    assert kinds(new, old) == wanted


def test_required_fields_may_neither_come_nor_go() -> None:
    plain, more = (
        "message A { required int32 a = 1; }",
        "message A { required int32 a = 1; required int32 b = 2; }",
    )
    assert [each.type for each in problems(more, [], plain, [])] == ["REQUIRED_FIELD_ADDED"]
    assert [each.type for each in problems(plain, [], more, [])] == ["REQUIRED_FIELD_REMOVED"]


def test_the_embedded_registry_refuses_what_cannot_be_read() -> None:
    forget_mock_registry("rules")
    registry = mock_registry("rules")
    registry.register("s", SchemaText(P3 + "message A { int32 x = 1; }", "PROTOBUF"))
    with pytest.raises(ConflictError, match="was of type int32"):
        registry.register("s", SchemaText(P3 + "message A { string x = 1; }", "PROTOBUF"))
    registry.register("s", SchemaText(P3 + "message A { int32 x = 1; int32 y = 2; }", "PROTOBUF"))
    assert [each.version for each in registry.versions("s")] == [1, 2]
    with pytest.raises(DataError, match="Protobuf"):
        registry.register("s", SchemaText("{}", "PROTOBUF"))


def test_forms_with_references() -> None:
    other = P3 + "package a; message A { int32 x = 1; }"
    text = P3 + "message B { a.A a = 2; int32 b = 1; }"
    named = [ReferredText.of(other, ["a.proto"])]
    assert canonical(text, [other]).endswith("message B {\n  a.A a = 2;\n  int32 b = 1;\n}\n")
    assert normalized(text, [other]) == (
        'syntax = "proto3";\n\nmessage B {\n  int32 b = 1;\n  .a.A a = 2;\n}\n'
    )
    imported = P3 + 'import "a.proto"; message B { a.A a = 1; }'
    assert 'import "a.proto";' in normalized(imported, named)
    assert problems(imported, named, imported, named) == []
    with pytest.raises(DataError, match="not defined"):
        canonical(text, named)


def test_marked_entries_are_maps_in_the_normal_form() -> None:
    text = P3 + (
        "message A { repeated MEntry m = 1; message MEntry { option map_entry = true; "
        "string key = 1; int32 value = 2; } }"
    )
    assert "map<string, int32> m = 1;" in normalized(text, [])
    assert "repeated MEntry m = 1;" in canonical(text, [])


def test_the_parts_of_the_language_that_data_do_not_need_are_kept() -> None:
    text = (
        'syntax = "proto2";\npackage p;\n\nimport "google/protobuf/descriptor.proto";\n\n'
        'message A {\n  reserved 2, 9 to max;\n  reserved "x";\n\n  option deprecated = true;\n\n'
        "  required int32 a = 1 [\n    deprecated = true,\n    default = 5\n  ];\n\n"
        '  oneof o {\n    option (x.y).z = 1;\n  \n    string b = 3 [json_name = "B"];\n  }\n\n'
        "  optional group G = 4 {\n    optional int32 c = 5;\n  }\n\n  extensions 100 to 199, 300;\n\n"
        "  extend B {\n    optional int32 d = 100;\n  }\n\n  message M {}\n  enum E {\n    reserved -1;\n"
        '    Z = 0 [(text) = "a\\n\\"\\\\"];\n  }\n}\nmessage B {\n  extensions 100;\n}\n\n'
        "extend google.protobuf.FieldOptions {\n  optional string text = 50000;\n}\n\n"
        "service S {\n  option deprecated = true;\n\n  rpc One (A) returns (stream B);\n"
        "  rpc Two (stream A) returns (B) {\n    option deprecated = true;\n  };\n}\n"
    )
    assert canonical(text, []) == text
    assert canonical("// a\n/* b */" + text.replace(";\n", "; // c\n"), []) == text


def test_the_normal_form_knows_neither_names_nor_places() -> None:
    texts = (
        (
            "message A { oneof z { int32 a = 1; } oneof b { int32 c = 3; int32 d = 2; } } "
            "enum E { Z = 0; Y = 1; X = 1; }"
        ),
        (
            "message A { oneof b { int32 d = 2; int32 c = 3; } oneof z { int32 a = 1; } } "
            "enum E { X = 1; Y = 1; Z = 0; }"
        ),
    )
    first, second = (normalized(P3 + text, []) for text in texts)
    assert first == second
    assert first.index("oneof z") < first.index("oneof b")
