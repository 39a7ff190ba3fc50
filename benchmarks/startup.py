"""Start-up and memory of whole processes: ``--version``, the first record moved, an idle worker."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROUNDS = 5


def main() -> None:
    """Print wall seconds, CPU seconds and resident memory, beside a bare interpreter's."""
    bare = _timed([sys.executable, "-c", "pass"])
    version = _timed([sys.executable, "-m", "connectkit", "--version"])
    print(f"python -c pass         {bare:.3f} s")
    ratio = f"{version / bare:.1f}x an empty interpreter"
    print(f"connectkit --version   {version:.3f} s   (bound 0.15)   {ratio}")
    runs = [_first_record() for _ in range(ROUNDS)]
    wall, cpu, idle = (statistics.median(values) for values in zip(*runs, strict=True))
    print(f"first record moved     {wall:.2f} s wall (bound 1.0), {cpu:.2f} s CPU (bound 0.5)")
    print(f"idle worker            {idle:.0f} MB resident (bound 60)")


def _timed(command: list[str]) -> float:
    walls = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        walls.append(time.perf_counter() - began)
    return statistics.median(walls)


def _first_record() -> tuple[float, float, float]:
    """Wall and CPU seconds from exec until a line has gone file → topic → file, and MB when idle after it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source, target = place / "in.txt", place / "out.txt"
        source.write_text("first\n")
        configs = {
            "source.json": {"connector.class": "FileStreamSource", "file": str(source), "topic": "lines"},
            "sink.json": {"connector.class": "FileStreamSink", "file": str(target), "topics": "lines"},
        }
        for name, config in configs.items():
            (place / name).write_text(json.dumps({"name": name.removesuffix(".json"), "config": config}))
        worker = place / "worker.properties"
        worker.write_text(
            f"bootstrap.servers=embedded:{place}/log\n"
            "key.converter=org.apache.kafka.connect.storage.StringConverter\n"
            "value.converter=org.apache.kafka.connect.storage.StringConverter\n"
            f"offset.storage.file.filename={place}/offsets\n"
        )
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "connectkit", "standalone", worker, *(place / name for name in configs)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            watched = psutil.Process(process.pid)
            while not (target.exists() and target.stat().st_size):
                if process.poll() is not None or time.perf_counter() - began > 30:
                    raise SystemExit("the worker did not move a record")
                time.sleep(0.002)
            wall = time.perf_counter() - began
            times = watched.cpu_times()
            time.sleep(2)
            return wall, times.user + times.system, watched.memory_info().rss / 1e6
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
