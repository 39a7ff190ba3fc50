"""Whether a payload is one that its JSON schema allows, by the library jsonschema.

Nothing is fetched: a reference to what the registry did not give is an error. Source: spec registry 4.1,
10.4. Needs the library jsonschema (the extra ``json-schema``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from connectkit.converters import json_path
from connectkit.converters.json_parse import MISSING, BadJsonError, parse
from connectkit.converters.json_path import Path
from connectkit.converters.json_schema.references import named_trees
from connectkit.errors import ConversionError, LimitError, SchemaError
from connectkit.javaregex import compile_java


def validator(text: str, references: Sequence[str]) -> Callable[[bytes], None]:
    """A function that raises ``ConversionError``, with the place, for a payload that the schema refuses."""
    from jsonschema.exceptions import SchemaError as BadSchemaError
    from jsonschema.exceptions import best_match
    from jsonschema.validators import Draft7Validator, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT7

    tree = json.loads(text)
    kind = validator_for(tree, default=Draft7Validator)
    try:
        kind.check_schema(tree)
    except BadSchemaError as exc:
        raise SchemaError("The JSON schema is not one that values can be checked against") from exc
    except RecursionError as exc:
        raise LimitError("The JSON schema is nested too deeply to check values against") from exc
    named = list(named_trees(references, json.loads).items())
    registry: Registry[Any] = Registry().with_resources(
        (name, DRAFT7.create_resource(each)) for name, each in named
    )
    _check_patterns([tree, *(each for _, each in named)])
    check = kind(tree, registry=registry, format_checker=kind.FORMAT_CHECKER)

    def validate(data: bytes) -> None:
        try:
            value = parse(data)
            error = best_match(check.iter_errors(None if value is MISSING else value))
        except BadJsonError:
            return  # the reader says so, with the place
        except Unresolvable as exc:
            raise SchemaError("The JSON schema refers to a schema that is none of its references") from exc
        except RecursionError as exc:
            raise LimitError("The value is nested too deeply to be checked against its schema") from exc
        if error is not None:
            where = json_path.text(_path(error.absolute_path))
            raise ConversionError(
                f"What stands at {where} is not what its JSON schema allows: it breaks '{error.validator}'",
                path=where,
            )

    return validate


def _check_patterns(trees: list[Any]) -> None:
    """Refuse regular expressions that some text could make run for hours."""
    todo = list(trees)
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            todo.extend(node.values())
            patterns = [node.get("pattern"), *_keys(node.get("patternProperties"))]
            for pattern in patterns:
                try:
                    if isinstance(pattern, str):
                        compile_java(pattern)
                except ValueError as exc:
                    raise SchemaError(
                        f"The JSON schema has an expression that values cannot be checked against: {exc}"
                    ) from exc


def _keys(node: Any) -> list[Any]:
    return list(node) if isinstance(node, dict) else []


def _path(steps: Any) -> Path:
    path: Path = None
    for step in steps:
        path = json_path.item(path, step) if isinstance(step, int) else json_path.member(path, str(step))
    return path
