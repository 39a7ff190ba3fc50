"""The door to the file system: a root that no path and no link leads out of."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from connectkit.connectors.folder import ROOT_VARIABLE, Folder, open_to_read, reason, resolve
from connectkit.errors import ConnectError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    monkeypatch.setenv(ROOT_VARIABLE, str(root))
    return root


def test_without_a_root_any_path_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    (tmp_path / "f").write_text("x")
    (tmp_path / "link").symlink_to("f")
    os.close(open_to_read(str(tmp_path / "link")))
    assert resolve("a") == os.path.abspath("a")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "sub/../../secret", "sub/../f", "a\0b"])
def test_paths_out_of_the_root_are_refused(root: Path, path: str) -> None:
    with pytest.raises(ConnectError):
        resolve(path)


def test_a_neighbour_with_the_roots_name_is_outside(root: Path) -> None:
    with pytest.raises(ConnectError):
        resolve(f"{root}2/f")


def test_paths_in_the_root(root: Path) -> None:
    (root / "sub" / "f").write_text("x")
    for path in ("sub/f", str(root / "sub" / "f")):
        with open(open_to_read(path)) as file:
            assert file.read() == "x"


def test_links_below_the_root_are_refused(root: Path) -> None:
    (root / "file").symlink_to(root.parent / "secret")
    (root / "out").symlink_to(root.parent)
    for path in ("file", "out/secret"):
        with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
            open_to_read(path)
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        Folder.of("out/new/f", create=True)
    assert not (root.parent / "new").exists()


def test_folders_are_made_below_the_root(root: Path) -> None:
    folder, name = Folder.of("a/b/f", create=True)
    with contextlib.closing(folder):
        folder.replace(name, b"one")
        folder.replace(name, b"two")
        assert folder.read(name, 10) == b"two"
        assert folder.names() == ["f"]
        assert folder.read("other", 10) is None
        folder.remove("other")
    assert (root / "a" / "b" / "f").read_text() == "two"


def test_the_systems_words() -> None:
    assert reason(FileNotFoundError(2, "x", "/secret")) == "no such file or directory"
    assert reason(OSError("x")) == "oserror"
