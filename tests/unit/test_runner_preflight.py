"""What a source is asked before it may deliver exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectkit.api import SourceConnector, SourceTask, Support
from connectkit.config import Config, option
from connectkit.record import SourceRecord
from connectkit.runner.configs.connector import SourceConnectorConfig
from connectkit.runner.preflight import check_exactly_once
from connectkit.runner.report import Report

RAW = {"name": "s", "connector.class": "Answering", "file": "f"}


class Options(Config):
    file: str = option(doc="A file.")


class AnsweringTask(SourceTask[Options]):
    def start(self) -> None: ...
    def poll(self) -> list[SourceRecord] | None: ...
    def stop(self) -> None: ...


class Answering(SourceConnector[Options]):
    """Answers what a test wants."""

    task_class = AnsweringTask
    support: Any = Support.SUPPORTED
    own: Any = Support.SUPPORTED

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [{}]

    def exactly_once_support(self) -> Support:
        if isinstance(self.support, Exception):
            raise self.support
        return self.support  # type: ignore[no-any-return]  # whatever a test wants

    def can_define_transaction_boundaries(self) -> Support:
        if isinstance(self.own, Exception):
            raise self.own
        return self.own  # type: ignore[no-any-return]  # whatever a test wants


def check(
    options: Mapping[str, str], *, support: Any = Support.SUPPORTED, own: Any = Support.SUPPORTED, **more: Any
) -> Report:
    cls = type("Asked", (Answering,), {"support": support, "own": own})
    raw = {**RAW, **options}
    report = Report()
    config = SourceConnectorConfig.parse(raw, known=lambda key: True)
    check_exactly_once(raw, config, cls, report, **{"delivers_once": True, **more})
    return report


REQUIRED = {"exactly.once.support": "REQUIRED"}
OWN = {"transaction.boundary": "connector"}


def test_what_is_supported_passes() -> None:
    report = check({**REQUIRED, **OWN})
    assert not report.errors
    assert not report.warnings


@pytest.mark.parametrize("answer", [Support.UNSUPPORTED, None, "SUPPORTED", True])
def test_a_connector_that_cannot_is_refused(answer: Any) -> None:
    assert set(check(REQUIRED, support=answer).errors) == {"exactly.once.support"}
    assert set(check(OWN, own=answer).errors) == {"transaction.boundary"}
    assert not check({}, support=answer, own=answer).errors
    assert not check(REQUIRED, own=answer).errors
    assert not check(OWN, support=answer).errors


def test_a_connector_that_fails_to_answer_is_refused_without_its_words() -> None:
    report = check({**REQUIRED, **OWN}, support=ValueError("secret"), own=ValueError("secret"))
    assert set(report.errors) == {"exactly.once.support", "transaction.boundary"}
    assert "secret" not in str(report.errors)
    assert "ValueError" in str(report.errors)


def test_a_worker_that_does_not_deliver_once_is_named() -> None:
    report = check(REQUIRED, delivers_once=False)
    assert "exactly.once.source.support=enabled" in report.errors["exactly.once.support"][0]
    assert not check({}, delivers_once=False).errors
    assert not check(REQUIRED, delivers_once=None).errors


def test_options_without_effect_are_told_of() -> None:
    interval = {"transaction.boundary.interval.ms": "5"}
    assert set(check(interval).warnings) == {"transaction.boundary.interval.ms"}
    assert not check({**interval, "transaction.boundary": "interval"}).warnings
    assert set(check({**interval, **OWN}, delivers_once=False).warnings) == {
        "transaction.boundary",
        "transaction.boundary.interval.ms",
    }


def test_a_connector_with_variables_or_wrong_options_is_not_asked() -> None:
    assert not check(REQUIRED, support=None, ask=False).errors
    raw = {"name": "s", "connector.class": "Answering", **REQUIRED}
    report = Report()
    config = SourceConnectorConfig.parse(raw, known=lambda key: True)
    check_exactly_once(raw, config, Answering, report, delivers_once=True)
    assert not report.errors
