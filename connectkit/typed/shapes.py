"""The fields of a class: the one place that knows dataclasses, msgspec, pydantic and the rest."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from connectkit.errors import SchemaError
from connectkit.typed.hints import filled, without_none

MISSING: Any = object()
"""In the place of a default: there is none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a class: its name in Python, its name in a schema, its annotation and its default."""

    attribute: str
    name: str
    hint: Any
    default: Any = MISSING
    may_be_absent: bool = False

    def null_is_left_out(self) -> bool:
        """Whether a null stands for the default: not where it is a value of its own."""
        return self.may_be_absent or (self.default is not MISSING and not takes_none(self.hint))


@dataclass(frozen=True, slots=True)
class Shape:
    """A class with fields: how values are taken apart, and made again from ``{attribute: value}``."""

    parts: tuple[Part, ...]
    read: Callable[[Any, str], Any]
    make: Callable[[Mapping[str, Any]], Any]


def shape_of(cls: Any) -> Shape | None:
    """The fields of a class, or None if it is no class with fields. ``SchemaError`` for unresolved types."""
    origin = get_origin(cls)
    if isinstance(origin, type) and (parameters := getattr(origin, "__parameters__", ())):
        return _with_types(shape_of(origin), dict(zip(parameters, get_args(cls), strict=True)))
    if not isinstance(cls, type):
        return None
    if is_typeddict(cls):
        return _of_typed_dict(cls)
    if dataclasses.is_dataclass(cls):
        return _of_dataclass(cls)
    if isinstance(getattr(cls, "model_fields", None), dict) and hasattr(cls, "model_validate"):
        return _of_pydantic(cls)
    if hasattr(cls, "__struct_fields__") and hasattr(cls, "__struct_encode_fields__"):
        return _of_msgspec(cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_field_defaults"):
        return _of_named_tuple(cls)
    return None


def _with_types(shape: Shape | None, given: Mapping[Any, Any]) -> Shape | None:
    """The fields of a generic class with types in the place of its variables."""
    if shape is None:
        return None
    parts = tuple(dataclasses.replace(part, hint=filled(part.hint, given)) for part in shape.parts)
    return dataclasses.replace(shape, parts=parts)


def takes_none(hint: Any) -> bool:
    """Whether null is a value of the type."""
    return without_none(hint)[1]


def _hints(cls: type) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except Exception as exc:
        raise SchemaError(
            f"The annotations of {cls.__name__} cannot be resolved ({type(exc).__name__}); define the types "
            "that it names before it, at the top of a module"
        ) from exc


def _of_dataclass(cls: Any) -> Shape:
    hints = _hints(cls)
    parts = []
    for each in dataclasses.fields(cls):
        default = MISSING if each.default is dataclasses.MISSING else each.default
        absent = default is MISSING and each.default_factory is not dataclasses.MISSING
        if each.init:
            parts.append(Part(each.name, each.name, hints[each.name], default, absent))
    names = {part.name for part in parts}
    for name, parameter in inspect.signature(cls).parameters.items():
        if name not in names and parameter.default is parameter.empty:
            raise SchemaError(
                f"The class {cls.__name__} has no schema: '{name}', without which it cannot be made, is no "
                "field of it; give it a default"
            )
    return Shape(tuple(parts), getattr, lambda found: cls(**found))


def _of_typed_dict(cls: Any) -> Shape:
    parts = []
    for name, hint in _hints(cls).items():
        marked = get_origin(hint)
        # Where annotations are texts, the class itself does not know of Required and NotRequired.
        absent = marked is NotRequired or (marked is not Required and name in cls.__optional_keys__)
        plain = hint.__args__[0] if marked in (NotRequired, Required) else hint
        parts.append(Part(name, name, plain, may_be_absent=absent))
    return Shape(tuple(parts), lambda value, name: value.get(name), dict)


def _of_pydantic(cls: Any) -> Shape:
    parts = []
    for attribute, info in cls.model_fields.items():
        default = MISSING if info.is_required() or info.default_factory is not None else info.default
        name = info.serialization_alias or info.alias or attribute
        hint = _annotated(info.annotation, info.metadata)
        parts.append(Part(attribute, name, hint, default, info.default_factory is not None))
    # By alias: a model takes field names only if it is told so.
    taken = {name: _taken_as(cls, name, info) for name, info in cls.model_fields.items()}

    def make(found: Mapping[str, Any]) -> Any:
        given = {taken[name]: value for name, value in found.items()}
        return cls.model_validate(given["root"] if cls.__pydantic_root_model__ else given)

    return Shape(tuple(parts), getattr, make)


def _taken_as(cls: Any, attribute: str, info: Any) -> str:
    """The name that a model takes a field's value by: the first one that is a name."""
    alias = info.validation_alias or info.alias or attribute
    choices = getattr(alias, "choices", [alias])
    for each in choices:
        if isinstance(each, str):
            return each
    raise SchemaError(
        f"The field {attribute} of {cls.__name__} has no schema: it is found along a path (AliasPath), and "
        "taken by no name; give it an alias that is one"
    )


def _annotated(hint: Any, metadata: Any) -> Any:
    """The annotation with what pydantic had taken off it."""
    for each in metadata:
        hint = Annotated[hint, each]
    return hint


def _of_msgspec(cls: Any) -> Shape:
    hints = _hints(cls)
    defaults = cls.__struct_defaults__
    first = len(cls.__struct_fields__) - len(defaults)
    parts = []
    for at, (attribute, name) in enumerate(
        zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True)
    ):
        given = defaults[at - first] if at >= first else MISSING
        kind = type(given).__name__
        made_at_run_time = kind in ("Factory", "NoDefaultType")
        default = MISSING if made_at_run_time else given
        parts.append(Part(attribute, name, hints[attribute], default, kind == "Factory"))
    return Shape(tuple(parts), getattr, lambda found: cls(**found))


def _of_named_tuple(cls: Any) -> Shape:
    hints = _hints(cls)
    defaults = cls._field_defaults
    parts = [Part(n, n, hints.get(n, Any), defaults.get(n, MISSING)) for n in cls._fields]
    return Shape(tuple(parts), getattr, lambda found: cls(**found))
