"""Runs the example: airports from a CSV file through a topic into another, and a summary of it.

    python -m examples.airports

Everything it makes is in ``run-data/`` of the present folder. The second run goes on where the first
stopped: nothing is new then, until rows are added to ``run-data/airports.csv``.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectkit.runner.herder import Herder

HERE = Path(__file__).parent
FOLDER = Path("run-data")
DATA = FOLDER / "airports.csv"
OUT = FOLDER / "airports-out.csv"
OFFSETS = FOLDER / "source-offsets.json"
TOPIC = "airports"


def prepare() -> bool:
    """Put the data where the source reads it; False if it was there already."""
    if DATA.exists():
        return False
    # The package itself is not imported: that would load pandas, and only a file is wanted.
    found = importlib.util.find_spec("vega_datasets")
    if found is None or found.origin is None:
        sys.exit("The data is in the Python package vega_datasets, which is not installed; run make dev.")
    FOLDER.mkdir(exist_ok=True)
    new = DATA.with_suffix(".new")
    shutil.copyfile(Path(found.origin).parent / "_data" / "airports.csv", new)
    new.replace(DATA)
    return True


def stored_place() -> tuple[int, int]:
    """Line and byte up to which the source has read, as the worker has stored them."""
    from connectkit.runner.offset_file import OffsetFile

    if not OFFSETS.exists():
        return 0, 0
    store = OffsetFile(OFFSETS)
    store.start()
    try:
        for _, offset in store.partitions("airports-source"):
            return offset["line"], offset["position"]
    finally:
        store.stop()
    return 0, 0


def rows_of(path: Path) -> list[str]:
    """The lines of a file behind its header."""
    return path.read_text(encoding="utf-8").splitlines()[1:] if path.exists() else []


def changes() -> list[str]:
    """What the transforms do, from the configurations."""
    told = []
    for name in ("source.json", "sink.json"):
        config: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
        for alias in config["transforms"].split(","):
            start = f"transforms.{alias}."
            settings = [f"{k.removeprefix(start)}={v}" for k, v in config.items() if k.startswith(start)]
            told.append(" ".join([settings[0].removeprefix("type="), *settings[1:]]))
    return told


def schemas() -> list[str]:
    """What is registered, as the registry beside the log tells."""
    from connectkit.converters.registry.embedded.registry import EmbeddedRegistry

    registry = EmbeddedRegistry(FOLDER / "log")
    try:
        found = [registry.version(subject) for subject in registry.subjects()]
    finally:
        registry.close()
    return [
        f"{each.subject} version {each.version}, {len(json.loads(each.schema.text)['fields'])} fields"
        for each in found
    ]


def tool() -> str:
    """The command as it can be typed here."""
    beside = Path(sys.executable).with_name("connectkit")
    if shutil.which("connectkit") or not beside.exists():
        return "connectkit"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


def say(what: str, count: int, more: str) -> None:
    """One line of the summary."""
    print(f"  {what:<8} {count:>6,} {more}".rstrip())


def main(arguments: Sequence[str]) -> int:
    """Run it and print what happened; returns the worker's exit code."""
    if arguments:
        sys.exit("The example takes no arguments; its configurations are in examples/airports/.")
    from connectkit.errors import ConnectError
    from connectkit.runner.live import totals_of
    from connectkit.runner.observe import set_up_logging
    from connectkit.runner.standalone import Options, run

    fresh = prepare()
    before_out = rows_of(OUT)
    try:
        line, position = stored_place()
    except ConnectError as error:
        sys.exit(str(error))
    print(f"{DATA} -> 4 transforms -> topic {TOPIC} (Avro, embedded log) -> 1 transform -> {OUT}")
    if fresh:
        print("The data is new: 3,376 airports of the United States, from the Python package vega_datasets.")
    if line:
        print(f"Going on behind line {line} (byte {position}), where the last run stopped.")
    print(flush=True)

    totals: dict[str, Any] = {}

    def count(herder: Herder) -> None:
        totals.update({name: totals_of(herder, name) for name in herder.connectors()})

    began = time.monotonic()
    code = run(
        Options(
            worker_file=HERE / "worker.properties",
            connector_files=[HERE / "source.json", HERE / "sink.json"],
            until_done=True,
            live=False,
        ),
        set_up_logging(level="warning"),
        ended=count,
    )
    took_s = time.monotonic() - began
    if code:
        sys.stderr.write(f"\nThe example ended with code {code}; the lines above say why.\n")
        return code
    source, sink = totals["airports-source"], totals["airports-sink"]
    end_line, _ = stored_place()
    after_out = rows_of(OUT)
    new = after_out[len(before_out) :]
    if not source.read:
        print(
            f"0 new rows: resumed at line {line + 1} of {DATA} (byte {position}), and nothing is there yet."
        )
    else:
        first, *others = changes()
        say("read", source.read, f"rows     {DATA}, lines {max(line, 1) + 1} to {end_line}")
        say("changed", source.written, f"records  {first}")
        for other in others:
            print(f"{'':27}{other}")
    say("written", source.written, f"records  topic {TOPIC}")
    say("written", len(new), f"rows     {OUT}, {len(after_out):,} in all")
    registered = schemas()
    say("schemas", len(registered), f"registered by themselves: {'; '.join(registered)}")
    say("left out", source.skipped + sink.skipped, "")
    rate = f", {source.read / took_s:,.0f} rows a second" if source.read >= 100 else ""
    print(f"  took     {took_s:6.2f} s        with the worker's start and stop{rate}")
    if new:
        read = rows_of(DATA)
        print(f"\nOne row, as it was and as it is:\n  {read[max(line, 1) - 1]}\n  {new[0]}")
    print(
        f"""
Where to look next:
  {tool()} topics read {TOPIC} --worker examples/airports/worker.properties --limit 3
  {tool()} plugins CsvSource
  examples/airports/ has the three files that make this; {FOLDER}/ has what came of it

To see it go on:
  echo 'XYZ,New Field,Springfield,IL,USA,39.8,-89.6' >> {DATA} && make run
To begin anew:
  rm -r {FOLDER}"""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
