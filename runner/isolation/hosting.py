"""Puts together what a task's process needs: configurations, plugins, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit.plugin import Registry
from connectkit.runner.build import Plan
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.configs.connector import SinkConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import TaskId
from connectkit.runner.fencing import Fencing
from connectkit.runner.isolation.channel import pack
from connectkit.runner.isolation.parent import Host, ProcessTask, RemoteControl, check_transferable
from connectkit.runner.isolation.remote import answer
from connectkit.runner.journal import Journal
from connectkit.runner.offsets import OffsetStore
from connectkit.runner.sink_task import SinkSettings
from connectkit.runner.status import StatusListener


def host_task(
    task_id: TaskId,
    plan: Plan,
    connector: Mapping[str, Any],
    task_config: Mapping[str, Any],
    control: RemoteControl,
    *,
    config: WorkerConfig,
    registry: Registry,
    store: OffsetStore,
    status: StatusListener,
    journal: Journal | None,
    fencing: Fencing | None,
) -> ProcessTask:
    """A task that will run in a process of its own. Raises ``ConnectError`` if it cannot."""
    place = journal.place(task_id) if journal is not None else None
    added, allowed = registry.local()
    begin = {
        "t": "begin",
        "task_id": [*task_id],
        "source": plan.is_source,
        "worker": pack(config.originals),
        "connector": pack(connector),
        "task": pack(task_config),
        "plugins": check_transferable(added),
        "allow": None if allowed is None else sorted(allowed),
        "fences": fencing is not None,
        "journal": None
        if place is None
        else [place[0], place[1], None if place[2] is None else place[2].to_json()],
    }

    def died(proven: bool) -> str | None:
        return journal.died(task_id, proven=proven) if journal is not None else None

    task = ProcessTask(
        task_id,
        "source" if plan.is_source else "sink",
        control,
        status,
        Host(
            begin=begin,
            answer=lambda message: answer(message, store, fencing),
            died=died,
        ),
        settings=_subscription(task_id, plan, config),
    )
    if plan.config.task_call_timeout_ms:
        task.call_timeout_s = plan.config.task_call_timeout_ms / 1000
    return task


def _subscription(task_id: TaskId, plan: Plan, worker: WorkerConfig) -> SinkSettings | None:
    """What a sink reads, and in which group; None of a source."""
    config = plan.config
    if not isinstance(config, SinkConnectorConfig):
        return None
    return SinkSettings(
        topics=config.topics,
        pattern=config.topics_regex or None,
        group=ClientConfigs(worker).consumer(task_id, config)["group.id"],
    )
