"""F8: the network between worker and brokers breaks, in each of its ways; nothing fails for good."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Callable, Iterator

from tests.faults.rig.backends import KafkaBackend
from tests.faults.rig.bench import Bench, SkippedError
from tests.faults.rig.proxy import Proxy, Way
from tests.faults.rig.run import ExactlyOnceRun, Run, SinkRun, SourceRun
from tests.faults.rig.verdict import Verdict
from tests.kafka_server import KafkaServer, UnavailableError, free_port

FLAPPING_S = 3.0


class ProxiedBackend(KafkaBackend):
    """Workers reach the broker through the proxy; the rig itself goes straight to it."""

    def __init__(self, server: KafkaServer, proxied: str) -> None:
        super().__init__(server.bootstrap)
        self._proxied = proxied

    @property
    def bootstrap(self) -> str:
        return self._proxied


def network_breaks(bench: Bench) -> Iterator[Verdict]:
    """F8: connections flap while workers begin, then nothing arrives, no answer does, none is made."""
    listener, front = free_port(), free_port()
    try:
        server = KafkaServer(bench.new_folder("kafka"), aside=(listener, front))
    except UnavailableError as exc:
        raise SkippedError(str(exc)) from exc
    proxy = Proxy(front, listener)
    backend = ProxiedBackend(server, f"127.0.0.1:{front}")
    plan = bench.plan()
    # A sink whose commit is lost on the way may be given records again; for sources the kills explain all.
    sinks, once = dataclasses.replace(plan, explained=False), dataclasses.replace(plan, duplicates=0)
    try:
        for kind, its_plan in ((SourceRun, plan), (SinkRun, sinks), (ExactlyOnceRun, once)):
            yield bench.run("F8", kind, _breaking(proxy, bench), its_plan, backend=backend)
    finally:
        backend.close()
        proxy.close()
        server.stop()


def _breaking(proxy: Proxy, bench: Bench) -> Callable[[Run], None]:
    rng = random.Random(bench.seed)
    lives, broken_s = (2, 2.0) if bench.short else (6, bench.down_s or 10.0)

    def faults(run: Run) -> None:
        for _ in range(lives):
            run.goes_on("progress before the network flaps")
            run.worker.kill()
            run.died()
            run.worker.start()
            _flap(proxy, rng)
        for way in (Way.SILENT, Way.REQUESTS, Way.REFUSED):
            run.goes_on(f"progress before the network is {way.value}")
            proxy.way = way
            if way is Way.REFUSED:
                proxy.cut()
            time.sleep(broken_s)
            proxy.way = Way.OPEN
        run.goes_on("progress after the network broke")
        run.verdict.numbers |= {"flaps": lives, "broken_s": broken_s}

    return faults


def _flap(proxy: Proxy, rng: random.Random) -> None:
    """Cut all connections, again and again, for a few seconds from when the worker has some."""
    began_s = time.monotonic()
    done = threading.Event()
    while not done.wait(rng.choice((rng.uniform(0, 0.02), rng.uniform(0, 0.5)))):
        proxy.cut()
        if time.monotonic() > began_s + FLAPPING_S:
            done.set()
