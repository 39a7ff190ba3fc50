"""``connectkit quickstart``: a folder with data and two connectors, run once, and told about."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from connectkit.errors import ConfigError

# Equatorial radius, mass, length of day, moons known: NASA's planetary fact sheet.
PLANETS = """\
name,radius_km,mass_1e24kg,day_hours,moons,visited_first
Mercury,2440.5,0.330,4222.6,0,1974-03-29
Venus,6051.8,4.87,2802.0,0,1962-12-14
Earth,6378.1,5.97,24.0,1,
Mars,3396.2,0.642,24.7,2,1965-07-15
Jupiter,71492.0,1898.0,9.9,95,1973-12-04
Saturn,60268.0,568.0,10.7,146,1979-09-01
Uranus,25559.0,86.8,17.2,28,1986-01-24
Neptune,24764.0,102.0,16.1,16,1989-08-25
"""

WORKER = """\
# The worker: where records go on their way, and how they are written there.
# bootstrap.servers=localhost:9092 would use a Kafka broker instead of this folder.
bootstrap.servers=embedded:{folder}/data
key.converter=JsonConverter
value.converter=JsonConverter
offset.storage.file.filename={folder}/data/source-offsets.json
offset.flush.interval.ms=5000
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "quickstart",
        parents=[common],
        help="make a small example and run it",
        description="Make a folder with a data file and two connectors, run them, and say what happened.",
    )
    parser.add_argument(
        "folder",
        nargs="?",
        default="connectkit-quickstart",
        type=Path,
        metavar="FOLDER",
        help="where to make it; what is there already goes on where it stopped",
    )
    parser.set_defaults(run=quickstart)


def source_config(folder: Path) -> dict[str, str]:
    """Reads the file into the topic ``planets``; two transforms on the way."""
    return {
        "name": "planets-source",
        "connector.class": "CsvSource",
        "file": str(folder / "planets.csv"),
        "topic": "planets",
        "mode": "once",
        "key.fields": "name",
        "transforms": "origin,rename",
        "transforms.origin.type": "InsertField$Value",
        "transforms.origin.static.field": "source",
        "transforms.origin.static.value": "planets.csv",
        "transforms.rename.type": "ReplaceField$Value",
        "transforms.rename.renames": "day_hours:day_length_hours",
    }


def sink_config(folder: Path) -> dict[str, str]:
    """Writes the topic to another file."""
    return {
        "name": "planets-sink",
        "connector.class": "CsvSink",
        "topics": "planets",
        "file": str(folder / "planets-out.csv"),
    }


def quickstart(parsed: argparse.Namespace) -> int:
    """Make the example if it is not there, run it until all is done, and say what happened."""
    from connectkit.runner.observe import set_up_logging
    from connectkit.runner.standalone import Options, run

    folder: Path = parsed.folder
    again = (folder / "worker.properties").exists()
    try:
        if not again:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "planets.csv").write_text(PLANETS, encoding="utf-8")
            (folder / "worker.properties").write_text(WORKER.format(folder=folder), encoding="utf-8")
            for made in (source_config(folder), sink_config(folder)):
                path = folder / f"{made['name']}.json"
                path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise ConfigError(
            f"The example cannot be made in {folder}: {exc.strerror}; name another folder: connectkit "
            "quickstart FOLDER"
        ) from exc
    out = folder / "planets-out.csv"
    before = _rows(out)
    print(
        f"{'Running again' if again else 'Made'} {folder}/: planets.csv, worker.properties and two "
        "connectors."
    )
    print("Running: planets.csv → two transforms → topic planets → planets-out.csv\n")
    sys.stdout.flush()
    handler = set_up_logging(level="warning")
    code = run(
        Options(
            worker_file=folder / "worker.properties",
            connector_files=[folder / "planets-source.json", folder / "planets-sink.json"],
            until_done=True,
            live=False,
        ),
        handler,
    )
    if code:
        sys.stderr.write("The example did not run through; the lines above say why.\n")
        return code
    after = _rows(out)
    if after > before:
        print(f"{after - before} rows arrived in {out}:")
        lines = out.read_text(encoding="utf-8").splitlines()
        width = shutil.get_terminal_size().columns - 4
        for line in [lines[0], *lines[before + 1 :]][:4]:
            print(f"  {line[:width]}")
    else:
        print("Nothing new: the source goes on where it stopped. Add a row to planets.csv and run it again.")
    tool = f"connectkit topics read planets --bootstrap-servers embedded:{folder}/data"
    print(
        f"\nWhere to look next:\n"
        f"  {tool} --limit 3\n"
        f"  connectkit validate {folder}/*.json\n"
        f"  connectkit standalone {folder}/worker.properties {folder}/*.json\n"
        f"  connectkit plugins"
    )
    return 0


def _rows(path: Path) -> int:
    """Rows of a file without its header."""
    try:
        return max(len(path.read_text(encoding="utf-8").splitlines()) - 1, 0)
    except FileNotFoundError:
        return 0
