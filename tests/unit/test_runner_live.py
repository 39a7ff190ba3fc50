"""The live lines: what is most important fits on the terminal, whole, whatever connectors are called."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pytest

from connectkit.runner import live
from connectkit.runner.live import Live, Totals, cells, fitted


def drawn(monkeypatch: pytest.MonkeyPatch, names: list[str], *, width: int) -> list[str]:
    """The lines of connectors that have moved a million records in a second."""
    seen = iter([Totals() for _ in names] + [Totals(1_000_000, 999_999, 7, 1_234_567) for _ in names])
    monkeypatch.setattr(live, "totals_of", lambda herder, name: next(seen))
    running = SimpleNamespace(state=SimpleNamespace(value="RUNNING"))
    status = SimpleNamespace(type="source", tasks={0: running}, connector=running)
    herder = SimpleNamespace(connectors=lambda: names, status=lambda name: status)
    now = iter([0.0] * len(names) + [1.0] * len(names))
    terminal = io.StringIO()
    display = Live(cast("Any", herder), terminal, width=width, clock=lambda: next(now))
    display.refresh()
    display.refresh()
    return terminal.getvalue().rpartition("\x1b[J")[2].splitlines()[-len(names) :]


def test_state_rates_and_lag_fit_on_a_terminal_of_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    long, short = drawn(monkeypatch, ["a-name-that-is-longer-than-the-column-for-it", "short"], width=79)
    assert long.startswith("a-name-that-is-long… RUNNING  ")
    for line in (long, short):
        assert "in 1,000,000/s  out 999,999/s  lag 1,234,567" in line
        assert cells(line) <= 79


def test_with_more_room_there_is_more_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = drawn(monkeypatch, ["orders"], width=120)
    assert line == (
        "orders RUNNING    in 1,000,000/s  out 999,999/s  lag 1,234,567  skipped 7  total 999,999"
        "  source, 1 task"
    )


def test_wide_and_unprintable_names_neither_wrap_nor_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide, hostile = drawn(monkeypatch, ["注文" * 20, "\x1b[2Jx"], width=60)
    assert cells(wide) <= 60
    assert hostile.startswith("\\x1b[2Jx ")


@pytest.mark.parametrize("width", range(12))
def test_a_terminal_too_narrow_gets_what_fits(width: int) -> None:
    assert cells(fitted("orders RUNNING", ["in 1/s"], width)) <= max(width, 1)
