"""F18: whoever writes the offset file is killed at any moment; what is there is the old state or the new.

``python -m tests.faults.rig.state_files FOLDER COUNT SEED`` forks a writer so many times, kills each after a
moment, opens the file as a worker's start does, and prints one line of JSON: how often it could be read, and
how often what it held was neither what the writer had been told was stored, nor the one after.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from connectkit.runner.offset_file import OffsetFile
from connectkit.runner.offset_key import partition_key
from tests.faults.rig.bench import Bench
from tests.faults.rig.verdict import Verdict
from tools.layout import ROOT

PARTITIONS = [{"file": f"part-{number}"} for number in range(5)]
KEYS = [partition_key(each) for each in PARTITIONS]


def write_on(store: OffsetFile, number: int, acknowledged: int) -> None:
    """Write ever newer offsets, all partitions at once, and say so; never returns."""
    while True:
        number += 1
        store.write("c", {key: (of, {"at": number}) for key, of in zip(KEYS, PARTITIONS, strict=True)})
        os.write(acknowledged, number.to_bytes(8, "big"))


def once(path: Path, last: int, moment_s: float) -> tuple[int, bool]:
    """One writer's life: the number that is stored after it, and whether that may be so."""
    store = OffsetFile(path)
    store.start()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        write_on(store, last, writing)
    os.close(writing)
    time.sleep(moment_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as told:
        said = told.read()
    acknowledged = int.from_bytes(said[len(said) // 8 * 8 - 8 :][:8], "big") if len(said) >= 8 else last
    store.stop()
    again = OffsetFile(path)
    again.start()
    found = {offset["at"] for offset in again.read("c", KEYS).values()} or {0}
    again.stop()
    (number,) = found if len(found) == 1 else (-1,)
    return number, number in (acknowledged, acknowledged + 1)


def main(folder: str, count: str, seed: str) -> None:
    rng = random.Random(int(seed))
    path = Path(folder) / "offsets.json"
    last, wrong = 0, 0
    for _ in range(int(count)):
        last, right = once(path, last, rng.uniform(0.0, 0.03))
        wrong += not right
    left = [each.name for each in Path(folder).iterdir() if each.name != path.name]
    print(json.dumps({"starts": int(count), "wrong": wrong, "writes": last, "left_behind": len(left)}))


def torn_files(bench: Bench) -> Iterator[Verdict]:
    """F18: 200 writers are killed; each start reads the old state or the new."""
    folder = bench.new_folder("F18")
    folder.mkdir(parents=True)
    count = 20 if bench.short else 200
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.rig.state_files", str(folder), str(count), str(bench.seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    verdict = Verdict(experiment="F18", backend=bench.log, seed=bench.seed, kills=count)
    if done.returncode:
        verdict.blame(f"a start failed: {done.stderr.strip().splitlines()[-1]}")
    else:
        verdict.numbers |= json.loads(done.stdout)
        verdict.records = verdict.numbers["writes"]
        if verdict.numbers["wrong"]:
            verdict.blame(
                f"{verdict.numbers['wrong']} starts read what was neither the old nor the new state"
            )
        if verdict.records < count:
            verdict.blame(f"void: only {verdict.records} writes in {count} lives")
    yield verdict


if __name__ == "__main__":
    main(*sys.argv[1:])
