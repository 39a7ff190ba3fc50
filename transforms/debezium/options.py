"""What the options of all of Debezium's transforms have in common: a null is as good as nothing.

Debezium leaves out entries without a value when it reads a configuration, so the default holds, or the
option counts as missing. Source: Debezium's ``Configuration``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Self

from connectkit.config import Config, ConfigValue


class DebeziumConfig(Config):
    """Base of their configurations."""

    @classmethod
    def parse(
        cls, raw: Mapping[str, Any], *, where: str = "", known: Collection[str] | Callable[[str], bool] = ()
    ) -> Self:
        """The configuration, with every null left out."""
        return super().parse(_present(raw), where=where, known=known)

    @classmethod
    def validate(cls, raw: Mapping[str, Any]) -> list[ConfigValue]:
        """What is wrong with it, likewise."""
        return super().validate(_present(raw))


def _present(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value is not None}
