"""Runs golden cases and keeps count; see ``python -m tests.golden --help``."""

from __future__ import annotations

import gzip
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.golden.areas import area_of, run
from tests.golden.codec import UnrepresentableError
from tests.golden.compare import UNREPRESENTABLE
from tests.golden.rules import told_reason

_RECURSION = 20_000  # some cases are nested hundreds of levels deep
DATA = Path(__file__).parent / "data"


@dataclass(slots=True)
class Count:
    """How the cases of one area went. ``failures`` and ``told`` hold id and difference."""

    passed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The cases of a file, one JSON object a line; gzip is recognised by its first bytes."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        case = json.loads(line)
        if not isinstance(case, dict):
            raise ValueError(f"line {number} is not a JSON object")  # noqa: TRY004 - the file is wrong
        yield case


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let the codec and the comparison follow the deepest cases."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, _RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def judge(case: dict[str, Any]) -> tuple[str | None, str | None]:
    """What differs (None: nothing), and the reason if we were told of it."""
    try:
        difference = run(case)
    except UnrepresentableError as error:
        difference = f"{UNREPRESENTABLE}{error}"
    except Exception as error:  # noqa: BLE001 - a crash of ours, or of the runner, is a failure like any
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        difference = f"the runner met {type(error).__name__} at {place}: {str(error)[:200]}"
    if difference is None:
        return None, None
    return difference, told_reason(case, difference)


def run_all(cases: Iterable[dict[str, Any]], counts: dict[str, Count]) -> None:
    """Run cases and add them to the counts of their areas."""
    with deep_recursion():
        for case in cases:
            count = counts.setdefault(area_of(case), Count())
            difference, reason = judge(case)
            name = str(case.get("id", "without an id"))
            if difference is None:
                count.passed += 1
            elif reason is not None:
                count.told.append((name, difference, reason))
            else:
                count.failures.append((name, difference))
