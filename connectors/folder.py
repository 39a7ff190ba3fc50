"""The one door to the file system: opens files in a folder, and only below a root where one is set.

A connector's configuration may come from people who must not read or write every file of the machine.
The operator of the worker then sets ``CONNECTKIT_FILES_ROOT`` in the worker's environment (no connector
can): paths must lie below that folder, relative ones start there, and no part below it may be a symbolic
link. Each step is opened relative to the one before, so that a folder swapped for a link between the
check and the use is refused too.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Self

from connectkit.errors import ConnectError

ROOT_VARIABLE = "CONNECTKIT_FILES_ROOT"


def resolve(path: str) -> str:
    """The absolute path a configured path means; ``ConnectError`` if it lies outside the root."""
    if "\0" in path:
        raise ConnectError("A file's path contains a NUL character; no file can have that name.")
    root = os.environ.get(ROOT_VARIABLE)
    if not root:
        return os.path.abspath(path)
    root = os.path.realpath(root)
    full = os.path.normpath(os.path.join(root, path))
    if ".." in path.split(os.sep) or (full != root and not full.startswith(root.rstrip(os.sep) + os.sep)):
        raise ConnectError(
            f"The path {path} is outside of the folder this worker may use for files; "
            f"give a path below the worker's {ROOT_VARIABLE}."
        )
    return full


class Folder:
    """An open folder. Paths inside are plain names, so what is meant cannot change under us.

    Errors are the ``OSError`` of the system call. Not safe for several threads.
    """

    __slots__ = ("_fd", "_rooted", "path")

    def __init__(self, fd: int, path: str, rooted: bool) -> None:
        self._fd = fd
        self.path = path
        self._rooted = rooted

    @classmethod
    def of(cls, path: str, *, create: bool = False) -> tuple[Self, str]:
        """The folder of a file, and the file's name in it; ``create`` makes missing folders."""
        folder, name = os.path.split(resolve(path))
        root = os.environ.get(ROOT_VARIABLE)
        if not root:
            if create:
                os.makedirs(folder, exist_ok=True)
            return cls(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), folder, False), name
        root = os.path.realpath(root)
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in os.path.relpath(folder, root).split(os.sep):
            if part == os.curdir:
                continue
            above = fd
            try:
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=above)
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(part, flags, dir_fd=above)
            finally:
                os.close(above)
        return cls(fd, folder, True), name

    def open(self, name: str, flags: int) -> int:
        """A descriptor of the file. Never waits for the other end of a pipe."""
        if self._rooted:
            flags |= os.O_NOFOLLOW
        return os.open(name, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o666, dir_fd=self._fd)

    def stat(self, name: str) -> os.stat_result | None:
        """What is there under that name (a link itself, not what it points to), or None."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        return os.listdir(self._fd)

    def rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(name, dir_fd=self._fd)

    def replace(self, name: str, data: bytes) -> None:
        """Make ``data`` the content of a file, durably: a reader finds the old or the new, never a part."""
        new = f"{name}.new"
        fd = self.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        self.rename(new, name)
        self.sync()

    def read(self, name: str, limit_bytes: int) -> bytes | None:
        """The content of a small file, or None if there is none; longer content is cut."""
        try:
            fd = self.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            return file.read(limit_bytes)

    def sync(self) -> None:
        """Make renames and new files durable."""
        os.fsync(self._fd)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_to_read(path: str) -> int:
    """A descriptor for reading; ``OSError`` as the system has it."""
    folder, name = Folder.of(path)
    try:
        fd = folder.open(name, os.O_RDONLY)
    finally:
        folder.close()
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return fd


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write everything, in as many calls as it takes."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def reason(error: OSError) -> str:
    """The system's words for an error, without a path."""
    return (os.strerror(error.errno) if error.errno else type(error).__name__).lower()
