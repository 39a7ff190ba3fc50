"""``python -m tests.golden FILE.jsonl[.gz] …``: our answers against Java's, one line an area.

Each line is ``area passed failed skipped``; the first differences follow, with the ids of their cases.
Skipped are the differences that ``differences.json`` gives a reason for; a case that cannot be run has
failed. Exit code 1 if anything failed, 2 if a file cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.golden.runner import Count, deep_recursion, read, run_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl[.gz]")
    parser.add_argument("-n", "--shown", type=int, default=10, help="differences to show an area (10)")
    parser.add_argument("-v", "--told", action="store_true", help="list what was skipped, with the reasons")
    arguments = parser.parse_args()
    counts: dict[str, Count] = {}
    unreadable = False
    for path in arguments.files:
        try:
            with deep_recursion():
                cases = list(read(path))
        except (OSError, ValueError) as error:
            print(f"{path} cannot be read as golden cases: {error}", file=sys.stderr)
            unreadable = True
            continue
        run_all(cases, counts)
    for area, count in counts.items():
        print(area, count.passed, len(count.failures), len(count.told))
        for name, difference in count.failures[: arguments.shown]:
            print(f"    {name}: {difference}".encode("ascii", "backslashreplace").decode())
        if len(count.failures) > arguments.shown:
            print(f"    … and {len(count.failures) - arguments.shown} more")
        if arguments.told:
            for reason, times in Counter(reason for _, _, reason in count.told).items():
                print(f"    skipped {times}: {reason}")
                for name, difference, why in count.told:
                    if why == reason:
                        print(f"        {name}: {difference}".encode("ascii", "backslashreplace").decode())
    if unreadable:
        return 2
    return 1 if any(count.failures for count in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
