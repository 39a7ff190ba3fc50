"""A sink whose put hangs, on Kafka: it leaves its group, and the next task has the records at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectkit.runner.control import TaskId
from tests.support.gates import gate, running_herder
from tests.support.process import until


@pytest.mark.kafka
@pytest.mark.parametrize("where", ["put", "flush", "task.start"])
def test_the_next_task_does_not_wait_for_the_poll_interval_of_one_that_hangs(
    tmp_path: Path, kafka_bootstrap: str, unique: Callable[[str], str], where: str
) -> None:
    topic = unique("hung")
    the_task = TaskId(topic, 0)
    with (
        running_herder(tmp_path, bootstrap=kafka_bootstrap) as herder,
        gate(where) as held,
    ):
        herder.put({"name": "source", "connector.class": "TroubleSource", "topic": topic})
        herder.put(
            {
                "name": topic,
                "connector.class": "GateSink",
                "topics": topic,
                "where": where,
                "consumer.override.auto.offset.reset": "earliest",
                "task.call.timeout.ms": "300",
                "task.restart.delay.ms": "1000",
            }
        )
        assert held.reached.wait(60)
        [hung] = [task for task in herder.tasks() if task.id == the_task]
        until(lambda: hung.failed, "the end of patience")
        herder._entries[topic].task_configs[0]["where"] = ""  # the next one does not hang
        until(
            lambda: (
                (herder.health(topic)[the_task].last_record_age_s or 99) < 1
                and all(task is not hung for task in herder.tasks())
            ),
            "records in the next task",
        )
        assert herder.mender.healer.restarts(the_task) == 1
