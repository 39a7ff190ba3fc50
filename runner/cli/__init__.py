"""The command line: ``connectkit`` and ``connect-standalone``.

Nothing is imported before it is known to be needed: ``--version`` answers in a few hundredths of a
second. Every error is one sentence on stderr with a non-zero exit code; ``--debug`` adds the traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

if __name__ != "connectkit.runner.cli":
    raise ImportError("import connectkit.runner.cli: the bare folder would load every class twice")


def main(argv: Sequence[str] | None = None) -> int:
    """The command ``connectkit``; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"], ["version"]):
        from connectkit._version import __version__

        print(f"connectkit {__version__}")
        return 0
    from connectkit.runner.cli.commands import run

    return run(arguments)


def connect_standalone(argv: Sequence[str] | None = None) -> int:
    """Kafka's script name: ``connect-standalone worker.properties connector.properties …``."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        sys.stderr.write("USAGE: connect-standalone worker.properties [connector.{properties,json} ...]\n")
        return 1
    if arguments[0] == "-daemon":
        sys.stderr.write(
            "connect-standalone does not go to the background itself; use systemd, or nohup … &, and leave "
            "out -daemon\n"
        )
        return 1
    return main(["standalone", *arguments])
