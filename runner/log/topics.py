"""Names and settings of topics that both logs share."""

from __future__ import annotations

import re

from connectkit.errors import ConfigError

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")

INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})
"""A broker's own topics; listings leave them out, as the Java admin client does."""


def name_problem(name: str) -> str | None:
    """Why Kafka would refuse this topic name, or None (``org.apache.kafka.common.internals.Topic``)."""
    if _NAME.fullmatch(name) and name not in (".", ".."):
        return None
    shown = name if len(name) <= 64 else name[:64] + "…"
    return (
        f"topic name {shown!r} is not valid: use 1 to 249 characters out of letters, digits, '.', '_' and '-'"
    )


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a subscription; it must match a topic's whole name."""
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise ConfigError(
            problems={"topics.regex": [f"is not a regular expression: {exc.msg} at position {exc.pos}"]}
        ) from exc
