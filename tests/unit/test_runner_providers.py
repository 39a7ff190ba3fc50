"""Config providers: what they read, and the eight ways out of an allowed folder that they refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.runner.providers import (
    MAX_BYTES,
    DirectoryConfigProvider,
    EnvConfig,
    EnvVarConfigProvider,
    FileConfigProvider,
    PathsConfig,
    read_allowed,
)

CANARY = "CANARY-2718"


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "db.properties").write_text(f"password={CANARY}\nuser=me\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "token").write_text(f"{CANARY}\n")
    (tmp_path / "outside").write_text(f"password={CANARY}")
    return folder


def files(allowed: Path) -> FileConfigProvider:
    return FileConfigProvider(PathsConfig(allowed_paths=[str(allowed)]))


def folders(allowed: Path) -> DirectoryConfigProvider:
    return DirectoryConfigProvider(PathsConfig(allowed_paths=[str(allowed)]))


def test_file(allowed: Path) -> None:
    data = files(allowed).get(str(allowed / "db.properties"), ["password", "missing"])
    assert dict(data.data) == {"password": CANARY}
    assert data.ttl_ms is None


def test_directory_gives_whole_files(allowed: Path) -> None:
    data = folders(allowed).get(str(allowed / "sub"), ["token", "missing"])
    assert dict(data.data) == {"token": f"{CANARY}\n"}


def test_an_allowed_path_may_be_a_file(allowed: Path) -> None:
    path = allowed / "db.properties"
    assert FileConfigProvider(PathsConfig(allowed_paths=[str(path)])).get(str(path), ["user"]).data == {
        "user": "me"
    }


def test_links_inside_are_followed_as_kubernetes_needs(allowed: Path) -> None:
    (allowed / "..data").symlink_to(allowed / "sub")
    (allowed / "token").symlink_to("..data/token")
    assert dict(folders(allowed).get(str(allowed), ["token"]).data) == {"token": f"{CANARY}\n"}


def test_an_allowed_path_may_be_a_link(allowed: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(allowed)
    assert read_allowed(str(tmp_path / "link" / "sub" / "token"), [str(tmp_path / "link")]) == (
        f"{CANARY}\n".encode()
    )


def test_ways_out_are_refused(allowed: Path, tmp_path: Path) -> None:
    (allowed / "out").symlink_to(tmp_path / "outside")
    (allowed / "up").symlink_to(tmp_path)
    (allowed / "zero").symlink_to("/dev/zero")
    os.mkfifo(allowed / "pipe")
    with (allowed / "huge").open("wb") as file:
        file.truncate(2 * 1024**3)
    (allowed / "loop").symlink_to("loop")
    ways = {
        f"{allowed}/../outside": "not below any of allowed.paths",
        f"{allowed}/out": "leads by a link",
        f"{allowed}/up/outside": "leads by a link",
        f"{allowed}/zero": "leads by a link",
        f"{allowed}/pipe": "not a regular file",
        f"{allowed}/huge": "larger than",
        f"{allowed}/a\0b": "not an absolute path",
        f"{allowed}/loop": "cannot be read",
        f"{allowed}/sub": "not a regular file",
        f"{allowed}2/x": "not below any of allowed.paths",
        "relative": "not an absolute path",
        "": "not an absolute path",
        f"{allowed}/{'x' * 300}": "cannot be read",
    }
    for path, said in ways.items():
        with pytest.raises(ConfigError) as caught:
            files(allowed).get(path, ["password"])
        assert said in str(caught.value), path
        assert CANARY not in str(caught.value)


def test_double_slashes_are_one(allowed: Path) -> None:
    assert files(allowed).get(f"{allowed}//db.properties", ["user"]).data == {"user": "me"}


def test_a_folder_swapped_for_a_link_after_the_check_is_not_followed(
    allowed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "token").write_text("stolen")
    real_open = os.open
    swapped = False

    def swap_then_open(path: str, flags: int, *args: int, dir_fd: int | None = None) -> int:
        nonlocal swapped
        if not swapped:
            swapped = True
            (allowed / "sub").rename(tmp_path / "gone")
            (allowed / "sub").symlink_to(tmp_path / "elsewhere")
        return real_open(path, flags, *args, dir_fd=dir_fd)

    monkeypatch.setattr("connectkit.runner.providers.os.open", swap_then_open)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_allowed(str(allowed / "sub" / "token"), [str(allowed)])
    assert swapped


def test_no_file_descriptor_is_left_open(allowed: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    os.mkfifo(allowed / "pipe")
    for path in ("sub", "pipe", "sub/token", "missing"):
        try:
            read_allowed(str(allowed / path), [str(allowed)])
        except ConfigError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_sizes_up_to_the_limit_are_read(allowed: Path) -> None:
    (allowed / "big").write_bytes(b"x" * MAX_BYTES)
    assert len(read_allowed(str(allowed / "big"), [str(allowed)]) or b"") == MAX_BYTES
    (allowed / "big").write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="1024 KiB"):
        read_allowed(str(allowed / "big"), [str(allowed)])


@pytest.mark.parametrize("key", ["..", ".", "", "../outside", "sub/token", "/etc/passwd"])
def test_a_directorys_keys_are_names_only(allowed: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="not the name of a file"):
        folders(allowed).get(str(allowed), [key])


def test_a_directorys_file_must_be_utf_8(allowed: Path) -> None:
    (allowed / "bad").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        folders(allowed).get(str(allowed), ["bad"])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "is required"),
        ({"allowed.paths": ""}, "at least one"),
        ({"allowed.paths": "relative"}, "absolute"),
        ({"allowed.paths": "/no/such/folder"}, "does not exist"),
    ],
)
def test_allowed_paths_are_required(raw: dict[str, str], said: str) -> None:
    for name in ("FileConfigProvider", "org.apache.kafka.common.config.provider.DirectoryConfigProvider"):
        with pytest.raises(ConfigError) as caught:
            plugins.create("config_provider", name, raw)
        assert said in str(caught.value)


def test_environment() -> None:
    config = EnvConfig.parse({"allowlist.pattern": "DB_.*"})
    provider = EnvVarConfigProvider(config, environ={"DB_PW": CANARY, "HOME": "x"})
    assert dict(provider.get("", ["DB_PW", "DB_MISSING"]).data) == {"DB_PW": CANARY}
    for path, key, said in (
        ("", "HOME", "allowlist.pattern"),
        ("", "XDB_PW", "allowlist"),
        ("p", "DB_PW", "path"),
    ):
        with pytest.raises(ConfigError, match=said):
            provider.get(path, [key])
    with pytest.raises(ConfigError, match="is required"):
        plugins.create("config_provider", "EnvVar", {})
