"""Where schemas are registered when the log is embedded: beside it, unless a converter says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectkit.config import Config
from connectkit.runner.log.opening import EMBEDDED

URL = "schema.registry.url"


def with_registry(options: Mapping[str, Any], config_type: type[Config], bootstrap: str) -> Mapping[str, Any]:
    """A converter's options, with the embedded registry of an embedded log if it needs one and names none."""
    if URL in options or not bootstrap.startswith(EMBEDDED) or URL not in config_type.definition().by_name:
        return options
    made = dict(options)
    made[URL] = bootstrap
    return made


def trial_registry(options: Mapping[str, Any], config_type: type[Config]) -> Mapping[str, Any]:
    """The same with a registry in memory, so that a trial registers nothing where others would see it."""
    names = config_type.definition().by_name
    if URL not in names or str(options.get("auto.register.schemas", "true")).strip().lower() == "false":
        return options
    return {**options, URL: "mock://trial"}
