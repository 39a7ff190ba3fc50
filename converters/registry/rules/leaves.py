"""What an executor gives back, in Python's own types: CEL has its own, which are subclasses of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain_tree(value: Any) -> Any:
    """The same values as dict, list, tuple, str, int, float, bool and bytes; others stay as they are."""
    if type(value) in (str, int, float, bool, bytes) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_tree(each) for name, each in value.items()}
    if isinstance(value, list):
        return [plain_tree(each) for each in value]
    if isinstance(value, tuple):
        return tuple(plain_tree(each) for each in value)
    if type(value).__name__ == "BoolType":  # CEL's is an int, since nothing can be a subclass of bool
        return bool(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return bytes(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and type(value).__name__ == "DoubleType":
        return float(value)
    return value
