"""The operations on plugins: which there are, their options, and validating a configuration."""

from __future__ import annotations

from typing import Final

from connectkit.runner.rest.routes import Operation

OPERATIONS: Final[list[Operation]] = []
