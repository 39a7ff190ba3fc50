"""The operations on a connector's offsets (KIP-875; spec runtime 3.8)."""

from __future__ import annotations

from typing import Final

from connectkit.runner.rest.routes import Operation

OPERATIONS: Final[list[Operation]] = []
