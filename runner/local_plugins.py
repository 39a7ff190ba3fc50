"""Plugins in a file that the operator names on the command line, for work on one machine.

Installed plugins come in by entry points only; this is the one other way, and never one that a connector's
configuration has. The file is imported as the module of its name, so that tasks with a process of their
own find it there, too. Source: design 3.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from connectkit.errors import ConfigError
from connectkit.plugin import Plugin, Registry

log = logging.getLogger(__name__)


def load_plugins(files: Sequence[Path], registry: Registry) -> list[str]:
    """Register every plugin class that these files define, by its name; returns the names.

    ``ConfigError`` for a file that cannot be imported, or that defines no plugin.
    """
    names: list[str] = []
    for file in files:
        module = _imported(file)
        found = [
            cls
            for cls in vars(module).values()
            if isinstance(cls, type)
            and issubclass(cls, Plugin)
            and cls.__module__ == module.__name__
            and not inspect.isabstract(cls)
        ]
        added = [(kind, cls) for cls in dict.fromkeys(found) for kind in _kinds(cls)]
        if not added:
            raise ConfigError(
                f"{file} defines no plugin: a class of connectkit's, or a function decorated as one"
            )
        for kind, cls in added:
            registry.register(kind, cls.__name__, cls)
            names.append(cls.__name__)
        log.info("Plugins of %s: %s", file, ", ".join(cls.__name__ for _, cls in added))
    return names


def _kinds(cls: Any) -> list[Any]:
    return sorted(cls.plugin_kinds())


def _imported(file: Path) -> ModuleType:
    """The file as a module, imported once."""
    path = file.resolve()
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ConfigError(
            f"{file} cannot be imported: it must be named as a Python module is, such as my_source.py"
        )
    if not path.is_file():
        raise ConfigError(f"There is no file {file}; --plugins names a Python file")
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last, so that nothing installed is hidden
    try:
        module = importlib.import_module(path.stem)
    except Exception as exc:
        raise ConfigError(
            f"{file} cannot be imported: {type(exc).__name__}: {exc}; run python {file} to see where"
        ) from exc
    if Path(module.__file__ or "").resolve() != path:
        raise ConfigError(f"{file} has the name of another module, {path.stem}; rename it")
    return module
