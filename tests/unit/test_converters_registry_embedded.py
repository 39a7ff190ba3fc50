"""The embedded registry: ids, versions, references, levels, deletion, and several processes on one folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectkit.converters.registry.compatibility import LEVELS
from connectkit.converters.registry.embedded.errors import RefusalError
from connectkit.converters.registry.embedded.registry import FILE_NAME, EmbeddedRegistry
from connectkit.converters.registry.guid import guid_of
from connectkit.converters.registry.port import LATEST, Reference, SchemaText
from connectkit.errors import ConfigError, ConflictError, NotFoundError, RetriableError, SchemaError


def record(*fields: str, name: str = "R") -> SchemaText:
    """A record of longs; a name that ends with ``=`` has a default."""
    made = [
        {"name": each.rstrip("="), "type": "long", **({"default": 0} if "=" in each else {})}
        for each in fields
    ]
    return SchemaText(json.dumps({"type": "record", "name": name, "fields": made}))


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    made = EmbeddedRegistry()
    yield made
    made.close()


def code(error: pytest.ExceptionInfo[RefusalError]) -> int:
    return error.value.code


def test_registration_gives_ids_and_versions_and_is_idempotent(registry: EmbeddedRegistry) -> None:
    first = registry.register("a", record("x"))
    assert (first.id, first.version, first.subject) == (1, 1, "a")
    assert registry.register("a", record("x")) == first
    assert registry.register("b", record("x")).id == 1
    second = registry.register("a", record("x", "y="))
    assert (second.id, second.version) == (2, 2)
    assert registry.subjects() == ["a", "b"]
    assert [each.version for each in registry.versions("a")] == [1, 2]
    assert registry.version("a").id == 2
    assert registry.lookup("a", record("x")) == first
    assert registry.by_id(2).schema == second.schema
    assert first.guid is not None
    assert registry.by_guid(first.guid).id == 1
    assert [(each.subject, each.version) for each in registry.uses(1)] == [("a", 1), ("b", 1)]


def test_schemas_are_kept_in_canonical_form_and_order_counts(registry: EmbeddedRegistry) -> None:
    text = '{"name":"R", "type":"record" ,"fields": [ {"type":{"type":"long"},"name":"x"}]}'
    found = registry.register("a", SchemaText(text)).schema.text
    assert found == '{"type":"record","name":"R","fields":[{"name":"x","type":"long"}]}'
    plain = SchemaText('{"type":"record","name":"P","fields":[],"b":1,"a":2}')
    swapped = SchemaText('{"type":"record","name":"P","fields":[],"a":2,"b":1}')
    registry.register("p", plain)
    with pytest.raises(NotFoundError):
        registry.lookup("p", swapped)
    one = registry.register("n", plain, normalize=True)
    assert registry.register("n", swapped, normalize=True) == one
    assert registry.lookup("n", plain, normalize=True) == one


def test_guids_follow_from_the_text_and_the_references_alone() -> None:
    schema = SchemaText('"string"')
    assert uuid.UUID(guid_of(schema)).bytes == hashlib.md5(b'"string"').digest()
    referring = SchemaText('"string"', references=(Reference("n", "s", 258),))
    assert uuid.UUID(guid_of(referring)).bytes == hashlib.md5(b'"string"ns\0\0\1\2').digest()


@pytest.mark.parametrize(
    ("level", "grow", "grow_default", "shrink"),
    [
        ("NONE", True, True, True),
        ("BACKWARD", False, True, True),
        ("FORWARD", True, True, False),
        ("FULL", False, True, False),
    ],
)
@pytest.mark.parametrize("transitive", ["", "_TRANSITIVE"])
def test_levels(
    registry: EmbeddedRegistry, level: str, transitive: str, grow: bool, grow_default: bool, shrink: bool
) -> None:
    if level == "NONE" and transitive:
        return
    registry.register("s", record("x", "y"))
    registry.set_level("s", level + transitive)
    assert registry.level("s") == level + transitive
    for schema, allowed in (
        (record("x", "y", "z"), grow),
        (record("x", "y", "z="), grow_default),
        (record("x"), shrink),
    ):
        assert (not registry.problems("s", schema)) is allowed
    assert registry.problems("s", SchemaText('"string"')) == [] or level != "NONE"


def test_a_transitive_level_looks_at_all_versions(registry: EmbeddedRegistry) -> None:
    registry.set_level("s", "NONE")
    for schema in (record("x"), record("x", "y")):
        registry.register("s", schema)
    registry.set_level("s", "BACKWARD")
    assert registry.problems("s", record("x", "y", "z=")) == []
    registry.set_level("s", "BACKWARD_TRANSITIVE")
    found = registry.problems("s", record("x", "y", "z="))
    assert [each.type for each in found] == ["READER_FIELD_MISSING_DEFAULT_VALUE"]
    with pytest.raises(ConflictError, match="no default"):
        registry.register("s", record("x", "y", "z="))
    assert registry.problems("new", record("q")) == []
    assert registry.problems("new", record("q"), LATEST) == []
    with pytest.raises(NotFoundError):
        registry.problems("new", record("q"), 3)


def test_the_level_of_all_holds_where_none_is_set(registry: EmbeddedRegistry) -> None:
    assert registry.level("s") == "BACKWARD"
    registry.set_level("", "full")
    assert registry.level("s") == "FULL"
    registry.set_level("s", "NONE")
    assert registry.level("s") == "NONE"
    registry.set_level("s", None)
    assert registry.level("s") == "FULL"
    assert set(LEVELS) >= {"FULL", "NONE"}
    with pytest.raises(SchemaError):
        registry.set_level("s", "SIDEWARD")


def test_another_kind_never_follows(registry: EmbeddedRegistry) -> None:
    registry.register("s", record("x"))
    found = registry.problems("s", SchemaText('{"type":"object"}', "JSON"))
    assert [each.type for each in found] == ["DIFFERENT_SCHEMA_TYPE"]


def test_references(registry: EmbeddedRegistry) -> None:
    registry.register("r", record("x"))
    uses = SchemaText('{"type":"array","items":"R"}', references=(Reference("R", "r", 1),))
    found = registry.register("s", uses)
    assert registry.register("s", uses) == found
    assert registry.by_id(found.id).schema.references == uses.references
    assert registry.referenced_by("r", 1) == [found.id]
    with pytest.raises(RefusalError) as caught:
        registry.delete_subject("r")
    assert code(caught) == 42206
    assert registry.versions("r"), "all or nothing"
    with pytest.raises(RefusalError) as caught:
        registry.register("t", SchemaText('"R"', references=(Reference("R", "r", 9),)))
    assert code(caught) == 42201
    registry.delete_subject("s")
    assert registry.delete_subject("r") == [1]


def test_references_through_very_many_schemas(registry: EmbeddedRegistry) -> None:
    registry.register("r0", record(name="R0"))
    with pytest.raises(RefusalError) as caught:
        for number in range(1, 1500):
            text = f'{{"type":"array","items":"R0","n":{number}}}'
            before = (Reference("R", f"r{number - 1}", 1),)
            registry._store.add_version(
                f"r{number}",
                1,
                registry._id_of(SchemaText(text, references=before), None),
            )
        registry.register("s", SchemaText('"R0"', references=(Reference("R", "r1499", 1),)))
    assert code(caught) == 42201


def test_a_subject_of_thousands_of_versions(registry: EmbeddedRegistry) -> None:
    """What a registration costs does not grow with the versions before it."""
    registry.set_level("s", "NONE")
    for number in range(3000):
        assert registry.register("s", record(f"f{number}")).version == number + 1
    assert registry.lookup("s", record("f7")).version == 8
    assert registry.version("s").version == 3000


def test_deletion(registry: EmbeddedRegistry) -> None:
    registry.register("s", record("x"))
    registry.register("s", record("x", "y="))
    with pytest.raises(RefusalError) as caught:
        registry.delete_subject("s", permanent=True)
    assert code(caught) == 40405
    assert registry.delete_subject("s") == [1, 2]
    for call, expected in (
        (lambda: registry.delete_subject("s"), 40404),
        (lambda: registry.versions("s"), 40401),
        (lambda: registry.lookup("s", record("x")), 40401),
        (lambda: registry.version("s"), 40401),
    ):
        with pytest.raises(RefusalError) as caught:
            call()
        assert code(caught) == expected
    assert registry.lookup("s", record("x"), deleted=True).version == 1
    assert registry.version("s", 1, deleted=True).id == 1
    assert registry.by_id(1).id == 1, "records that were written stay readable"
    assert registry.subjects(deleted=True) == ["s"]
    again = registry.register("s", record("x"))
    assert (again.id, again.version) == (1, 3)
    assert registry.delete_subject("s") == [3]
    assert registry.delete_subject("s", permanent=True) == [1, 2, 3]
    assert registry.subjects(deleted=True) == []
    assert registry.register("s", record("x")).version == 1


def test_modes(registry: EmbeddedRegistry) -> None:
    registry.register("s", record("x"))
    registry.set_mode("", "readonly")
    for call in (
        lambda: registry.register("t", record("x")),
        lambda: registry.delete_subject("s"),
        lambda: registry.delete_version("s", 1),
    ):
        with pytest.raises(RefusalError) as caught:
            call()
        assert code(caught) == 42205
    registry.set_mode("", None)
    with pytest.raises(RefusalError) as caught:
        registry.register("s", record("y"), schema_id=70)
    assert code(caught) == 42205
    registry.set_mode("s", "IMPORT")
    found = registry.register("s", record("y"), schema_id=70, version=9)
    assert (found.id, found.version) == (70, 9), "nothing is compared"
    with pytest.raises(RefusalError) as caught:
        registry.register("s", record("z"), schema_id=70)
    assert code(caught) == 42207
    with pytest.raises(RefusalError) as caught:
        registry.register("s", record("z"), version=9)
    assert code(caught) == 42207, "a version is never replaced"
    registry.set_mode("s", None)
    assert registry.register("t", record("w")).id == 71


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", '"nothing"', '{"type":"record","name":"R"}', "[" * 100_000, '{"type":"enum"}'],
)
def test_what_is_no_schema_is_refused(registry: EmbeddedRegistry, text: str) -> None:
    if text == "[]":
        return  # the empty union, which Avro allows
    with pytest.raises(RefusalError) as caught:
        registry.register("s", SchemaText(text))
    assert code(caught) == 42201
    assert registry.subjects() == []


@pytest.mark.parametrize("subject", ["", "a\nb", "x" * 1001])
def test_what_is_no_subject_is_refused(registry: EmbeddedRegistry, subject: str) -> None:
    with pytest.raises(RefusalError) as caught:
        registry.register(subject, record("x"))
    assert code(caught) == 42208


def test_a_folder_keeps_what_it_was_given(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    one = EmbeddedRegistry(folder)
    one.register("s", record("x"))
    one.set_level("s", "FULL")
    other = EmbeddedRegistry(folder)
    assert other.version("s").id == 1, "two at once see the same"
    other.register("s", record("x", "y="))
    assert [each.version for each in one.versions("s")] == [1, 2]
    one.close()
    other.close()
    again = EmbeddedRegistry(folder)
    assert (again.level("s"), len(again.versions("s"))) == ("FULL", 2)
    again.close()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all, and long enough to be looked at" * 50)
    with pytest.raises(ConfigError, match="damaged"):
        EmbeddedRegistry(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="folder"):
        EmbeddedRegistry(tmp_path / "file" / "x")


def test_a_registry_that_was_closed_says_so(tmp_path: Path) -> None:
    made = EmbeddedRegistry(tmp_path)
    made.close()
    with pytest.raises(RetriableError):
        made.subjects()


def test_threads_share_one_registry(registry: EmbeddedRegistry) -> None:
    registry.set_level("", "NONE")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: registry.register("s", record(f"x{n % 20}")), range(80)))
    assert {each.id for each in found} == set(range(1, 21))
    assert sorted(each.version or 0 for each in registry.versions("s")) == list(range(1, 21))


WRITER = """
import sys, json
from pathlib import Path
from connectkit.converters.registry.embedded.registry import EmbeddedRegistry
from connectkit.converters.registry.port import SchemaText
registry = EmbeddedRegistry(Path(sys.argv[1]))
for number in range(25):
    text = json.dumps({"type": "record", "name": f"R{number}", "fields": []})
    registry.register(f"s{number}", SchemaText(text))
    registry.register("own-" + sys.argv[2], SchemaText(json.dumps(
        {"type": "record", "name": "O", "fields": [
            {"name": f"f{n}", "type": "int", "default": 0} for n in range(number)]})))
print(json.dumps({f"s{n}": registry.version(f"s{n}").id for n in range(25)}))
"""


def test_several_processes_register_in_one_folder(tmp_path: Path) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "new"), str(number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    said = [each.communicate(timeout=120)[0] for each in running]
    assert [each.returncode for each in running] == [0, 0, 0]
    assert len(set(said)) == 1, "all of them got the same ids"
    registry = EmbeddedRegistry(tmp_path / "new")
    assert len(set(json.loads(said[0]).values())) == 25
    assert {tuple(each.version or 0 for each in registry.versions(f"own-{n}")) for n in range(3)} == {
        tuple(range(1, 26))
    }
    registry.close()


def test_an_avro_schema_names_what_it_refers_to_and_is_found_again() -> None:
    registry = EmbeddedRegistry()
    registry.register("items", SchemaText('{"type":"record","name":"Item","fields":[]}'))
    text = '{"type":"record","name":"Order","fields":[{"name":"item","type":"Item"}]}'
    schema = SchemaText(text, "AVRO", (Reference("Item", "items", 1),))
    for normalize in (False, True):
        found = registry.register("orders", schema, normalize=normalize)
        assert found.schema.text == text
        assert registry.lookup("orders", found.schema, normalize=normalize).id == found.id
