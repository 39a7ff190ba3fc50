"""Route: chooses the topic by what is in a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from connectkit.checks import no_duplicates, no_empty_items, non_blank, non_empty_list
from connectkit.config import HIGH, Config, option
from connectkit.draft import Draft
from connectkit.edit import EditTransform
from connectkit.errors import ConfigError, DataError
from connectkit.program import NONE, Var
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.expression.condition import Condition
from connectkit.transforms.expression.scope import DraftScope
from connectkit.transforms.expression.source import ExpressionError
from connectkit.transforms.expression.terms import Compute, Term, chosen, constant, either
from connectkit.transforms.expression.types import INT
from connectkit.transforms.paths import NoSuchField, RecordPath
from connectkit.transforms.topic_names import TopicTemplate

PREFIX = "routes."
PURPOSE = "routing"


def _condition(text: str) -> str | None:
    try:
        Condition(text)
    except ExpressionError as error:
        return f"has {error}"
    return None


def _template(text: str) -> str | None:
    try:
        TopicTemplate(text)
    except ValueError as error:
        return str(error)
    return None


class RuleConfig(Config):
    """One route."""

    when: str = option(doc="The condition.", check=[non_blank, _condition])
    topic: str = option(doc="The topic.", check=_template)


class RouteConfig(Config):
    """Which topics there are, and when a record goes to which."""

    prefixes = (PREFIX,)

    routes: list[str] = option(
        doc="Names for the routes, in the order in which their conditions are tried: the first that holds "
        "decides. Each has two options. routes.NAME.when is a condition in the syntax of Expression: "
        "value.amount > 1000 and value.country in ('DE', 'AT'). routes.NAME.topic is the topic: "
        "large-${value.country}, where ${topic}, ${value.FIELD}, ${key.FIELD} and ${headers.NAME} stand for "
        "parts of the record.",
        check=[non_empty_list, no_empty_items, no_duplicates],
        importance=HIGH,
    )
    default_topic: str = option(
        "${topic}",
        doc="The topic of records for which no condition holds. By default they keep theirs.",
        check=_template,
        importance=HIGH,
    )
    on_missing: Literal["fail", "warn", "ignore"] = option(
        "warn",
        doc="What to do with a record that has not got a field that a condition reads: fail, or take it for "
        "null, so that comparisons with it do not hold, and warn (once for each field), or ignore it.",
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        return self.rules()[1]

    def rules(self) -> tuple[list[RuleConfig], dict[str, list[str]]]:
        """The routes in order, and what is wrong with them by key."""
        found: list[RuleConfig] = []
        problems: dict[str, list[str]] = {}
        for name in self.routes:
            where = PREFIX + name
            try:
                rule = RuleConfig.parse(self.with_prefix(f"{where}."), where=where)
            except ConfigError as error:
                problems.update(error.problems)
                continue
            found.append(rule)
            problems.update({key: list(said) for key, said in rule.warnings.items()})
        for key in self.with_prefix(PREFIX):
            if not any(key.startswith(f"{name}.") for name in self.routes):
                hint = did_you_mean(key.rpartition(".")[0], self.routes)
                problems[PREFIX + key] = [f"belongs to a route that is not listed in 'routes'{hint}"]
        return found, problems


class Route(EditTransform[RouteConfig]):
    """Choose the topic by conditions over the record; a topic that Kafka does not allow is an error.

    A tombstone has no value, so conditions over the value do not hold for it: where deletes must follow
    what they delete, route by the key.
    """

    def __init__(self, config: RouteConfig) -> None:
        rules = config.rules()[0]
        self._conditions = [(name, Condition(rule.when)) for name, rule in zip(config.routes, rules)]
        templates = [TopicTemplate(text) for text in (*(rule.topic for rule in rules), config.default_topic)]
        self._paths = {path.text: path for each in templates for path in each.paths}
        self._makers = [each.maker(list(self._paths)) for each in templates]
        self.reads = frozenset().union(
            *(condition.reads for _, condition in self._conditions),
            *(path.reads for path in self._paths.values()),
        )
        super().__init__(config)

    def edit(self, draft: Draft) -> None:
        number = self._number(draft)
        values = [_read(draft, path) for path in self._paths.values()]
        makers = self._makers

        def name(number: int | None, *found: Any) -> str:
            return makers[-1 if number is None else number](found)

        draft.topic = draft.call(name, number, *values, where="topic")

    def _number(self, draft: Draft) -> Var:
        """The variable with the number of the first route whose condition holds, or None."""
        found: Var = NONE
        for number, (name, condition) in enumerate(self._conditions):
            where = f"{PREFIX}{name}.when"
            scope = DraftScope(draft, self._gone, PURPOSE)
            try:
                holds = condition.term(scope)
            except ExpressionError as error:
                raise DataError(f"{error.sentence} ({error.at} of the expression)", path=where) from error
            mine = constant(number, INT, holds.at)
            if holds.is_constant and not holds.constant:
                continue
            term = mine if holds.is_constant else chosen(holds, mine, _none(holds), INT.optional(), holds.at)
            if found is not NONE:  # a condition is asked only where none before it holds
                before = Term(INT.optional(), scope.input(found), holds.at)
                term = either([before, term], "{0} is None", INT.optional(), holds.at)
            found = draft.emit(Compute(draft.temp(), term, scope.inputs, where))
        return found

    def _gone(self, path: str, step: str, names: Iterable[Any]) -> None:
        self.missing(path, names, step=step, path=shortened(path))


def _none(near: Term) -> Term:
    return constant(None, INT.optional(), near.at)


def _read(draft: Draft, path: RecordPath) -> Var:
    """What stands there; None where nothing does, which is an error only for a topic that needs it."""
    if path.place in ("key", "value") and draft.side(path.place).is_null:
        return NONE
    try:
        return path.read(draft, purpose=PURPOSE).var
    except NoSuchField:
        return NONE
