"""Fixtures that all tests share: a real Kafka, a log of either kind, and nothing left of other tests."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from connectkit.plugin import plugins
from connectkit.runner.log.api import Log
from connectkit.runner.log.opening import open_log
from connectkit.runner.observe import TALKATIVE
from connectkit.secret import GIVEN
from tests.kafka_server import UnavailableError, shared_kafka
from tests.support.avro_twins import twin_fixture

# No test depends on how fast this machine is just now.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

__all__ = ["twin_fixture"]


@pytest.fixture(autouse=True)
def _settings_of_the_process() -> Iterator[None]:
    """What a command sets for its whole process ends with the test: logging, hidden words, local plugins."""
    root, words, raises = logging.getLogger(), GIVEN._words, logging.raiseExceptions
    handlers, level = root.handlers[:], root.level
    levels = {each: each.level for each in _loggers()}
    added, allowed = plugins.local()
    path = sys.path[:]
    yield
    root.handlers[:], root.level = handlers, level
    for logger, its_level in levels.items():
        if logger.level != its_level:
            logger.setLevel(its_level)
    logging.raiseExceptions = raises
    GIVEN._words = words
    sys.path[:] = path
    if plugins.local() != (added, allowed):
        plugins._added = added
        plugins.allow(allowed)


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())  # at once: other threads may add to it
    return [*map(logging.getLogger, TALKATIVE), *(each for each in known if isinstance(each, logging.Logger))]


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real Kafka. Use it in tests marked ``kafka`` only.

    Skips with the reason where none can be started; fails with it where ``CONNECTKIT_REQUIRE_KAFKA=1``.
    """
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    try:
        with shared_kafka(base) as bootstrap:
            yield bootstrap
    except UnavailableError as exc:
        if os.environ.get("CONNECTKIT_REQUIRE_KAFKA", "0") not in ("", "0"):
            pytest.fail(f"CONNECTKIT_REQUIRE_KAFKA is set, but {exc}")
        pytest.skip(f"no Kafka: {exc}")


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a log of each kind: the same test must pass on both."""
    if request.param == "kafka":
        found: str = request.getfixturevalue("kafka_bootstrap")
        return found
    (tmp_path / "log").mkdir()
    return f"embedded:{tmp_path / 'log'}"


@pytest.fixture
def log(bootstrap: str) -> Iterator[Log]:
    """A log of each kind."""
    opened = open_log(bootstrap, {})
    yield opened
    opened.close()


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Names that no other test uses: the broker is shared."""
    suffix = uuid.uuid4().hex[:12]
    return lambda name: f"{name}-{suffix}"
