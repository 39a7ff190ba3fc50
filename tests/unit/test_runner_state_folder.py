"""The folder that keeps connectors: what comes back, what is refused, and who may read it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError, ConnectError
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import Target
from connectkit.runner.state_folder import Kept, StateFolder, open_state

CONFIG = {"name": "a", "connector.class": "X", "secret": "${file:f:k}", "none": None}
WORKER = {
    "bootstrap.servers": "kafka:9092",
    "key.converter": "JsonConverter",
    "value.converter": "JsonConverter",
}


def kept(name: str = "a", target: Target = Target.STARTED, *, from_file: bool = False) -> Kept:
    return Kept(name, {**CONFIG, "name": name}, target, from_file)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "deep" / "state")
    for each in (kept("b", Target.PAUSED), kept("a", from_file=True), kept("c", Target.STOPPED)):
        folder.keep(each)
    folder.keep(kept("c"))
    assert StateFolder(tmp_path / "deep" / "state").load() == [
        kept("a", from_file=True),
        kept("b", Target.PAUSED),
        kept("c"),
    ]
    folder.forget("b")
    folder.forget("nobody")
    assert [each.name for each in folder.load()] == ["a", "c"]


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.keep(kept())
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()] == [0o600]


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(0o777)
    with pytest.raises(ConfigError, match="others may write"):
        StateFolder(path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"state\.dir"):
        StateFolder(tmp_path / "file")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"format": "connectkit-connector", "version": 2}),
        json.dumps({"format": "connectkit-connector", "version": 1, "name": 5, "config": {}}),
        json.dumps({"format": "connectkit-connector", "version": 1, "name": "x", "config": {"a": 1}}),
        json.dumps(
            {"format": "connectkit-connector", "version": 1, "name": "x", "config": {}, "target": "GO"}
        ),
    ],
)
def test_a_damaged_file_keeps_no_other_from_coming_back(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = StateFolder(tmp_path)
    folder.keep(kept())
    (tmp_path / "bad.json").write_text(content)
    assert folder.load() == [kept()]
    assert "bad.json" in caplog.text
    assert (tmp_path / "bad.json").read_text() == content


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    (tmp_path / ".x.json.1.tmp").write_text("torn")
    (own := tmp_path / f".y.json.{os.getpid()}.tmp").write_text("another thread writes it")
    assert folder.load() == []
    assert list(tmp_path.iterdir()) == [own]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_what_cannot_be_kept_is_an_error(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    (tmp_path / "state").chmod(0o500)
    with pytest.raises(ConnectError, match="nothing was changed"):
        folder.keep(kept())


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    (tmp_path / "state").rmdir()
    with pytest.raises(ConnectError, match="nothing was changed"):
        folder.keep(kept())


@given(st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True))
def test_any_name_has_a_file_of_its_own(names: list[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as path:
        folder = StateFolder(Path(path))
        for name in names:
            folder.keep(kept(name))
        assert sorted(each.name for each in folder.load()) == sorted(names)
        assert all(path.parent == Path(path.parent) for path in Path(path).rglob("*.json"))
        assert len(list(Path(path).glob("*.json"))) == len(names)


def test_where_the_folder_is(tmp_path: Path) -> None:
    beside = {**WORKER, "offset.storage.file.filename": str(tmp_path / "offsets")}
    assert open_state(WorkerConfig.parse(beside)) is not None
    assert (tmp_path / "offsets.connectors").is_dir()
    assert open_state(WorkerConfig.parse({**beside, "state.dir": ""})) is None
    named = WorkerConfig.parse({**beside, "state.dir": str(tmp_path / "named")})
    assert open_state(named) is not None
    assert (tmp_path / "named").is_dir()


def test_a_folder_has_one_worker_at_a_time(tmp_path: Path) -> None:
    first, second = StateFolder(tmp_path / "state"), StateFolder(tmp_path / "state")
    first.take()
    with pytest.raises(
        ConfigError, match=rf"another worker \(process {os.getpid()}\).*state\.dir of its own"
    ):
        second.take()
    second.release()  # what it never had
    with pytest.raises(ConfigError, match="another worker"):
        second.take()
    first.release()
    first.release()
    second.take()
    second.keep(kept())
    assert second.load() == [kept()]
    second.release()


def test_a_file_system_without_locks_keeps_connectors_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    folder = StateFolder(tmp_path / "state")
    folder.take()
    folder.keep(kept())
    assert folder.load() == [kept()]
    folder.release()
