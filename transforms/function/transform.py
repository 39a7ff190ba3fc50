"""The transform Function: reads a function's arguments from a record, and puts the result into it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from connectkit.checks import non_blank
from connectkit.config import HIGH, Config, option
from connectkit.draft import Draft, SideName
from connectkit.edit import NEITHER, EditTransform
from connectkit.errors import ConfigError, ConnectError, DataError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.base import optional_form
from connectkit.transforms.expression import convert
from connectkit.transforms.expression.scope import DraftScope
from connectkit.transforms.expression.source import ExpressionError, Position, Source
from connectkit.transforms.expression.targets import Target
from connectkit.transforms.expression.terms import Compute, Term, call
from connectkit.transforms.expression.types import ANY, of_schema, parse_declared
from connectkit.transforms.function.annotations import Adapt, hints_of, is_record, returning, taking
from connectkit.transforms.function.registry import functions
from connectkit.transforms.paths import RecordPath

ARGUMENT_PREFIX = "arg."
_HERE = Position(1, 1)


class FunctionConfig(Config):
    """Which function to call; ``arg.NAME`` says where the parameter NAME is found, by default value.NAME."""

    prefixes = (ARGUMENT_PREFIX,)

    function: str = option(
        doc="The function's name: that of an entry point in the group connectkit.functions of an installed "
        "package. Each parameter gets the field of the value that has its name, unless arg.NAME gives "
        "another path (value.a.b, key.a, headers.x, topic, timestamp); one with a default may be missing "
        "from the record.",
        check=non_blank,
        importance=HIGH,
    )
    to: str | None = option(
        None,
        doc="Where the result goes: value.FIELD, key.FIELD, headers.NAME, topic, partition or timestamp. "
        "Needed unless the function takes and gives whole records.",
        importance=HIGH,
    )
    result_type: str | None = option(
        None,
        doc="The type of the result where the function's annotation does not say it, or says another width: "
        "int32, decimal(2), string?, …",
    )
    on_missing: Literal["fail", "warn", "ignore"] = option(
        "fail",
        doc="What to do with a record that has not got a field for a parameter without a default: fail, or "
        "take it for null and warn (once for each field), or ignore it.",
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            Plan(self)
        except _PlanError as error:
            return {error.key: str(error)}
        return {}


class _PlanError(Exception):
    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter: where it is read, what it takes, and the default (``quiet``: there is one)."""

    path: RecordPath
    adapt: Adapt | None
    takes_null: bool
    quiet: bool
    default: Any


class Plan:
    """A function as a configuration wants it called. Raises ``_PlanError``."""

    def __init__(self, config: FunctionConfig) -> None:
        self.name = config.function
        try:
            self.function = functions.find(self.name)
            self._hints = hints_of(self.function, shortened(self.name))
        except ConfigError as error:
            raise _PlanError("function", str(error)) from error
        parameters = self._parameters()
        given = dict(config.with_prefix(ARGUMENT_PREFIX))
        self.whole = len(parameters) == 1 and is_record(self._hints.get(parameters[0].name))
        self.target: Target | None = None
        self.arguments: list[Argument] = []
        self.schema: Schema | None = None
        self.optional: bool | None = None
        self.adapt: Adapt | None = None
        if self.whole:
            self._check_whole(config, given)
            return
        self._set_target(config.to)
        for parameter in parameters:
            self.arguments.append(self._argument(parameter, given.pop(parameter.name, None)))
        for name in given:
            hint = did_you_mean(name, [each.name for each in parameters])
            raise _PlanError(
                ARGUMENT_PREFIX + name,
                f"is for a parameter that '{shortened(self.name)}' does not have{hint}",
            )
        self._set_result(config.result_type)

    def _parameters(self) -> list[inspect.Parameter]:
        found = list(inspect.signature(self.function).parameters.values())
        for each in found:
            if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
                raise _PlanError(
                    "function", "has parameters without a name (*, ** or /), which cannot be found"
                )
        return found

    def _check_whole(self, config: FunctionConfig, given: Mapping[str, Any]) -> None:
        returned = self._hints.get("return")
        if returned is None or not (is_record(returned) or returned is type(None)):
            raise _PlanError(
                "function", "takes a whole record, so it must give a record, None, or a list of records"
            )
        for key, value in (("to", config.to), ("result.type", config.result_type)):
            if value is not None:
                raise _PlanError(key, "has no use: the function gives a whole record")
        for name in given:
            raise _PlanError(ARGUMENT_PREFIX + name, "has no use: the function takes a whole record")

    def _set_target(self, text: str | None) -> None:
        if text is None:
            raise _PlanError("to", "is missing: it says where the result goes, such as value.total")
        try:
            source = Source(f"{text} = 0")
            statement = source.statements[0]
            node = statement.target
            if len(source.statements) != 1 or node is None or not isinstance(statement.value, ast.Constant):
                raise _PlanError("to", "must be one place, such as value.total")
            target = Target.of(source, node)
        except ExpressionError as error:
            raise _PlanError("to", error.sentence) from error
        if isinstance(target, str):
            raise _PlanError("to", f"must say where; a field of the value is value.{shortened(target)}")
        self.target = target

    def _argument(self, parameter: inspect.Parameter, text: Any) -> Argument:
        name = parameter.name
        where = f"The parameter '{name}' of '{shortened(self.name)}'"
        try:
            path = RecordPath.parse(text if isinstance(text, str) else f"value.{name}")
            adapt, takes_null = taking(self._hints.get(name, Any), where)
        except ConfigError as error:
            raise _PlanError("function", str(error)) from error
        except ValueError as error:
            raise _PlanError(ARGUMENT_PREFIX + name, str(error)) from error
        quiet = parameter.default is not parameter.empty
        return Argument(path, adapt, takes_null, quiet, parameter.default if quiet else None)

    def _set_result(self, declared: str | None) -> None:
        hint = self._hints.get("return", Any)
        if is_record(hint):
            raise _PlanError("function", "gives records, so it must take a record as its only parameter")
        try:
            if declared is not None:
                found = parse_declared(declared)
                self.schema, self.optional = found.schema, found.optional
                return
        except ValueError as error:
            raise _PlanError("result.type", str(error)) from error
        try:
            returned = returning(hint, f"The function '{shortened(self.name)}'")
        except ConfigError as error:
            raise _PlanError("function", str(error)) from error
        self.adapt, self.schema = returned.adapt, returned.schema
        self.optional = True if returned.optional else None

    def schema_for(self, terms: Sequence[Term]) -> Schema | None:
        """The schema of results: optional too where a null argument makes the result null."""
        if self.schema is None:
            return None
        nullable = any(
            term.kind.nullable and not (each.takes_null or each.quiet)
            for term, each in zip(terms, self.arguments)
        )
        optional = nullable if self.optional is None else self.optional
        return optional_form(self.schema) if optional else self.schema


class Function(EditTransform[FunctionConfig]):
    """Call a registered Python function for each record, and put what it returns into the record."""

    calls_out = True
    """What the function does besides is not known here: nobody calls it again just to measure it."""

    def __init__(self, config: FunctionConfig) -> None:
        try:
            self._plan = Plan(config)
        except _PlanError as error:  # the package was changed since the configuration was checked
            raise ConfigError(problems={error.key: [str(error)]}) from error
        self.reads = self._sides()
        super().__init__(config)

    def _sides(self) -> frozenset[SideName]:
        sides: set[SideName] = set()
        for argument in self._plan.arguments:
            sides |= argument.path.reads
        if self._plan.target is not None:
            sides |= self._plan.target.path.reads
        return frozenset(sides) or NEITHER

    def edit(self, draft: Draft) -> None:
        plan = self._plan
        if plan.target is None:
            draft.hand_over(self._guarded(plan.function))
            return
        scope = DraftScope(draft, self._gone, "a function")
        where = plan.target.text
        try:
            terms = [scope.path(each.path, _HERE, quiet=each.quiet) for each in plan.arguments]
            schema = plan.schema_for(terms)
            kind = ANY if schema is None else of_schema(schema)
            term = call(self._caller(schema), terms, kind, _HERE, strict=False)
            var = draft.emit(Compute(draft.temp(), term, scope.inputs, where, place=""))
            plan.target.assign(draft, var, kind)
        except ExpressionError as error:
            raise DataError(error.sentence[0].upper() + error.sentence[1:], path=where) from error

    def _gone(self, path: str, step: str, names: Iterable[Any]) -> None:
        self.missing(path, names, step=step, connect="fail", path=path)

    def _caller(self, schema: Schema | None) -> Callable[..., Any]:
        """The function on raw values: nulls, classes and the result are seen to."""
        plan = self._plan
        function = self._guarded(plan.function)
        each = list(zip(inspect.signature(plan.function).parameters, plan.arguments))
        adapt = plan.adapt
        fit = None if schema is None else convert.fit(schema)

        def called(*values: Any) -> Any:
            arguments: dict[str, Any] = {}
            for (name, argument), value in zip(each, values):
                if value is None:
                    if not (argument.quiet or argument.takes_null):
                        return None
                    arguments[name] = argument.default
                else:
                    arguments[name] = value if argument.adapt is None else argument.adapt(value)
            found = function(**arguments)
            if found is not None and adapt is not None:
                found = adapt(found)
            return found if fit is None else fit(_as_schema(schema, found))

        return called

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose own exceptions are told without their text: that may quote a value."""
        name = shortened(self._plan.name)

        def guarded(*args: Any, **named: Any) -> Any:
            try:
                return function(*args, **named)
            except ConnectError:
                raise
            except Exception as error:
                raise DataError(f"The function '{name}' raised {type(error).__name__}") from error

        return guarded


def _as_schema(schema: Schema | None, value: Any) -> Any:
    """A struct with the very schema, which may differ from its own in being optional."""
    return Struct.of(schema, value.values) if isinstance(value, Struct) and schema is not None else value
