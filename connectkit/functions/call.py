"""What a plugin's function asks for: parameters by name or annotation, resolved once.

A function may ask for its configuration (a parameter annotated with a ``Config`` class), the task's
context (``context``), what was stored (``offset``), the value of its resource (``resource``), the topic
(``topic``). Anything else is an error that says so where the decorator stands.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from connectkit.config import Config


@dataclass(frozen=True, slots=True)
class Signature:
    """A decorated function: its parameters, what each is given, and its configuration's class."""

    function: Callable[..., Any]
    subject: str | None
    """The parameter that takes the value, the record or the batch."""
    subject_hint: Any
    returns: Any
    config_type: type[Config]
    wanted: Mapping[str, str]
    """Other parameters, with what each is given."""

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What is passed beside the subject."""
        return {name: given[what] for name, what in self.wanted.items()}


def signature_of(
    function: Callable[..., Any],
    *,
    subject: str | None,
    known: Collection[str],
    config: type[Config] | None = None,
) -> Signature:
    """Look at a function once. ``subject`` says what its first parameter is; None: it has no such.

    ``known`` are the names that parameters may have. Raises ``TypeError`` for what cannot be given.
    """
    named = getattr(function, "__qualname__", repr(function))
    try:
        hints = get_type_hints(function, include_extras=True)
    except Exception as exc:
        raise TypeError(
            f"The annotations of {named} cannot be resolved ({type(exc).__name__}); define what they name "
            "before it"
        ) from exc
    parameters = list(inspect.signature(function).parameters.values())
    first: str | None = None
    if subject is not None:
        if not parameters:
            raise TypeError(f"{named} needs a parameter that takes the {subject}")
        first = parameters.pop(0).name
    wanted: dict[str, str] = {}
    config_type: type[Config] = config or Config
    for each in parameters:
        hint = hints.get(each.name)
        if isinstance(hint, type) and issubclass(hint, Config):
            wanted[each.name], config_type = "config", hint
        elif each.name in known or each.name == "config":
            wanted[each.name] = each.name
        elif each.default is inspect.Parameter.empty:
            names = ", ".join(sorted({*known, "config"}))
            raise TypeError(
                f"{named} asks for '{each.name}', and nothing is given under that name; a parameter is one "
                f"of {names}, or annotated with a Config class"
            )
    return Signature(
        function, first, hints.get(first) if first else None, hints.get("return"), config_type, wanted
    )


def class_of(base: type, function: Callable[..., Any], suffix: str, members: Mapping[str, Any]) -> Any:
    """A class that stands where the function stood: its name, its module, its documentation."""
    name = getattr(function, "__name__", "plugin") + suffix
    return type(
        name,
        (base,),
        {
            "__module__": function.__module__,
            "__qualname__": getattr(function, "__qualname__", name) + suffix,
            "__doc__": inspect.getdoc(function) or f"Made of the function {name}.",
            "__wrapped__": staticmethod(function),
            **members,
        },
    )


def texts_of(config: Config) -> dict[str, str]:
    """The options as they were given, for the configuration of a task."""
    return {key: value for key, value in config.originals.items() if isinstance(value, str)}


Resource = Callable[..., Any]
"""Opens what a plugin needs while it runs, as a context manager: called with the configuration."""


def open_resource(resource: Resource | None, config: Config, stack: contextlib.ExitStack) -> Any:
    """Enter a plugin's resource, which ``stack`` closes; None if it has none."""
    if resource is None:
        return None
    made = resource(config) if inspect.signature(resource).parameters else resource()
    return stack.enter_context(made)
