"""Lets a crash of the process be told from its being killed, and the thread that crashed from the others.

``faulthandler`` writes the stack of the thread that a fatal signal (SIGSEGV, SIGABRT, SIGBUS …) hit into a
file; ``kill -9`` writes nothing. The handler runs on a stack of its own, so that an overflow of the
thread's stack is written too; Python gives one to the main thread only, so every thread that runs plugins
asks for one here (Linux; elsewhere such a crash looks like a kill).
"""

from __future__ import annotations

import ctypes
import faulthandler
import re
import sys
import threading
from pathlib import Path
from typing import IO, ClassVar

STACK_BYTES = 64 * 1024

_CURRENT = re.compile(r"Current thread 0x([0-9a-fA-F]+)")
_FATAL = re.compile(r"Fatal Python error: (.{1,80})")


class FaultFile:
    """The file that a fatal signal is written to, while the worker runs."""

    _open: ClassVar[list[IO[str]]] = []  # the handler keeps the descriptor: never closed behind its back

    def __init__(self, path: Path) -> None:
        self._path = path

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

    def leave(self) -> None:
        """Watch no more; what comes now is not the worker's matter."""
        faulthandler.disable()
        self._path.unlink(missing_ok=True)


def faulted_thread(text: str) -> int | None:
    """The identity of the thread that was hit, as ``threading.get_ident`` numbered it; None if not told."""
    found = _CURRENT.search(text)
    return int(found[1], 16) if found else None


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


def take_signal_stack() -> None:
    """Before the thread ends and the memory goes with it."""
    if getattr(_given, "stack", None) is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sigaltstack(ctypes.byref(_Stack(None, 2, 0)), None)
    _given.stack = None
