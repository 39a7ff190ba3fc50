"""Reads client settings out of string maps; a wrong one is a ``ConfigError`` that names its key."""

from __future__ import annotations

from collections.abc import Mapping

from connectkit.errors import ConfigError

_TRUE, _FALSE = "true", "false"


def whole_number(
    config: Mapping[str, str], key: str, default: int, *, least: int = 0, most: int = 2**63 - 1
) -> int:
    """An integer setting within bounds."""
    text = config.get(key)
    if text is None:
        return default
    try:
        number = int(str(text).strip())
    except ValueError as exc:
        raise ConfigError(problems={key: ["must be a whole number"]}) from exc
    if not least <= number <= most:
        raise ConfigError(problems={key: [f"must be between {least} and {most}, not {number}"]})
    return number


def flag(config: Mapping[str, str], key: str, default: bool) -> bool:
    """A setting that is ``true`` or ``false`` in any case."""
    text = config.get(key)
    if text is None:
        return default
    word = str(text).strip().lower()
    if word not in (_TRUE, _FALSE):
        raise ConfigError(problems={key: ["must be true or false"]})
    return word == _TRUE


def choice(config: Mapping[str, str], key: str, default: str, allowed: tuple[str, ...]) -> str:
    """A setting out of a few words, compared without regard to case."""
    text = config.get(key)
    if text is None:
        return default
    word = str(text).strip().lower()
    if word not in allowed:
        raise ConfigError(problems={key: [f"must be one of {', '.join(allowed)}"]})
    return word
