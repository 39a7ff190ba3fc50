"""What serving REST costs a pipeline that runs, and how quick it answers while plugins hang.

A source and a sink move records through the embedded log in this process as fast as they can, while a client
of another process looks at them: each second every connector's status (Connect's and the truthful one), every
five seconds the metrics. The cost is the CPU time of the threads that serve REST over that of the whole
process, which the machine's load does not change. Then twelve connectors hang in their starts and their
tasks' polls, and each of 500 requests about another one is timed.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.plugins import BenchSink, BenchSource
from connectkit.plugin import plugins
from tests.support.plugins import TroubleSource
from tests.support.rest_worker import RestWorker, rest_worker, wait_until

SECONDS = 20.0
REQUESTS = 500
HUNG = 12

CLIENT = """
import http.client, sys, time
host, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
began, number = time.monotonic(), 0
connection = http.client.HTTPConnection(host, port)
while time.monotonic() - began < seconds:
    paths = ["/connectors?expand=status"]
    paths += ["/connectkit/connectors/from/status", "/connectkit/connectors/to/status"]
    for path in paths + (["/metrics"] if number % 5 == 0 else []):
        connection.request("GET", path)
        connection.getresponse().read()
    number += 1
    time.sleep(max(began + number - time.monotonic(), 0))
"""


def main() -> None:
    plugins.register("source", "BenchSource", BenchSource)
    plugins.register("sink", "BenchSink", BenchSink)
    plugins.register("source", "TroubleSource", TroubleSource)
    with tempfile.TemporaryDirectory() as folder, rest_worker(Path(folder)) as worker:
        _cost(worker)
    with tempfile.TemporaryDirectory() as folder, rest_worker(Path(folder)) as worker:
        _latency(worker)


def _cost(worker: RestWorker) -> None:
    source = {"connector.class": "BenchSource", "topic": "bench", "records": "1000000000"}
    for name, config in (("from", source), ("to", {"connector.class": "BenchSink", "topics": "bench"})):
        worker.herder.put({**config, "name": name, "value.converter.schemas.enable": "false"})
    wait_until(lambda: all(task.counts().commits is not None for task in worker.herder.tasks()))
    time.sleep(2)
    idle = _shares(lambda: time.sleep(SECONDS / 2))
    host, port = worker.address
    command = [sys.executable, "-c", CLIENT, host, str(port), str(SECONDS)]
    asked = _shares(lambda: subprocess.run(command, check=True))
    print(f"REST that nobody asks   {idle:.2%} of the worker's CPU time")
    print(f"REST that is looked at  {asked:.2%} of the worker's CPU time (bound 2 %)")


def _shares(during: object) -> float:
    """The CPU time of REST's threads over the process's, while this is done."""
    assert callable(during)
    before_all, before = _cpu()
    during()
    after_all, after = _cpu()
    rest = sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
    return rest / (after_all - before_all)


def _cpu() -> tuple[float, dict[int, float]]:
    process = psutil.Process()
    names = {each.native_id: each.name for each in threading.enumerate()}
    threads = {each.id: each.user_time + each.system_time for each in process.threads()}
    rest = {number: used for number, used in threads.items() if names.get(number, "").startswith("rest")}
    return sum(threads.values()), rest


def _latency(worker: RestWorker) -> None:
    worker.herder.put({"connector.class": "TroubleSource", "name": "good"})
    for number in range(HUNG):
        body = {"connector.class": "TroubleSource", "where": ("poll", "start")[number % 2]}
        worker.ask("PUT", f"/connectors/hung{number}/config", json_body=body)
    host, port = urlsplit(worker.url).hostname, urlsplit(worker.url).port
    connection = http.client.HTTPConnection(host or "", port)
    times = []
    calls = [
        ("GET", "/connectors/good/status"),
        ("PUT", "/connectors/good/pause"),
        ("GET", "/connectors?expand=status"),
        ("PUT", "/connectors/good/resume"),
        ("GET", "/connectkit/connectors/hung0/status"),
    ]
    for number in range(REQUESTS):
        method, path = calls[number % len(calls)]
        began = time.perf_counter()
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        times.append(time.perf_counter() - began)
        assert answer.status in (200, 202), json.dumps([path, answer.status])
    times.sort()
    half, most = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    print(f"{HUNG} plugins hang        half of {REQUESTS} requests within {half:.1f} ms, ", end="")
    print(f"99 % within {most:.0f} ms (bound 1000)")


if __name__ == "__main__":
    main()
