"""What every test of this folder leaves behind: no worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.process import WorkerProcess


@pytest.fixture(autouse=True)
def _no_worker_is_left() -> Iterator[None]:
    yield
    WorkerProcess.kill_all()
