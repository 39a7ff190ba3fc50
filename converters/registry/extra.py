"""Whether the libraries of a registry over HTTP are installed: looked up, not imported."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

NEEDS: Final = "needs the extra 'registry' of kafka-connectkit, which is not installed"
_LIBRARIES: Final = ("confluent_kafka", "httpx2", "authlib", "attrs", "cachetools", "certifi")
"""What confluent-kafka's client of a registry imports."""


def speaks_http() -> bool:
    """Whether a registry over HTTP can be opened here; quick enough for each check of a configuration."""
    return all(find_spec(name) is not None for name in _LIBRARIES)
