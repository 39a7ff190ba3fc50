"""Bounds on what a decoder accepts from outside (reliability 3.3); an argument, never a global."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest input a decoder accepts; beyond it, it raises ``LimitError``."""

    depth: int = 64
    """Nesting levels of a value or a schema."""
    items: int = 1_000_000
    """Elements of one array or map."""
    value_bytes: int = 16 * 1024 * 1024
    """Size of one string, bytes value or message."""
    digits: int = 1_000
    """Decimal digits of one number."""
    headers: int = 10_000
    """Headers of one record."""
    schema_bytes: int = 4 * 1024 * 1024
    """Size of one schema text."""
    schema_fields: int = 10_000
    """Fields of one struct."""


DEFAULT_LIMITS = Limits()
"""The defaults of reliability 3.3."""
