"""Our worker with the bench connectors: ``python -m benchmarks.ours standalone worker.properties …``."""

from __future__ import annotations

import sys

from connectkit.plugin import plugins
from connectkit.runner.cli import main

if __name__ == "__main__":
    from benchmarks.plugins import BenchSink, BenchSource

    plugins.register("source", "BenchSource", BenchSource)
    plugins.register("sink", "BenchSink", BenchSink)
    sys.exit(main(sys.argv[1:]))
