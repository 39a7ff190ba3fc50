"""The transform Expression: runs the statements of an expression over a draft, in their order."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from connectkit.checks import non_blank
from connectkit.config import HIGH, MEDIUM, Config, option
from connectkit.draft import Draft, SideName, UndecidedError
from connectkit.edit import EditTransform
from connectkit.errors import DataError
from connectkit.fuse import Fused, Stage
from connectkit.program import Const, Var
from connectkit.record import ConnectRecord
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.expression.compiler import Compiler
from connectkit.transforms.expression.operators import fitted, inverted
from connectkit.transforms.expression.scope import DraftScope, UnknownScope
from connectkit.transforms.expression.source import ExpressionError, Source, Statement
from connectkit.transforms.expression.targets import PURPOSE, Target
from connectkit.transforms.expression.terms import Compute, Term
from connectkit.transforms.expression.types import Declared, parse_declared, schema_of
from connectkit.transforms.paths import RecordPath

SCHEMA_PREFIX = "schema."
MAX_FILTERS = 50
"""Statements that drop or keep: each is a branch of the generated function."""


class ExpressionConfig(Config):
    """What to compute; ``schema.FIELD`` declares the type of a field that is assigned."""

    prefixes = (SCHEMA_PREFIX,)

    expression: str = option(
        doc="Assignments (value.total = value.qty * value.price), drop if CONDITION and keep if CONDITION, "
        "in Python's syntax, one a line or parted by semicolons. They may read and assign value.FIELD, "
        "key.FIELD, headers.NAME, topic, partition and timestamp. schema.FIELD declares the type of an "
        "assigned field: int8 to int64, float32, float64, boolean, string, bytes, decimal(2), date, time or "
        "timestamp, with ? behind it if it may be null and ! if it must not.",
        check=non_blank,
        importance=HIGH,
    )
    on_missing: Literal["fail", "warn", "ignore"] = option(
        "fail",
        doc="What to do with a record that has not got a field that is read: fail, or take it for null and "
        "warn (once for each field), or ignore it. Inside coalesce() and before 'is None' a field may always "
        "be missing.",
        importance=MEDIUM,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            plan = Plan(self.expression)
        except ExpressionError as error:
            return {"expression": str(error)}
        return plan.declare(self._declared_texts())[1]

    def _declared_texts(self) -> Mapping[str, Any]:
        return self.with_prefix(SCHEMA_PREFIX)


class Plan:
    """An expression that was read and found to be in order: statements, targets, and what they touch."""

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self.steps: list[tuple[Statement, Target | str | None]] = []
        self.reads: set[SideName] = set()
        self._check()

    def _check(self) -> None:
        """Compile everything without a record, which finds what no record could make right."""
        filters = [each for each in self.source.statements if each.target is None]
        if len(filters) > MAX_FILTERS:
            raise ExpressionError(
                f"there are more than {MAX_FILTERS} 'drop if' and 'keep if'; combine conditions with 'or'",
                filters[MAX_FILTERS].at,
            )
        watching = _Watching(self.reads)
        known: dict[str, Term] = {}
        unused: dict[str, Statement] = {}
        for statement in self.source.statements:
            term = Compiler(self.source, watching, _Used(known, unused)).compile(statement.value)
            if term.kind.name == "tuple":
                raise ExpressionError("a list of choices can only stand behind 'in'", statement.at)
            target = None if statement.target is None else Target.of(self.source, statement.target)
            if isinstance(target, str):
                if target in known:
                    raise ExpressionError(
                        f"'{target}' is assigned twice; give the second another name", statement.at
                    )
                known[target] = Term(term.kind, term.write, statement.at)
                unused[target] = statement
            elif target is not None and target.path.place in ("key", "value"):
                self.reads |= target.path.reads
            self.steps.append((statement, target))
        for name, statement in unused.items():
            raise ExpressionError(
                f"'{name}' is assigned and never used; a field of the value is value.{name}", statement.at
            )

    def declare(self, texts: Mapping[str, Any]) -> tuple[dict[str, Declared], dict[str, str]]:
        """The declared types by target, and what is wrong with them by key."""
        targets = {target.text: target for _, target in self.steps if isinstance(target, Target)}
        found: dict[str, Declared] = {}
        problems: dict[str, str] = {}
        for name, text in texts.items():
            full = name if name in targets else f"value.{name}"
            key = SCHEMA_PREFIX + name
            if full not in targets:
                known = [text.removeprefix("value.") for text in targets]
                problems[key] = (
                    "declares the type of something that the expression does not assign"
                    + did_you_mean(name, known)
                )
                continue
            if targets[full].path.place in ("topic", "partition", "timestamp"):
                problems[key] = f"is not needed: {full} has the type it always has"
                continue
            try:
                if not isinstance(text, str):
                    raise ValueError("must be a text such as float64 or decimal(2)")  # noqa: TRY004 - a problem
                found[full] = parse_declared(text)
            except ValueError as error:
                problems[key] = str(error)
        return found, problems


class _Watching(UnknownScope):
    """Notes which sides are read."""

    def __init__(self, reads: set[SideName]) -> None:
        self._reads = reads

    def path(self, path: RecordPath, at: Any, *, quiet: bool) -> Term:
        self._reads |= path.reads
        return super().path(path, at, quiet=quiet)

    def is_null(self, place: str) -> bool | None:
        self._reads.add(place)  # type: ignore[arg-type]  # a compiler asks for key and value only
        return None


class _Used(dict[str, Term]):
    """Names assigned before; one that is asked for is taken off the unused ones."""

    def __init__(self, known: Mapping[str, Term], unused: dict[str, Statement]) -> None:
        super().__init__(known)
        self._unused = unused

    def get(self, name: str, default: Any = None) -> Any:
        self._unused.pop(name, None)
        return super().get(name, default)


class Expression(EditTransform[ExpressionConfig]):
    """Assign fields, headers, topic and timestamp, or drop records, by an expression in Python's syntax."""

    def __init__(self, config: ExpressionConfig) -> None:
        self._plan = Plan(config.expression)
        self._declared = self._plan.declare(config._declared_texts())[0]
        self.reads = frozenset(self._plan.reads)
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        known: dict[str, tuple[Var, Term]] = {}
        for number, (statement, target) in enumerate(self._plan.steps):
            where = target.text if isinstance(target, Target) else target
            try:
                draft = self._step(draft, statement, target, known)
            except UndecidedError:
                if number == 0:
                    raise
                # What stands in the key or value now is only known of each record: go on with it there.
                draft.hand_over(self._rest(number, known).apply)
                return
            except ExpressionError as error:
                sentence = error.sentence[0].upper() + error.sentence[1:]
                raise DataError(f"{sentence} ({error.at} of the expression)", path=where) from error
            if draft.dropped:
                return

    def _step(
        self,
        draft: Draft,
        statement: Statement,
        target: Target | str | None,
        known: dict[str, tuple[Var, Term]],
    ) -> Draft:
        """Do one statement; the draft to go on with."""
        scope = DraftScope(draft, self._gone, PURPOSE)
        term = Compiler(self._plan.source, scope, _local(scope, known)).compile(statement.value)
        if target is None:
            return self._filter(draft, scope, term, drops=statement.verb == "drop")
        if isinstance(target, str):
            known[target] = (self._computed(draft, scope, term, target), term)
            return draft
        declared = self._declared.get(target.text)
        if declared is not None:
            term = _declared_term(term, declared)
        target.assign(draft, self._computed(draft, scope, term, target.text), term.kind)
        return draft

    def _rest(self, number: int, known: Mapping[str, Any]) -> Expression:
        """The statements from that number on, as an expression by themselves."""
        for statement, _ in self._plan.steps[number:]:
            for node in ast.walk(statement.value):
                if isinstance(node, ast.Name) and node.id in known:
                    raise DataError(
                        f"The name '{node.id}' cannot be used behind an assignment to a whole key or value "
                        f"of which the type is not known before ({statement.at} of the expression)"
                    )
        return self._part(number, len(self._plan.steps))

    def why_dropped(self, record: ConnectRecord) -> str | None:
        """The statement that drops the record; None if none does."""
        for number, (statement, target) in enumerate(self._plan.steps, 1):
            if target is None and self._part(0, number).apply(record) is None:
                return f"{shortened(statement.text)} ({statement.at})"
        return None

    def _part(self, start: int, end: int) -> Expression:
        """The same with these statements only."""
        made = copy.copy(self)
        made._plan = copy.copy(self._plan)
        made._plan.steps = self._plan.steps[start:end]
        made._alone = Fused([Stage(made)])
        return made

    def _gone(self, path: str, step: str, names: Iterable[Any]) -> None:
        self.missing(path, names, step=step, connect="fail", path=path)

    def _computed(self, draft: Draft, scope: DraftScope, term: Term, where: str | None) -> Var:
        if term.is_constant:
            return Const(term.constant)
        return draft.emit(Compute(draft.temp(), term, scope.inputs, where))

    def _filter(self, draft: Draft, scope: DraftScope, term: Term, *, drops: bool) -> Draft:
        """The draft of the records that go on."""
        if term.is_constant:
            if bool(term.constant) is drops:
                draft.drop()
            return draft
        # What is dropped is always the one half: halves that go on would be nested in each other.
        condition = term if drops else inverted(term, term.at)
        dropped, kept = draft.split(self._computed(draft, scope, condition, None))
        dropped.drop()
        return kept


def _local(scope: DraftScope, known: Mapping[str, tuple[Var, Term]]) -> Mapping[str, Term]:
    return {
        name: term if term.is_constant else Term(term.kind, scope.input(var), term.at)
        for name, (var, term) in known.items()
    }


def _declared_term(term: Term, declared: Declared) -> Term:
    """The term with its declared schema; without a look at the values where they are of it already."""
    schema = declared.schema_for(term.kind)
    found = schema_of(term.kind)
    if found == schema or (found == declared.schema and not term.kind.nullable):
        return term.of_kind(replace(term.kind, schema=schema))
    return fitted(term, schema)
