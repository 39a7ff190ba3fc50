"""Memory of huge records is given back, and the operator's own settings stand."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from connectkit.runner.memory import tune_memory

_MEASURE = """
import os, sys
from connectkit.runner.memory import tune_memory

def pages():
    return int(open("/proc/self/statm").read().split()[1])

tune_memory(eval(sys.argv[1]))
small = []
before = pages()
for _ in range(6):
    huge = []
    for _ in range(4):
        huge.append(b"x" * 12_000_000)
        small.append(b"y" * 100_000)  # stays, behind the huge one
    del huge
print((pages() - before) * os.sysconf("SC_PAGE_SIZE"))
"""


def _left_bytes(environment: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, environment], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's settings")
def test_blocks_of_huge_records_are_given_back_at_once() -> None:
    assert _left_bytes("{}") < 12_000_000 < _left_bytes("{'GLIBC_TUNABLES': ''}")


def test_what_the_operator_sets_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    monkeypatch.setattr("connectkit.runner.memory._tune_allocator", lambda: called.append(1))
    bounds = gc.get_threshold()
    try:
        tune_memory({"MALLOC_MMAP_THRESHOLD_": "1"})
        assert not called
        tune_memory({"PATH": "/bin"})
        assert called
    finally:
        gc.set_threshold(*bounds)
        gc.unfreeze()
