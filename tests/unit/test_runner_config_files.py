"""Configuration files: told by what is in them; one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectkit.errors import ConfigError
from connectkit.runner.configs.files import read_connector_file, read_worker_file


def written(folder: Path, data: str | bytes) -> Path:
    path = folder / "c.conf"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("data", "config"),
    [
        ("name=a\ntasks.max=1\n", {"name": "a", "tasks.max": "1"}),
        (
            '{"name": "a", "x": true, "y": 1.50, "z": null}',
            {"name": "a", "x": "true", "y": "1.50", "z": None},
        ),
        ('\ufeff {"name": "a"}', {"name": "a"}),
        ('{"name": "a", "config": {"x": "1"}}', {"name": "a", "x": "1"}),
        ('{"name": "a", "config": {"name": "a"}}', {"name": "a"}),
        ('{"name": "a", "config": "text"}', {"name": "a", "config": "text"}),
    ],
)
def test_connector_files(tmp_path: Path, data: str, config: dict[str, str | None]) -> None:
    found = read_connector_file(written(tmp_path, data))
    assert found.config == config
    assert found.name == "a"
    assert found.warnings == []


def test_states_and_warnings(tmp_path: Path) -> None:
    found = read_connector_file(
        written(tmp_path, '{"name": "a", "config": {}, "initial_state": "paused", "extra": 1}')
    )
    assert found.initial_state == "PAUSED"
    assert len(found.warnings) == 1
    found = read_connector_file(written(tmp_path, "name=a\nx=1\nx=2"))
    assert found.config["x"] == "2"
    assert "line 2 and again in line 3" in found.warnings[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("# only\n", "nothing but comments"),
        ("x=1", "has no name"),
        ("name=\n", "has no name"),
        ('{"x": "1"}', "has no name"),
        ('{"name": "a",\n "x" 1}', "line 2, column 6"),
        ('{"name": "a", "name": "b"}', "key name twice"),
        ('{"name": "a", "config": {"x": "1", "x": "2"}}', "key x twice"),
        ('{"name": "a", "x": ["1"]}', "gives a list for x"),
        ('{"name": "a", "x": {}}', "gives an object for x"),
        ('["name"]', "JSON list"),
        ('{"config": {"x": "1"}}', 'no "name" beside it'),
        ('{"name": "a", "config": {"name": "b"}}', "'b' within its config"),
        ('{"name": "a", "config": {}, "initial_state": "HAPPY"}', "not one of RUNNING"),
        ('{"name": "a", "x": NaN}', "NaN, which is not JSON"),
        ('{"name": ' + "[" * 100_000, "nested too deeply"),
        (b"name=a\nx=\xff\n", "line 2"),
        (b'{"name": "a",\n"x": "\xff"}', "line 2"),
        ("name=a\nx=\\u12\n", "line 2"),
        (b"name=a\n" + b"#" * (5 * 1024 * 1024), "larger than 4 MiB"),
    ],
)
def test_mistakes(tmp_path: Path, data: str | bytes, said: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ConfigError) as caught:
        read_connector_file(path)
    text = str(caught.value)
    assert said in text
    assert text.startswith(str(path))
    assert text.endswith(".")
    assert len(text) < len(str(path)) + 250


def test_paths(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "none", "does not exist"),
        (tmp_path, "is a folder"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_worker_file(path)


def test_a_workers_file_is_properties(tmp_path: Path) -> None:
    assert read_worker_file(written(tmp_path, "a=1")).config == {"a": "1"}
    with pytest.raises(ConfigError, match="holds JSON"):
        read_worker_file(written(tmp_path, '{"a": "1"}'))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text('{}[]":,\\ na1', max_size=40).map(str.encode))
def test_any_file_is_read_or_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    try:
        found = read_connector_file(written(tmp_path, data))
    except ConfigError:
        return
    assert found.name.strip()
