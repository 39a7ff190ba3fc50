"""Tells a crash of the process from its being killed, and which thread crashed.

``faulthandler`` writes the stack of the thread that a fatal signal (SIGSEGV, SIGABRT, SIGBUS …) hit into a
file; ``kill -9`` writes nothing. The handler runs on a stack of its own, so that an overflow of the
thread's stack is written too; Python gives one to the main thread only, so every thread that runs plugins
asks for one here (Linux; elsewhere such a crash looks like a kill). What a task's thread does to its own
process by ``os._exit`` or ``os.kill`` is noted as well, before it is carried out.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, ClassVar, NoReturn

STACK_BYTES = 64 * 1024

_CURRENT = re.compile(r"Current thread 0x([0-9a-fA-F]+)")
_FATAL = re.compile(r"Fatal Python error: (.{1,80})")


class FaultFile:
    """The file that a fatal signal is written to, while the worker runs."""

    _open: ClassVar[list[IO[str]]] = []  # the handler keeps the descriptor: never closed behind its back

    def __init__(self, path: Path, is_tasks: Callable[[int], bool] = lambda thread_id: False) -> None:
        """``is_tasks``: whether the thread of this identity is a task's."""
        self._path = path
        self._is_tasks = is_tasks
        self._own: _OwnEnds | None = None

    def read(self) -> str:
        """What the last run left; empty if it was not hit by a fatal signal."""
        try:
            return self._path.read_text(errors="replace")
        except OSError:
            return ""

    def watch(self) -> None:
        """Write here from now on, and nothing yet."""
        self._path.unlink(missing_ok=True)
        file = self._path.open("w")
        self._path.chmod(0o600)
        self._open.append(file)
        faulthandler.enable(file=file, all_threads=True)
        self._own = _OwnEnds(file.fileno(), self._is_tasks)
        self._own.begin()

    def leave(self) -> None:
        """Watch no more; what comes now is not the worker's matter."""
        faulthandler.disable()
        if self._own is not None:
            self._own.end()
        self._path.unlink(missing_ok=True)


class _OwnEnds:
    """Notes that a task's thread ends its process, which leaves no other trace."""

    def __init__(self, descriptor: int, is_tasks: Callable[[int], bool]) -> None:
        self._descriptor = descriptor
        self._is_tasks = is_tasks
        self._pid = os.getpid()
        self._exit, self._kill = os._exit, os.kill

    def begin(self) -> None:
        def leave(status: int) -> NoReturn:
            self._note("os._exit was called")
            self._exit(status)

        def kill(pid: int, number: int, /) -> None:
            if pid == self._pid and number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS):
                self._note("it sent itself a signal")
            self._kill(pid, number)

        os._exit, os.kill = leave, kill

    def end(self) -> None:
        os._exit, os.kill = self._exit, self._kill

    def _note(self, what: str) -> None:
        me = threading.get_ident()
        if os.getpid() == self._pid and self._is_tasks(me):  # not in a process that was forked off
            text = f"Fatal Python error: {what}\n\nCurrent thread 0x{me:016x} (most recent call first):\n"
            os.write(self._descriptor, text.encode())


def faulted_thread(text: str) -> int | None:
    """The identity of the thread that was hit, as ``threading.get_ident`` numbered it; None if not told."""
    found = _CURRENT.search(text)
    return int(found[1], 16) if found else None


def stack_in(text: str, *, most_lines: int = 20) -> str:
    """The calls of the thread that was hit, innermost first."""
    found = _CURRENT.search(text)
    lines = text[found.end() :].splitlines()[1:] if found else []
    calls = []
    for line in lines[:most_lines]:
        if not line.startswith("  "):
            break
        calls.append(line.rstrip())
    return "\n".join(calls) or "  (not written)"


def fault_name(text: str) -> str:
    """What hit the process, such as ``Segmentation fault``; empty if nothing did."""
    found = _FATAL.search(text)
    return found[1].strip() if found else ""


class _Stack(ctypes.Structure):
    """``stack_t`` of Linux."""

    _fields_ = (("ss_sp", ctypes.c_void_p), ("ss_flags", ctypes.c_int), ("ss_size", ctypes.c_size_t))


_given = threading.local()


def give_signal_stack() -> None:
    """Give this thread a stack for signal handlers, if it has none. Does nothing where that is not known."""
    if not sys.platform.startswith("linux") or getattr(_given, "stack", None) is not None:
        return
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        old = _Stack()
        if libc.sigaltstack(None, ctypes.byref(old)) != 0 or not old.ss_flags & 2:  # SS_DISABLE
            return
        memory = ctypes.create_string_buffer(STACK_BYTES)
        new = _Stack(ctypes.addressof(memory), 0, STACK_BYTES)
        if libc.sigaltstack(ctypes.byref(new), None) == 0:
            _given.stack = memory  # lives as long as the thread
    except (OSError, AttributeError):
        return
