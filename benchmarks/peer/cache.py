"""Where what is fetched and built for the Java worker is kept, outside of the checkout."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "connectkit-bench"
