"""``python -m connectkit``: the command line, where its script is not on the PATH."""

from __future__ import annotations

from connectkit.runner.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
