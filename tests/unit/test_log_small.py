"""The small parts of the log: opening, settings, topic names, rate-limited logging, locks, signals."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from connectkit.errors import ConfigError
from connectkit.runner.log.embedded.process_lock import ProcessLock, is_alive
from connectkit.runner.log.embedded.signal import Signal
from connectkit.runner.log.kafka.logs import RateLimitedLogger
from connectkit.runner.log.opening import open_log
from connectkit.runner.log.settings import choice, flag, whole_number
from connectkit.runner.log.topics import compile_pattern, name_problem


def test_the_embedded_log_loads_no_kafka_client(tmp_path: Path) -> None:
    code = (
        "import sys; from connectkit.runner.log.opening import open_log; "
        f"log = open_log('embedded:{tmp_path}/log'); log.producer({{}}).close(0); "
        "assert not [m for m in sys.modules if 'confluent' in m or 'librdkafka' in m]; "
        "assert 'asyncio' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("text", ["", "  ", "embedded:"])
def test_an_address_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_log(text)
    assert list(caught.value.problems) == ["bootstrap.servers"]


def test_wrong_settings_of_the_embedded_log_are_named(tmp_path: Path) -> None:
    for key, value in (("num.partitions", "0"), ("auto.create.topics.enable", "perhaps")):
        with pytest.raises(ConfigError) as caught:
            open_log(f"embedded:{tmp_path}", {key: value})
        assert list(caught.value.problems) == [key]
    log = open_log(f"embedded:{tmp_path}")
    with pytest.raises(ConfigError) as caught:
        log.consumer({"isolation.level": "sometimes"})
    assert list(caught.value.problems) == ["isolation.level"]


def test_settings_are_read_and_bounded() -> None:
    config = {"n": " 7 ", "yes": "TRUE", "word": "Latest"}
    assert whole_number(config, "n", 1) == 7
    assert whole_number(config, "missing", 1) == 1
    assert flag(config, "yes", False) is True
    assert flag(config, "missing", False) is False
    assert choice(config, "word", "x", ("earliest", "latest")) == "latest"
    for step in (
        lambda: whole_number(config, "n", 1, most=6),
        lambda: whole_number(config, "word", 1),
        lambda: flag(config, "n", False),
        lambda: choice(config, "word", "x", ("earliest",)),
    ):
        with pytest.raises(ConfigError):
            step()


@pytest.mark.parametrize("name", ["a", "a.b_c-D9", "x" * 249, "__x"])
def test_good_topic_names(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "é", "x" * 250, "a\n"])
def test_bad_topic_names(name: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert "\n" not in problem
    assert len(problem) < 250


def test_patterns_are_compiled_or_refused() -> None:
    assert compile_pattern("a.*").fullmatch("abc")
    with pytest.raises(ConfigError):
        compile_pattern("a(")


def test_similar_lines_come_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [100.0]
    logger = RateLimitedLogger(lambda: now_s[0])
    with caplog.at_level(logging.INFO, logger="connectkit.log.kafka"):
        for attempt in range(50):
            logger.log(logging.WARNING, "%s [%s] %s", "FAIL", "rdkafka", f"attempt {attempt}\nfailed\x1b[31m")
        logger.log(logging.WARNING, "%s", "another")
        now_s[0] += 31
        logger.log(logging.WARNING, "%s [%s] %s", "FAIL", "rdkafka", "attempt 99\nfailed\x1b[31m")
        logger.log(logging.DEBUG, "%s", "not wanted")
        logger.log(logging.WARNING, "%s", "long " * 1000)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "FAIL [rdkafka] attempt 0 failed [31m"
    assert lines[1] == "another"
    assert lines[2] == "FAIL [rdkafka] attempt 99 failed [31m (49 more like it)"
    assert len(lines) == 4
    assert len(lines[3]) <= 300


def test_the_limiter_remembers_a_bounded_number_of_kinds() -> None:
    logger = RateLimitedLogger(lambda: 0.0)
    for a in range(30):
        for b in range(30):
            logger.log(logging.WARNING, "%s", f"{'a' * a} {'b' * b}")
    assert len(logger._last) <= 256


def test_a_lock_shows_that_its_holder_lives(tmp_path: Path) -> None:
    lock = ProcessLock(tmp_path / "members", "one")
    assert is_alive(tmp_path / "members", "one")
    assert not is_alive(tmp_path / "members", "two")
    lock.release()
    lock.release()
    assert not is_alive(tmp_path / "members", "one")
    dropped = ProcessLock(tmp_path / "members", "three")
    del dropped
    assert not is_alive(tmp_path / "members", "three")


def test_the_lock_of_a_dead_process_is_free(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from connectkit.runner.log.embedded.process_lock import ProcessLock; "
        f"lock = ProcessLock(pathlib.Path({str(tmp_path)!r}), 'dead'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert (tmp_path / "dead.lock").exists()
    assert not is_alive(tmp_path, "dead")
    assert not (tmp_path / "dead.lock").exists()


def test_a_signal_that_has_come_is_not_waited_for() -> None:
    signal = Signal()
    seen = signal.count
    signal.notify()
    signal.wait(seen, 60.0)
    assert signal.count == seen + 1
    signal.wait(signal.count, 0.0)
