"""Failures by kind: with their causes, and of foreign exceptions only what says that it passes."""

from __future__ import annotations

import errno
import socket
import sqlite3
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest

from connectkit.errors import (
    ConfigError,
    ConnectError,
    ConversionError,
    DataError,
    FatalTaskError,
    FencedError,
    RetriableError,
)
from connectkit.runner.causes import (
    Cause,
    DiedError,
    HungError,
    ParkedError,
    RemoteError,
    cause_of,
    wait_of,
)


def caused(error: BaseException, by: BaseException) -> BaseException:
    error.__cause__ = by
    return error


class EndpointConnectionError(Exception):
    """As client libraries name theirs."""


class ClientError(EndpointConnectionError):
    pass


EndpointConnectionError.__name__ = "ConnectionError"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RetriableError("later"), Cause.TRANSIENT),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Cause.TRANSIENT),
        (ConnectionResetError(), Cause.TRANSIENT),
        (TimeoutError(), Cause.TRANSIENT),
        (FutureTimeoutError(), Cause.TRANSIENT),
        (socket.gaierror(-3, "name"), Cause.TRANSIENT),
        (OSError(errno.EMFILE, "too many"), Cause.TRANSIENT),
        (OSError(errno.ENETUNREACH, "unreachable"), Cause.TRANSIENT),
        (sqlite3.OperationalError("locked"), Cause.TRANSIENT),
        (ClientError(), Cause.TRANSIENT),
        (MemoryError(), Cause.TRANSIENT),
        (OSError(errno.ENOSPC, "full"), Cause.UNKNOWN),
        (PermissionError(errno.EACCES, "no"), Cause.UNKNOWN),
        (FileNotFoundError(errno.ENOENT, "no"), Cause.UNKNOWN),
        (ValueError("x"), Cause.UNKNOWN),
        (SystemExit(1), Cause.UNKNOWN),
        (ConnectError("probe"), Cause.UNKNOWN),
        (FatalTaskError("stop"), Cause.FATAL),
        (ConfigError("x"), Cause.CONFIG),
        (DataError("x"), Cause.DATA),
        (ConversionError("x"), Cause.DATA),
        (FencedError("x"), Cause.FENCED),
        (HungError("x"), Cause.HUNG),
        (DiedError("x"), Cause.DIED),
        (ParkedError("x"), Cause.PARKED),
        (RemoteError("x", Cause.DATA), Cause.DATA),
        (caused(FatalTaskError("x"), RetriableError("y")), Cause.TRANSIENT),
        (caused(FatalTaskError("x"), caused(ConnectError("y"), ConnectionResetError())), Cause.TRANSIENT),
        (caused(FatalTaskError("x"), DataError("y")), Cause.DATA),
        (caused(FatalTaskError("x"), ValueError("y")), Cause.UNKNOWN),
        (caused(RetriableError("x"), FencedError("y")), Cause.FENCED),
        (caused(RuntimeError("x"), ConnectionResetError()), Cause.TRANSIENT),
    ],
)
def test_cause(error: BaseException, cause: Cause) -> None:
    assert cause_of(error) is cause


def test_a_context_counts_unless_it_is_suppressed() -> None:
    error = RuntimeError("x")
    error.__context__ = TimeoutError()
    assert cause_of(error) is Cause.TRANSIENT
    error.__suppress_context__ = True
    assert cause_of(error) is Cause.UNKNOWN


def test_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("x"), ValueError("y")
    first.__cause__, second.__cause__ = second, first
    assert cause_of(first) is Cause.UNKNOWN


def test_the_wait_that_is_asked_for_is_found_behind_other_errors() -> None:
    assert wait_of(caused(FatalTaskError("x"), RetriableError("y", wait_s=7.0))) == 7.0
    assert wait_of(RemoteError("x", Cause.TRANSIENT, wait_s=3.0)) == 3.0
    assert wait_of(ValueError()) is None
