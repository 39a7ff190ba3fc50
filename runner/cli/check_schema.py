"""``connectkit check-schema``: a new schema against its subject, and through the transforms."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from connectkit.api import KeepsSchemas
from connectkit.errors import ConfigError, DataError
from connectkit.plugin import plugins
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.runner.build import Plan, make_converters, plan_connector
from connectkit.runner.chain import Chain
from connectkit.runner.configs.connector import SinkConnectorConfig
from connectkit.runner.configs.files import read_connector_file, read_worker_file
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.schema_diff import changes, fields
from connectkit.runner.standalone import default_worker
from connectkit.runner.variables import make_resolver
from connectkit.schema import Schema


def check_schema(parsed: argparse.Namespace) -> int:
    """Print what was found; 2 if the schema may not be used."""
    text = _text(parsed.new)
    raw_worker = default_worker() if parsed.worker is None else dict(read_worker_file(parsed.worker).config)
    with ExitStack() as closing:
        resolver = make_resolver(raw_worker, plugins)
        closing.callback(resolver.close)
        worker = WorkerConfig.parse(resolver.resolve(raw_worker).config, known=lambda key: True)
        found = resolver.resolve(read_connector_file(parsed.config).config).config
        raw = {key: value for key, value in found.items() if value is not None}
        plan = plan_connector(raw, plugins)
        chain = Chain.build(raw, plugins)
        closing.callback(chain.close)
        converters = make_converters(plan.config, worker, plugins)
        closing.callback(converters.close)
        which = "key" if parsed.key else "value"
        converter = converters.key if parsed.key else converters.value
        if not isinstance(converter, KeepsSchemas):
            raise ConfigError(
                f"{type(converter).__name__}, the {which} converter of {plan.config.name}, keeps no schemas "
                "in a registry; there is nothing to compare with"
            )
        topic = parsed.topic or _topic(plan, raw)
        check = _Check(converter, chain, topic, is_key=parsed.key)
        is_fine = check.source(text) if plan.is_source else check.sink(text)
    return 0 if is_fine else 2


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read ({exc.strerror}); --new names the new schema") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} is no text in UTF-8") from exc


def _topic(plan: Plan, raw: dict[str, Any]) -> str:
    if isinstance(plan.config, SinkConnectorConfig):
        found = plan.config.topics[0] if plan.config.topics else ""
    else:
        found = str(raw.get("topic") or "")
    if not found:
        raise ConfigError("Which topic? The connector's configuration names none: say it with --topic")
    return found


class _Check:
    """One schema of one topic."""

    def __init__(self, converter: KeepsSchemas, chain: Chain, topic: str, *, is_key: bool) -> None:
        self._converter = converter
        self._chain = chain
        self._topic = topic
        self._is_key = is_key

    def sink(self, text: str) -> bool:
        """The topic's new schema: compared, and followed from there."""
        found = self._converter.check_schema(self._topic, text)
        _say(found.lines)
        is_fine = not found.problems
        new = self._converter.connect_schema(text)
        before = None if found.newest is None else self._through(found.newest, SinkRecord)
        after = self._through(new, SinkRecord)
        if isinstance(after, str):
            print(f"the transforms: {after}")
            return False
        if after is None or isinstance(before, str):
            return is_fine
        if not after:
            print("the transforms drop every record of the new schema")
        old = before[0] if before else None
        for each in after:
            lines = changes(old, each) if before else fields(each)
            print("behind the transforms" + (" nothing changes" if not lines else ":"))
            _say([f"  {line}" for line in lines])
        return is_fine

    def source(self, text: str) -> bool:
        """What the connector sends, followed to what its converter would register."""
        after = self._through(self._converter.connect_schema(text), SourceRecord)
        if isinstance(after, str):
            print(f"the transforms: {after}")
            return False
        if after is None:
            return True
        is_fine = True
        for each in after:
            if each is None:
                print("behind the transforms there is no schema, so that nothing is registered")
                continue
            found = self._converter.check_schema(self._topic, each)
            _say(found.lines)
            is_fine = is_fine and not found.problems
            lines = changes(found.newest, each) if found.newest is not None else fields(each)
            print("behind the transforms" + (" nothing changes" if not lines else ":"))
            _say([f"  {line}" for line in lines])
        return is_fine

    def _through(
        self, schema: Schema | None, record_class: type[ConnectRecord]
    ) -> list[Schema | None] | str | None:
        """What comes out of the transforms; a sentence if nothing can; None if that cannot be told."""
        try:
            inferred = (
                self._chain.infer(None, key_schema=schema, record_class=record_class)
                if self._is_key
                else self._chain.infer(schema, record_class=record_class)
            )
        except DataError as error:
            return f"no record of this schema passes: {error}"
        if inferred.schemas is None:
            print(f"the transforms: what comes out cannot be told without records: {inferred.why}")
            return None
        side = 0 if self._is_key else 1
        return sorted({pair[side] for pair in inferred.schemas}, key=lambda each: str(fields(each)))


def _say(lines: Any) -> None:
    for line in lines:
        print(line)
