"""What a check of a configuration found: errors and warnings by key, in the order they were found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectkit.errors import ConfigError
from connectkit.plugin import Found
from connectkit.runner.configs.connector import ConnectorConfig


@dataclass(slots=True)
class Report:
    """Errors keep a configuration from being used; warnings tell of what has no, or an odd, effect.

    No sentence holds a secret or a value that came from a config provider. Not thread-safe.
    """

    errors: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    found: Found | None = None
    """The connector's plugin, if it was found."""
    config: ConnectorConfig | None = None
    """The framework's options, if they are right and hold no variables."""

    @property
    def ok(self) -> bool:
        return not self.errors

    def error(self, key: str, sentence: str) -> None:
        """Note an error, once."""
        _note(self.errors, key, sentence)

    def warn(self, key: str, sentence: str) -> None:
        """Note a warning, once."""
        _note(self.warnings, key, sentence)

    def take(
        self,
        errors: Mapping[str, Iterable[str]] | None = None,
        warnings: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Note what another check found."""
        for target, found in ((self.errors, errors), (self.warnings, warnings)):
            for key, sentences in (found or {}).items():
                for sentence in sentences:
                    _note(target, key, sentence)

    def raise_errors(self) -> None:
        """``ConfigError`` with all errors, if there are any."""
        if self.errors:
            raise ConfigError(problems=self.errors)


def _note(target: dict[str, list[str]], key: str, sentence: str) -> None:
    found: list[str] = target.setdefault(key, [])
    if sentence not in found:
        found.append(sentence)


def problems_of(error: ConfigError, key: str) -> Mapping[str, Sequence[str]]:
    """The problems of an error by key; those it gives no key for are of ``key``."""
    return error.problems or {key: [str(error)]}
