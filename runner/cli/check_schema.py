"""``connectkit check-schema``: what a new schema would do, before anybody writes with it."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectkit.errors import ConfigError

if TYPE_CHECKING:
    from connectkit.runner.build import Plan

DESCRIPTION = """\
Say what a new schema would do before anybody writes with it; nothing is registered.

The schema is compared with the earlier ones of the connector's subject, at the subject's compatibility
level, and followed through the connector's transforms: which fields would come, go or change behind them.

  a sink connector     the schema is the one that its topic's records will have
  a source connector   the schema is the one that the connector will send, before its transforms; what
                       comes out of them is compared with what is registered
"""

EXAMPLES = """\
examples:
  connectkit check-schema --config orders-sink.json --new order.avsc
  connectkit check-schema --config orders-sink.json --new order.avsc --topic orders-eu
  connectkit check-schema --config orders-sink.json --new order-key.avsc --key

Exit codes: 0 it may be used, 2 it may not or something failed, 1 wrong usage.
"""


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "check-schema",
        parents=[common],
        help="say what a new schema would do",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", required=True, metavar="CONNECTOR", type=Path, help="a connector's file")
    parser.add_argument("--new", required=True, metavar="FILE", type=Path, help="the new schema")
    parser.add_argument("--topic", help="the topic (default: the connector's first)")
    parser.add_argument("--key", action="store_true", help="the schema is that of keys")
    parser.add_argument("--worker", metavar="FILE", type=Path, help="a worker's file: its converters")
    parser.set_defaults(run=check_schema)


def check_schema(parsed: argparse.Namespace) -> int:
    """Print what was found; 2 if the schema may not be used."""
    from connectkit.api import KeepsSchemas
    from connectkit.plugin import plugins
    from connectkit.runner.build import make_converters, plan_connector
    from connectkit.runner.chain import Chain
    from connectkit.runner.cli.schema_check import SchemaCheck
    from connectkit.runner.configs.files import read_connector_file, read_worker_file
    from connectkit.runner.configs.worker import WorkerConfig
    from connectkit.runner.standalone import default_worker
    from connectkit.runner.variables import make_resolver

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
        check = SchemaCheck(converter, chain, topic, is_key=parsed.key)
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
    from connectkit.runner.configs.connector import SinkConnectorConfig

    if isinstance(plan.config, SinkConnectorConfig):
        found = plan.config.topics[0] if plan.config.topics else ""
    else:
        found = str(raw.get("topic") or "")
    if not found:
        raise ConfigError("Which topic? The connector's configuration names none: say it with --topic")
    return found
