"""What connectors are doing, asked of any worker: ours tells rates and lag, a Java one states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from connectkit.runner.client.http import AnsweredError, RestClient, connector_path


@dataclass(frozen=True, slots=True)
class Line:
    """A connector in a list."""

    name: str
    type: str
    health: str
    """Its state, or FAILED if a task has failed; of our workers also STALLED."""
    running: int
    tasks: int
    rate_per_s: float | None = None
    lag: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def listed(client: RestClient) -> list[Line]:
    """All connectors by name."""
    truth = client.own("/connectkit/connectors")
    if truth is not None:
        return [line_of(truth[name]) for name in sorted(truth)]
    return [line_of(with_health(each)) for each in statuses(client)]


def statuses(client: RestClient) -> list[dict[str, Any]]:
    """The statuses of all connectors by name; one that has none yet is left out."""
    found = client.get("/connectors", {"expand": "status"})
    if isinstance(found, dict):
        return [found[name]["status"] for name in sorted(found) if found[name].get("status")]
    known = []
    for name in sorted(found):  # Kafka before 2.3
        try:
            known.append(client.get(connector_path(name, "status"), wanted=dict))
        except AnsweredError as exc:
            if exc.status != 404:
                raise
    return known


def status_of(client: RestClient, name: str) -> dict[str, Any]:
    """The status of a connector, with what our workers know beyond Kafka's."""
    status = with_health(client.get(connector_path(name, "status"), wanted=dict))
    truth = client.own(f"/connectkit/connectors/{quote(name, safe='')}/status")
    if truth is None:
        return status
    by_id = {task.get("id"): task for task in truth.get("tasks") or ()}
    tasks = [{**by_id.get(task["id"], {}), **task} for task in status["tasks"]]
    more = {key: truth.get(key) for key in ("health", "rate_per_s", "lag")}
    return {**status, **more, "tasks": tasks}


def with_health(status: Mapping[str, Any]) -> dict[str, Any]:
    """A status with the worst of its states."""
    tasks = list(status.get("tasks") or ())
    connector = status.get("connector") or {}
    states = [connector.get("state"), *(task.get("state") for task in tasks)]
    health = "FAILED" if "FAILED" in states else connector.get("state")
    return {**status, "connector": connector, "tasks": tasks, "health": health or "UNKNOWN"}


def line_of(status: Mapping[str, Any]) -> Line:
    """The line of a list that a status is worth."""
    tasks = list(status.get("tasks") or ())
    return Line(
        str(status.get("name")),
        str(status.get("type") or "unknown"),
        str(status.get("health")),
        sum(task.get("state") == "RUNNING" for task in tasks),
        len(tasks),
        status.get("rate_per_s"),
        status.get("lag"),
    )


def new_lines(last: Sequence[Any], found: Sequence[Any]) -> Sequence[Any]:
    """What a log's tail has gained since it was last read: what follows the place where that ended."""
    if not last:
        return found
    for end in range(len(found), 0, -1):
        count = min(end, len(last))
        if list(found[end - count : end]) == list(last[-count:]):
            return found[end:]
    return found
