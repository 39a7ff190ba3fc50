"""Fixtures that pytest finds by itself wherever ``kafka-connectkit[testing]`` is installed.

``connect`` is a running worker (:class:`connectkit.testing.worker.ConnectHarness`) in the test's own
folder; ``connect_worker`` makes such workers with options and plugins that are not installed. Nothing is
imported before a test asks for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from connectkit.testing.worker import ConnectHarness


@pytest.fixture
def connect_worker(tmp_path: Path) -> Iterator[Callable[..., ConnectHarness]]:
    """Makes started workers, each in a folder of its own; all are stopped at the end."""
    from connectkit.testing.worker import ConnectHarness

    made: list[ConnectHarness] = []

    def make(worker: Mapping[str, str] | None = None, **options: Any) -> ConnectHarness:
        harness = ConnectHarness(tmp_path / f"connect-{len(made)}", worker, **options)
        made.append(harness)
        return harness.start()

    yield make
    for harness in made:
        harness.stop()


@pytest.fixture
def connect(connect_worker: Callable[..., ConnectHarness]) -> ConnectHarness:
    """A running worker on an embedded log."""
    return connect_worker()
