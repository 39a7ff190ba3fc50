"""Puts a preview together: the connector's configuration, its chain and converters, and its samples.

Variables of config providers are resolved as for a real start, and what they and secret options hold is
taken out of everything that is shown. The worker's log is opened only for a topic. Used by one thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectkit.config import Kind
from connectkit.errors import ConfigError, NotFoundError
from connectkit.plugin import Registry
from connectkit.runner.build import Plan, make_converters, plan_connector
from connectkit.runner.chain import Chain
from connectkit.runner.clients import ClientConfigs
from connectkit.runner.configs.connector import SinkConnectorConfig
from connectkit.runner.configs.worker import WorkerConfig
from connectkit.runner.control import TaskId
from connectkit.runner.encode import Converters
from connectkit.runner.log.api import Log
from connectkit.runner.preview import Hide, Preview, Sample
from connectkit.runner.preview_samples import from_file, from_source, from_topic, from_values
from connectkit.runner.variables import Resolved, Resolver
from connectkit.secret import HIDDEN, Secret

MAX_RECORDS = 1_000
DEFAULT_RECORDS = 20
DEFAULT_WAIT_S = 10.0

_SECRET_NAME = re.compile(r"password|passwd|passphrase|secret|token|credential|jaas|sasl", re.IGNORECASE)
_LEAST_CHARS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be previewed. ``source`` is a file or a topic; None: what the connector itself reads.

    ``values`` are records themselves, as a file of records would hold them. Where the request came from
    elsewhere, ``may_name_files`` is false, and ``source`` can be nothing but a topic.
    """

    config: Mapping[str, str | None]
    source: str | None = None
    values: Sequence[Any] | None = None
    may_name_files: bool = True
    count: int = DEFAULT_RECORDS
    wait_s: float = DEFAULT_WAIT_S


class OpenPreview:
    """A preview that is ready: iterate ``samples`` through ``preview``; close it afterwards."""

    def __init__(
        self,
        request: Request,
        worker: WorkerConfig,
        *,
        registry: Registry,
        resolver: Resolver,
        open_log: Callable[[], Log],
    ) -> None:
        """``open_log`` is called if records of a topic are asked for. ``ConfigError`` says what is wrong."""
        if not 1 <= request.count <= MAX_RECORDS:
            raise ConfigError(f"A preview shows 1 to {MAX_RECORDS} records.")
        self._closing = ExitStack()
        resolved = resolver.resolve(request.config)
        raw = {key: value for key, value in resolved.config.items() if value is not None}
        self._raw = raw
        self._plan = plan_connector(raw, registry)
        self._registry = registry
        self.chain = Chain.build(raw, registry)
        self._closing.callback(self.chain.close)
        self._converters = make_converters(self._plan.config, worker, registry, trial=self._plan.is_source)
        self._closing.callback(self._converters.close)
        self._hide = hiding(_secrets(raw, resolved, self._plan, self.chain))
        self.preview = Preview(self.chain, converters=self._encoders(), hide=self._hide)
        self.reads = ""
        self.samples = self._samples(request, worker, open_log)

    @property
    def name(self) -> str:
        """The connector's name, as it may be shown."""
        return str(self._hide(self._plan.config.name))

    @property
    def warnings(self) -> dict[str, list[str]]:
        """What the chain warns of, by key, as it may be shown."""
        return {key: [str(self._hide(each)) for each in told] for key, told in self.chain.warnings.items()}

    @property
    def kind(self) -> str:
        """``source`` or ``sink``."""
        return "source" if self._plan.is_source else "sink"

    def about(self) -> dict[str, Any]:
        """What the preview is of, for JSON."""
        return {"connector": self.name, "type": self.kind, "from": self.reads}

    def close(self) -> None:
        """Let go of the chain, the converters and, if one was opened, the log."""
        self._closing.close()

    def _encoders(self) -> Converters | None:
        return self._converters if self._plan.is_source else None

    def _samples(
        self, request: Request, worker: WorkerConfig, open_log: Callable[[], Log]
    ) -> Iterator[Sample]:
        if request.values is not None:
            self.reads = "the records of the request"
            given = from_values(request.values, topic=self._topic(), is_source=self._plan.is_source)
            return _first(given, request.count)
        path = None if request.source is None or not request.may_name_files else Path(request.source)
        if self._plan.is_source and request.source is not None and path is None:
            raise ConfigError("A source connector is previewed with its own task, or with records given.")
        names_file = self._plan.is_source and "file" in self._plan.found.cls.config_type.definition().by_name
        if path is not None and path.is_file() and not names_file:
            self.reads = f"the records in {path.name}"
            return _first(from_file(path, topic=self._topic(), is_source=self._plan.is_source), request.count)
        if self._plan.is_source:
            return self._own_task(request, path, names_file)
        topic = request.source or self._topic()
        if path is not None and (
            len(path.parts) > 1 or path.suffix in (".jsonl", ".ndjson", ".json", ".csv")
        ):
            raise NotFoundError(f"There is no file {path}.")
        if not topic:
            raise ConfigError(
                "The connector reads the topics that match topics.regex: say which with --from."
            )
        self.reads = f"topic {self._hide(topic)}"
        log = open_log()
        self._closing.callback(log.close)
        clients = ClientConfigs(worker)
        return from_topic(
            log,
            topic,
            self._converters,
            admin_settings=clients.admin(self._plan.config, client_id="connectkit-preview"),
            consumer_settings=clients.consumer(TaskId(self._plan.config.name, 0), self._plan.config),
            count=request.count,
            wait_s=request.wait_s,
        )

    def _own_task(self, request: Request, path: Path | None, names_file: bool) -> Iterator[Sample]:
        raw = dict(self._raw)
        if path is not None:
            if not path.exists():
                raise NotFoundError(f"There is no file {path}; a source connector is previewed with a file.")
            if not names_file:
                raise ConfigError(f"{path} is no file of records, and the connector itself reads no files.")
            raw["file"] = str(path)
        self.reads = "the connector's own task" + (f", with file={path}" if path is not None else "")
        return from_source(raw, self._plan, self._registry, count=request.count, wait_s=request.wait_s)

    def _topic(self) -> str:
        """The topic of records that do not name one."""
        if isinstance(self._plan.config, SinkConnectorConfig):
            return self._plan.config.topics[0] if self._plan.config.topics else ""
        return str(self._raw.get("topic") or self._plan.config.name)


def _first(samples: Iterator[Sample], count: int) -> Iterator[Sample]:
    for number, sample in enumerate(samples, 1):
        yield sample
        if number >= count:
            return


def _secrets(raw: Mapping[str, Any], resolved: Resolved, plan: Plan, chain: Chain) -> list[str]:
    """Texts that must not be shown: what providers gave, and what secret options hold."""
    found = [*resolved.given, *(str(value) for key, value in raw.items() if key in resolved.keys)]
    found += [
        str(value)
        for key, value in raw.items()
        if _SECRET_NAME.search(key) and not key.startswith(("transforms.", "predicates."))
    ]
    definition = plan.found.cls.config_type.definition()
    found += [str(raw[key.name]) for key in definition.keys if key.kind is Kind.PASSWORD and key.name in raw]
    for step in chain.steps:
        for plugin in (step.transform, step.stage.predicate):
            config = getattr(plugin, "config", None)
            for value in vars(config).values() if config is not None else ():
                if isinstance(value, Secret):
                    found.append(value.reveal())
    return sorted({each for each in found if len(each.strip()) >= _LEAST_CHARS}, key=len, reverse=True)


def hiding(secrets: list[str]) -> Hide:
    """What puts ``[hidden]`` in the place of each of the texts, wherever it stands in a value."""
    if not secrets:
        return lambda value: value

    def hide(value: Any) -> Any:
        if isinstance(value, str):
            for secret in secrets:
                value = value.replace(secret, HIDDEN)
            return value
        if isinstance(value, dict):
            return {hide(key): hide(item) for key, item in value.items()}
        if isinstance(value, list):
            return [hide(item) for item in value]
        return value

    return hide
