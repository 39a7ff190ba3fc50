"""``python -m benchmarks NAME …``: all, or the named ones; ``--help`` lists them."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.workload import FORMATS, RUNNERS

LOCAL = {
    "avro": "benchmarks.avro",
    "bombs": "benchmarks.bombs",
    "chain": "benchmarks.chain",
    "change-events": "benchmarks.change_events",
    "codec": "benchmarks.json_codec",
    "json-schema": "benchmarks.json_schema",
    "exactly-once": "benchmarks.exactly_once",
    "log": "benchmarks.log_embedded",
    "parse": "benchmarks.parse",
    "protobuf": "benchmarks.protobuf",
    "rest": "benchmarks.rest",
    "rest-cost": "benchmarks.rest_cost",
    "startup": "benchmarks.startup",
    "tolerance": "benchmarks.tolerance",
    "transforms": "benchmarks.transforms",
}


def main() -> None:
    """Run the benchmarks asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*LOCAL, "throughput", []], help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the throughput runs (default 3)")
    parser.add_argument("--runners", type=_some_of(RUNNERS), default=RUNNERS, help=_help(RUNNERS))
    parser.add_argument("--formats", type=_some_of(FORMATS), default=FORMATS, help=_help(FORMATS))
    chosen = parser.parse_args()
    names = chosen.names or [*LOCAL, "throughput"]
    for name in names:
        print(f"== {name}", flush=True)
        if name in LOCAL:
            importlib.import_module(LOCAL[name]).main()
        else:
            _throughput(chosen.rounds, chosen.runners, chosen.formats)


def _help(known: tuple[str, ...]) -> str:
    return f"of the throughput runs (default {','.join(known)})"


def _some_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if not set(chosen) <= set(known):
            raise argparse.ArgumentTypeError(f"it takes some of {','.join(known)}")
        return chosen

    return parse


def _throughput(rounds: int, runners: tuple[str, ...], formats: tuple[str, ...]) -> None:
    from benchmarks import throughput
    from tests import kafka_server

    with tempfile.TemporaryDirectory() as folder:
        try:
            with kafka_server.shared_kafka(Path(folder)) as bootstrap:
                throughput.main(bootstrap, rounds, runners, formats)
        except kafka_server.UnavailableError as reason:
            print(f"left out: {reason}")


if __name__ == "__main__":
    main()
