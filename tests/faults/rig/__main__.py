"""The rig's command line: experiments by name or by set, a line of JSON for each run, an exit code.

    python -m tests.faults.rig list
    python -m tests.faults.rig F1 F2 --log kafka --kills 30 --seed 7
    python -m tests.faults.rig quick

Exit codes: 0 every verdict is good; 1 one is bad; 2 wrong usage. What cannot run here says why, and is bad
only with --strict.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import signal
import sys
import time

from tests.faults.rig.bench import Bench, SkippedError
from tests.faults.rig.experiments import EXPERIMENTS, LOGS
from tests.faults.rig.sets import SETS, Item


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.names == ["list"]:
        _list()
        return 0
    seed = random.randrange(1 << 31) if arguments.seed is None else arguments.seed
    items: list[Item] = []
    for name in arguments.names:
        if name in SETS:
            items += SETS[name]
        elif name in EXPERIMENTS:
            items.append(Item(name, arguments.log or EXPERIMENTS[name].logs[0], arguments.kills))
        else:
            print(f"There is no experiment or set {name}; `list` names them.", file=sys.stderr)
            return 2
    logging.disable(logging.CRITICAL)  # of tasks that die in this process; workers have logs of their own
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # nothing is left running
    print(f"seed {seed}; the same kills again: --seed {seed}", file=sys.stderr)
    return _run(items, seed, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.rig", description="Runs experiments of the fault rig."
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"F1 …, {', '.join(SETS)}, or list")
    parser.add_argument("--log", choices=LOGS, help="what the worker works on")
    parser.add_argument("--kills", type=int, default=30, help="how often a worker is killed (30)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to have its schedule again")
    parser.add_argument("--keep", action="store_true", help="leave the folders of good runs too")
    parser.add_argument("--short", action="store_true", help="the profile of the test suite: seconds")
    parser.add_argument(
        "--isolation", choices=("thread", "process"), default="thread", help="where the worker runs its tasks"
    )
    parser.add_argument(
        "--down", type=float, metavar="SECONDS", help="how long F15's system is down, and F8's network"
    )
    parser.add_argument("--strict", action="store_true", help="what cannot run here is bad")
    parser.add_argument("--bootstrap", help="a Kafka that runs already, for what does not fault brokers")
    return parser


def _list() -> None:
    for name, experiment in sorted(EXPERIMENTS.items(), key=lambda item: int(item[0][1:])):
        where = ", ".join(experiment.logs) if experiment.run else " ".join(experiment.covered_by)
        print(f"{name:5}{experiment.title}: {where}")
    for name, items in SETS.items():
        print(f"{name}: {', '.join(f'{item.name} on {item.log}' for item in items)}")


def _run(items: list[Item], seed: int, arguments: argparse.Namespace) -> int:
    benches: dict[str, Bench] = {}
    bad = 0
    try:
        for item in items:
            bench = benches.get(item.log)
            if bench is None:
                bench = Bench(
                    item.log,
                    seed,
                    bootstrap=arguments.bootstrap,
                    isolation=arguments.isolation,
                    short=arguments.short,
                    down_s=arguments.down,
                )
                benches[item.log] = bench
            bench.kills = item.kills
            bad += _run_one(item, bench, strict=arguments.strict)
    finally:
        for bench in benches.values():
            bench.close()
            if bad or arguments.keep:
                print(f"what the runs on {bench.log} left: {bench.folder}", file=sys.stderr)
            else:
                shutil.rmtree(bench.folder, ignore_errors=True)
    return 1 if bad else 0


def _run_one(item: Item, bench: Bench, *, strict: bool) -> int:
    experiment = EXPERIMENTS[item.name]
    if experiment.run is None:
        print(f"{item.name} is made by {' '.join(experiment.covered_by)}", file=sys.stderr)
        return 0
    if item.log not in experiment.logs:
        print(f"{item.name} does not run on {item.log}", file=sys.stderr)
        return 1
    bad = 0
    began_s = time.monotonic()
    try:
        for verdict in experiment.run(bench):
            verdict.numbers["took_s"] = round(time.monotonic() - began_s, 1)
            print(verdict.line(), flush=True)
            bad += not verdict.good
            began_s = time.monotonic()
    except SkippedError as exc:
        print(f"{item.name} on {item.log} is skipped: {exc}", file=sys.stderr)
        bad += strict
    return bad


if __name__ == "__main__":
    raise SystemExit(main())
