"""The chain: the transforms and predicates of a connector's configuration, applied to its records.

Wiring is Connect's (``transforms``, ``transforms.ALIAS.type`` …, ``predicates``, ``negate``; spec data
4.2); how records run through it is :mod:`connectkit.fuse`'s. A chain belongs to one task and is used by
one thread. Errors say which transform failed and where in the record; the task adds the coordinates.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from connectkit.api import Transform
from connectkit.errors import ConfigError
from connectkit.fuse import Fused, Result, Stage, run_each
from connectkit.infer import Inferred
from connectkit.kinds import Kind, parse_kind
from connectkit.plugin import Found, Registry
from connectkit.record import ConnectRecord, SchemaPair, SourceRecord
from connectkit.schema import Schema
from connectkit.suggest import did_you_mean, shortened

log = logging.getLogger(__name__)

_OWN_KEYS = frozenset(("type", "plugin.version", "predicate", "negate"))
"""Keys under an alias that are the worker's and not the plugin's."""


class Step:
    """One transform of a chain: ``alias``, ``name`` (as messages show it) and its ``predicate``'s alias."""

    __slots__ = ("alias", "name", "predicate", "stage")

    def __init__(self, alias: str, name: str, predicate: str | None, stage: Stage) -> None:
        self.alias = alias
        self.name = name
        self.predicate = predicate
        self.stage = stage

    @property
    def negate(self) -> bool:
        return self.stage.negate

    @property
    def transform(self) -> Transform[Any]:
        found: Transform[Any] = self.stage.transform
        return found

    @property
    def class_name(self) -> str:
        """Module and name of the transform's class."""
        cls = type(self.stage.transform)
        return f"{cls.__module__}.{cls.__qualname__}"

    @property
    def label(self) -> str:
        """``transform 'mask' (MaskField$Value)``."""
        return self.stage.label

    def applies(self, record: ConnectRecord) -> bool:
        """Whether the predicate, if there is one, lets the transform see the record."""
        return self.stage.applies(record)

    def apply(self, record: Any) -> Result:
        """Predicate and transform on one record; an error is one of ours and names the step."""
        try:
            return self.stage.apply(record)
        except Exception as error:  # noqa: BLE001 - it is raised again, with its stage
            found = self.stage.located(error)
            raise found from found.__cause__


class Chain:
    """Transforms in the order of the configuration. Made by :meth:`build`."""

    def __init__(
        self, steps: Sequence[Step] = (), warnings: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.steps: tuple[Step, ...] = tuple(steps)
        self.warnings: dict[str, list[str]] = {k: list(v) for k, v in (warnings or {}).items()}
        """Keys of the configuration that have no effect, with a sentence each."""
        self._fused = Fused([step.stage for step in self.steps])
        self._marked = [step.transform for step in self.steps if _overrides(step.transform, "mark")]
        self.apply: Callable[[Any], Result] = self._fused.run
        """One record through the chain: a record, a list of records, or None where it is dropped."""

    @classmethod
    def build(cls, config: Mapping[str, Any], registry: Registry) -> Self:
        """The chain a connector's configuration asks for; ``ConfigError`` lists every problem by key."""
        return cls(*_Builder(config, registry).build())

    def __len__(self) -> int:
        return len(self.steps)

    def mark(self) -> None:
        """Tell the transforms that have a memory that a batch begins."""
        for transform in self._marked:
            transform.mark()

    def rewind(self) -> None:
        """Tell them that all since the last :meth:`mark` comes again."""
        for transform in self._marked:
            transform.rewind()

    def apply_batch(self, records: Sequence[Any]) -> list[Result]:
        """What :meth:`apply` gives for each, in order. The first error ends it and is raised.

        Nothing in the records has changed then: run them one by one to find out which it was.
        """
        return self._fused.run_batch(records)

    def apply_steps(self, record: Any, on_step: Callable[[Step, Any], Result]) -> Result:
        """Run the record step by step, each by way of ``on_step(step, record)``.

        ``on_step`` calls ``step.apply(record)`` and may retry, look on, or return None to drop the
        record. Where a step makes several records, each goes through the remaining steps.
        """
        return self._from(0, record, on_step)

    def _from(self, number: int, record: Any, on_step: Callable[[Step, Any], Result]) -> Result:
        for at in range(number, len(self.steps)):
            record = on_step(self.steps[at], record)
            if record is None:
                return None
            if type(record) is list:
                return run_each(record, lambda each, after=at + 1: self._from(after, each, on_step))  # type: ignore[misc]
        return record

    def output_schema(
        self,
        schema: Schema | None,
        *,
        key_schema: Schema | None = None,
        record_class: type[ConnectRecord] = SourceRecord,
    ) -> set[SchemaPair] | None:
        """The pairs of key and value schema that records with these schemas come out with.

        Without data: nulls aside, and through every branch a predicate may take. None if that cannot be
        told (:meth:`infer` says why); empty if all records are dropped. Raises ``DataError`` where no
        record of these schemas can pass.
        """
        return self.infer(schema, key_schema=key_schema, record_class=record_class).schemas

    def infer(
        self,
        schema: Schema | None,
        *,
        key_schema: Schema | None = None,
        record_class: type[ConnectRecord] = SourceRecord,
    ) -> Inferred:
        """The same, and where it cannot be told a sentence that says why."""
        return self._fused.infer(record_class, key_schema, schema)

    def close(self) -> None:
        """Close transforms and predicates; an error in one is logged and does not keep the others."""
        for step in self.steps:
            for plugin in (step.stage.transform, step.stage.predicate):
                if plugin is not None:
                    try:
                        plugin.close()
                    except BaseException:
                        log.warning("%s could not be closed", step.label, exc_info=True)


def _overrides(transform: Any, name: str) -> bool:
    return getattr(type(transform), name, None) not in (None, getattr(Transform, name))


class _Builder:
    """Reads the wiring and gathers what is wrong with it."""

    def __init__(self, config: Mapping[str, Any], registry: Registry) -> None:
        self._config = config
        self._registry = registry
        self._problems: dict[str, list[str]] = {}
        self._warnings: dict[str, list[str]] = {}

    def build(self) -> tuple[list[Step], dict[str, list[str]]]:
        predicates = self._aliases("predicates")
        transforms = self._aliases("transforms")
        for alias in predicates:
            self._plugin("predicate", "predicates", alias)
        steps = []
        for number, alias in enumerate(transforms):
            step = self._step(number, alias, predicates)
            if step is not None:
                steps.append(step)
        self._warn_of_strays("transforms", transforms)
        self._warn_of_strays("predicates", predicates)
        if self._problems:
            raise ConfigError(problems=self._problems)
        return steps, self._warnings

    def _problem(self, key: str, sentence: str) -> None:
        found = self._problems.setdefault(key, [])
        if sentence not in found:
            found.append(sentence)

    def _aliases(self, key: str) -> list[str]:
        if key not in self._config:
            return []
        if self._config[key] is None:
            self._problem(key, "must not be null; leave it out if there are none")
            return []
        try:
            aliases: list[str] = parse_kind(self._config[key], Kind.LIST)
        except ValueError as error:
            self._problem(key, str(error))
            return []
        if "" in aliases:
            self._problem(key, "has an empty alias (look for a comma too many)")
        if len(set(aliases)) < len(aliases):
            twice = sorted({alias for alias in aliases if aliases.count(alias) > 1})
            self._problem(key, f"names '{shortened(twice[0])}' twice")
        return [alias for alias in dict.fromkeys(aliases) if alias]

    def _plugin(self, kind: str, group: str, alias: str) -> tuple[Any, Found] | None:
        """The plugin under an alias, made; None if something is wrong, which is noted."""
        where = f"{group}.{alias}"
        name = self._config.get(f"{where}.type")
        if not isinstance(name, str) or not name.strip():
            self._problem(
                f"{where}.type", f"is required: it names the {kind} that '{shortened(alias)}' stands for"
            )
            return None
        if name != name.strip():
            self._problem(f"{where}.type", "must not have blanks around the name of the class")
            return None
        try:
            found = self._registry.find(kind, name)  # type: ignore[arg-type]  # our callers pass a literal
        except ConfigError as error:
            self._problem(f"{where}.type", str(error))
            return None
        start = len(where) + 1
        raw = {
            key[start:]: value
            for key, value in self._config.items()
            if key.startswith(f"{where}.") and key[start:] not in _OWN_KEYS
        }
        try:
            config = found.cls.config_type.parse(raw, where=where)
            made: Any = found.cls(config, **found.extra)
        except ConfigError as error:
            for key, sentences in (error.problems or {f"{where}.type": [str(error)]}).items():
                for sentence in sentences:
                    self._problem(key, sentence)
            return None
        except Exception as error:
            self._problem(
                f"{where}.type", f"could not be made: its constructor raised {type(error).__name__}"
            )
            log.debug("%s could not be made", where, exc_info=error)
            return None
        for key, notes in config.warnings.items():
            self._warnings.setdefault(key, list(notes))
        return made, found

    def _step(self, number: int, alias: str, predicates: Sequence[str]) -> Step | None:
        where = f"transforms.{alias}"
        predicate_alias = self._config.get(f"{where}.predicate")
        negate = self._config.get(f"{where}.negate")
        predicate = None
        if predicate_alias is None:
            if f"{where}.negate" in self._config:
                self._problem(
                    f"{where}.negate", f"has nothing to negate: set {where}.predicate, or leave it out"
                )
        else:
            predicate_alias = str(predicate_alias)
            if predicate_alias not in predicates:
                hint = did_you_mean(predicate_alias, predicates)
                self._problem(
                    f"{where}.predicate",
                    f"names '{shortened(predicate_alias)}', which is not among 'predicates'{hint}",
                )
            else:
                predicate = self._plugin("predicate", "predicates", predicate_alias)
        if negate is not None and str(negate).strip().lower() not in ("true", "false"):
            self._problem(f"{where}.negate", "must be true or false")
        found = self._plugin("transform", "transforms", alias)
        if found is None:
            return None
        transform, plugin = found
        side = plugin.extra.get("side")
        name = plugin.info.name + (f"${side.title()}" if side else "")
        if hasattr(transform, "alias"):
            transform.alias = alias
        stage = Stage(
            transform,
            predicate[0] if predicate else None,
            negate=str(negate).lower() == "true",
            label=f"transform '{shortened(alias)}' ({name})",
            number=number,
        )
        return Step(alias, name, predicate_alias, stage)

    def _warn_of_strays(self, group: str, aliases: Sequence[str]) -> None:
        """Keys under an alias that is not listed do nothing; Connect does not say so."""
        for key in self._config:
            if not key.startswith(f"{group}.") or any(key.startswith(f"{group}.{a}.") for a in aliases):
                continue
            alias = key[len(group) + 1 :].partition(".")[0]
            hint = did_you_mean(alias, aliases)
            self._warnings.setdefault(
                key, [f"has no effect, because '{shortened(alias)}' is not listed in '{group}'{hint}"]
            )
