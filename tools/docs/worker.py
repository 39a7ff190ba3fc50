"""The page about the options of the worker and of every connector."""

from __future__ import annotations

from connectkit.runner.configs.connector import ConnectorConfig, SinkConnectorConfig, SourceConnectorConfig
from connectkit.runner.configs.overrides import GREEN_LIST
from connectkit.runner.configs.topics import PREFIX, GroupConfig
from connectkit.runner.configs.worker import CLIENT_PREFIXES, WITHOUT_EFFECT, WorkerConfig
from tools.docs.markdown import code, docstring, page
from tools.docs.options import options_table

INTRO = """\
Names, types and defaults are Kafka Connect's. Where a default is safer than Kafka's, the option says so."""
WORKER = """\
`connectkit standalone worker.properties ...` reads these. Without a worker file the worker runs on
`embedded:./connectkit-data`, with JSON."""
CLIENTS = """\
Everything else that a Kafka client knows may stand here too: [client properties](client-properties.md).
As it is, it is for the worker's own clients; with {prefixes} before it, for those of its tasks."""
OVERRIDES = """\
A connector may set client properties of its own with `producer.override.`, `consumer.override.` and
`admin.override.` before the name. Under the default policy these are allowed: {allowed}.
Options that read files, load code, or decide where and as whom a client connects are refused under every
policy, unless the worker's file names exactly that option in `connector.client.config.override.allowlist`;
what loads code is refused even then."""
UNUSED = """\
Known, so that the worker file of a Java installation can be used as it is, but without effect here: {names}.
The worker says so for each when it starts."""


def worker_page() -> str:
    """The page."""
    return page(
        "Worker and connector options",
        INTRO,
        f"## The worker\n\n{WORKER}",
        options_table(WorkerConfig),
        CLIENTS.format(prefixes=_listed(CLIENT_PREFIXES)),
        UNUSED.format(names=_listed(sorted(WITHOUT_EFFECT))),
        f"## Every connector\n\n{docstring(ConnectorConfig)}",
        options_table(ConnectorConfig),
        OVERRIDES.format(allowed=_listed(GREEN_LIST)),
        "## Every source connector",
        options_table(SourceConnectorConfig, but_not=ConnectorConfig),
        f"### Topics that a source creates\n\n{docstring(GroupConfig)}",
        options_table(GroupConfig, prefix=f"{PREFIX}GROUP."),
        "## Every sink connector",
        options_table(SinkConnectorConfig, but_not=ConnectorConfig),
    )


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(code(name) for name in names)
