"""``GET /metrics``: Kafka Connect's metrics in Prometheus' text form, under names made by one rule.

A JMX metric ``kafka.connect:type=GROUP-metrics[,connector=C][,task=N] NAME`` becomes
``kafka_connect_GROUP_NAME{connector="C",task="N"}``: GROUP without a leading ``connect-``, and ``-`` as
``_``; the names that the common rules for Prometheus' JMX exporter give, so that dashboards fit. A metric
that is a text becomes 1 with the text as a label of the metric's own name. What Connect does not measure
is called ``connectkit_…``. Rates and averages are over the last half to whole minute, as in Connect.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from connectkit.errors import NotFoundError
from connectkit.runner.rest import schemas
from connectkit.runner.rest.answers import Answer, RestError
from connectkit.runner.rest.calls import Call
from connectkit.runner.rest.routes import Operation
from connectkit.runner.status import State

if TYPE_CHECKING:
    from connectkit.runner.herder import Herder
    from connectkit.runner.rest.security_principals import Principal
    from connectkit.runner.worker_task import WorkerTask

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OWN: Final = "connectkit-task"
"""The group of what Connect does not measure."""
_TASK_COUNTS: Final = {
    "running": State.RUNNING,
    "paused": State.PAUSED,
    "failed": State.FAILED,
    "unassigned": State.UNASSIGNED,
    "restarting": State.RESTARTING,
}


class Sample(NamedTuple):
    """One value of one metric, under its Connect name."""

    group: str
    name: str
    value: float | str
    connector: str | None = None
    task: int | None = None


def prometheus_name(group: str, name: str) -> str:
    """The rule of this module."""
    if group == OWN:
        return f"connectkit_task_{name}".replace("-", "_")
    return f"kafka_connect_{group.removeprefix('connect-').removesuffix('-metrics')}_{name}".replace("-", "_")


def samples(herder: Herder, who: Principal, now: float) -> Iterator[Sample]:
    """Everything that Connect would measure, of the connectors that may be seen."""
    store = herder.worker.status
    tasks = herder.tasks()
    names = herder.connectors()
    yield Sample("connect-worker-metrics", "connector-count", len(names))
    yield Sample("connect-worker-metrics", "task-count", len(tasks))
    for metric, number in store.lifetimes.starts().items():
        yield Sample("connect-worker-metrics", metric, number)
    for name in who.visible(names):
        yield from _of_connector(herder, name)
        yield from _health(herder, name)
    seen = set(who.visible({task.id.connector for task in tasks}))
    for task in tasks:
        if task.id.connector in seen:
            for group, name, value in _of_task(herder, task, now):
                yield Sample(group, name, value, task.id.connector, task.id.task)


def _of_connector(herder: Herder, name: str) -> Iterator[Sample]:
    try:
        status = herder.status(name)
        plugin = herder.info(name).config.get("connector.class") or ""
    except NotFoundError:  # deleted since it was listed
        return
    group = "connector-metrics"
    yield Sample(group, "status", status.connector.state.value.lower(), name)
    yield Sample(group, "connector-type", status.type, name)
    yield Sample(group, "connector-class", plugin, name)
    yield Sample(group, "connector-version", status.connector.version or "unknown", name)
    group = "connect-worker-metrics"
    states = [each.state for each in status.tasks.values()]
    yield Sample(group, "connector-total-task-count", len(states), name)
    for word, state in _TASK_COUNTS.items():
        yield Sample(group, f"connector-{word}-task-count", states.count(state), name)


def _of_task(herder: Herder, task: WorkerTask, now: float) -> Iterator[tuple[str, str, float | str]]:
    counters = task.counts()
    commits = counters.commits.metrics(now)
    errors = counters.errors.metrics()
    own = counters.metrics(now)
    group = "connector-task-metrics"
    store = herder.worker.status
    status = store.task(task.id)
    yield group, "status", "unassigned" if status is None else status.state.value.lower()
    ratios = store.lifetimes.ratios(task.id)
    yield group, "running-ratio", ratios.get("RUNNING", 0.0)
    yield group, "pause-ratio", ratios.get("PAUSED", 0.0)
    for name, value in commits.items():
        yield group, name, value
    for name, value in errors.items():
        yield "task-error-metrics", name, value
    for name, value in own.items():
        if name not in commits and name not in errors:
            yield f"{task.kind}-task-metrics", name, value


def _health(herder: Herder, name: str) -> Iterator[Sample]:
    """What Connect does not measure, of each task."""
    try:
        found = herder.health(name)
    except NotFoundError:
        return
    for task, health in found.items():
        for metric, value in (
            ("last-record-age-seconds", health.last_record_age_s),
            ("last-commit-age-seconds", health.last_commit_age_s),
            ("last-error-age-seconds", health.last_error_age_s),
            ("lag-records", health.lag),
            ("in-flight-records", health.in_flight),
            ("restarts", health.restarts),
            ("stalled", float(health.stalled)),
        ):
            if value is not None:
                yield Sample(OWN, metric, value, name, task.task)


def exposition(found: Iterable[Sample], extra: Iterable[Any] = ()) -> bytes:
    """The text; ``extra`` are collectors of the process itself. 404 if the library for it is missing."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    except ModuleNotFoundError as exc:
        raise RestError(
            404, "Metrics need prometheus_client, of the extra 'runner' of kafka-connectkit"
        ) from exc

    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
    for sample in found:
        name = prometheus_name(sample.group, sample.name)
        labels = {} if sample.connector is None else {"connector": sample.connector}
        if sample.task is not None:
            labels["task"] = str(sample.task)
        value = sample.value
        if isinstance(value, str):
            labels[sample.name.replace("-", "_")] = value
            value = 1.0
        if not math.isfinite(value):
            continue
        key = f"{name}{sorted(labels)}"
        family = families.get(key)
        if family is None:
            kind: type[CounterMetricFamily | GaugeMetricFamily] = (
                CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            )
            whose = "connectkit's own" if sample.group == OWN else f"Kafka Connect's {sample.group}"
            help_text = f"{sample.name} of {whose}"
            family = families[key] = kind(name, help_text, labels=list(labels))
        family.add_metric(list(labels.values()), value)

    registry = CollectorRegistry()

    class Collected:
        def collect(self) -> Iterable[Metric]:
            return list(families.values())

    registry.register(Collected())
    for each in extra:
        registry.register(each)
    return bytes(generate_latest(registry))


def _metrics(call: Call) -> Answer:
    found = samples(call.service.herder, call.who, time.monotonic())
    return Answer(exposition(found, _process()), media_type=MEDIA_TYPE)


def _process() -> list[Any]:
    """Memory, processor time and open files of the worker's process."""
    try:
        from prometheus_client import ProcessCollector
    except ModuleNotFoundError:
        return []
    return [ProcessCollector(registry=None)]


OPERATIONS: Final = [
    Operation(
        method="GET",
        path="/metrics",
        answer=_metrics,
        summary="Kafka Connect's metrics in Prometheus' text form.",
        gives={200: schemas.TEXT},
        media_type=MEDIA_TYPE,
    )
]
