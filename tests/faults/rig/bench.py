"""Where experiments run: opens each log once, gives every run a folder, a topic and a verdict of its own."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tests.faults.rig.backends import Backend, EmbeddedBackend, KafkaBackend
from tests.faults.rig.kafka_cluster import KafkaCluster
from tests.faults.rig.mock import MockBackend
from tests.faults.rig.mock_cluster import MissingError
from tests.faults.rig.run import Plan, Run
from tests.faults.rig.verdict import Verdict
from tests.kafka_server import UnavailableError

R = TypeVar("R", bound=Run)


class SkippedError(Exception):
    """The experiment cannot be had here; the sentence says why."""


@dataclass(slots=True)
class Bench:
    """One log, one seed, and how much is to be done. ``bootstrap``: a Kafka that runs already."""

    log: str
    seed: int
    kills: int = 30
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="connectkit-rig-")))
    bootstrap: str | None = None
    isolation: str = "thread"
    """Where the worker runs its tasks: ``thread``, or ``process`` for one each."""
    short: bool = False
    """Seconds rather than minutes: the profile of the test suite."""
    down_s: float | None = None
    """How long a sink's system is down; None: as the profile has it."""
    _shared: Backend | None = None
    _runs: int = 0

    def backend(self) -> Backend:
        """The log that runs share; experiments that fault the log itself take one of their own."""
        if self._shared is None:
            self._shared = self.open()
        return self._shared

    def open(self) -> Backend:
        """A log of its own, for the caller to close."""
        if self.log == "embedded":
            return EmbeddedBackend(self.new_folder("embedded"))
        if self.log == "mock":
            return self.mock()
        if self.bootstrap is not None:
            return KafkaBackend(self.bootstrap)
        return self.kafka(1).backend()

    def mock(self) -> MockBackend:
        try:
            return MockBackend()
        except MissingError as exc:
            raise SkippedError(str(exc)) from exc

    def kafka(self, brokers: int) -> KafkaCluster:
        """Brokers that may be killed; the caller stops them."""
        try:
            return KafkaCluster(self.new_folder("kafka"), brokers)
        except UnavailableError as exc:
            raise SkippedError(str(exc)) from exc

    def new_folder(self, name: str) -> Path:
        self._runs += 1
        return self.folder / f"{self._runs:02d}-{name}"

    def run(
        self,
        experiment: str,
        kind: type[R],
        faults: Callable[[Run], None],
        plan: Plan | None = None,
        *,
        backend: Backend | None = None,
    ) -> Verdict:
        """Carry out one run and judge it."""
        used = backend or self.backend()
        verdict = Verdict(experiment=experiment, backend=used.name, seed=self.seed)
        name = f"{experiment.lower()}-{random.Random().randbytes(4).hex()}"
        return kind(used, self.new_folder(experiment), plan or self.plan(), verdict, name).go(faults)

    def plan(self) -> Plan:
        """The usual plan: brisk enough to be through the warm-up in seconds."""
        options = {} if self.isolation == "thread" else {"task.isolation": self.isolation}
        return Plan(rate_per_s=1000.0 if self.short else 250.0, options=options)

    def alone(self) -> Plan:
        """A plan under which nothing may come twice: on the mock, groups of one member."""
        tasks = 1 if self.log == "mock" else 3
        return dataclasses.replace(self.plan(), tasks=tasks, duplicates=0)

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()
            self._shared = None
