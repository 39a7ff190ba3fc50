"""connectkit: Kafka Connect for Python. Every name that is promised stands here.

Names are imported when they are first used, so that ``import connectkit`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from connectkit._version import __version__ as __version__

if TYPE_CHECKING:
    from connectkit.api import ConfigData as ConfigData
    from connectkit.api import ConfigProvider as ConfigProvider
    from connectkit.api import Connector as Connector
    from connectkit.api import ConnectorContext as ConnectorContext
    from connectkit.api import Converter as Converter
    from connectkit.api import ErrantRecordReporter as ErrantRecordReporter
    from connectkit.api import HeaderConverter as HeaderConverter
    from connectkit.api import OffsetReader as OffsetReader
    from connectkit.api import Predicate as Predicate
    from connectkit.api import RecordMetadata as RecordMetadata
    from connectkit.api import SinkConnector as SinkConnector
    from connectkit.api import SinkTask as SinkTask
    from connectkit.api import SinkTaskContext as SinkTaskContext
    from connectkit.api import SourceConnector as SourceConnector
    from connectkit.api import SourceTask as SourceTask
    from connectkit.api import SourceTaskContext as SourceTaskContext
    from connectkit.api import Support as Support
    from connectkit.api import Task as Task
    from connectkit.api import TopicPartition as TopicPartition
    from connectkit.api import TransactionContext as TransactionContext
    from connectkit.api import Transform as Transform
    from connectkit.builder import SchemaBuilder as SchemaBuilder
    from connectkit.config import Config as Config
    from connectkit.config import option as option
    from connectkit.errors import BatchError as BatchError
    from connectkit.errors import ConfigError as ConfigError
    from connectkit.errors import ConflictError as ConflictError
    from connectkit.errors import ConnectError as ConnectError
    from connectkit.errors import ConversionError as ConversionError
    from connectkit.errors import DataError as DataError
    from connectkit.errors import FatalTaskError as FatalTaskError
    from connectkit.errors import FencedError as FencedError
    from connectkit.errors import LimitError as LimitError
    from connectkit.errors import NotFoundError as NotFoundError
    from connectkit.errors import ProjectionError as ProjectionError
    from connectkit.errors import RetriableError as RetriableError
    from connectkit.errors import SchemaError as SchemaError
    from connectkit.functions.converter import converter as converter
    from connectkit.functions.sink import sink as sink
    from connectkit.functions.source import Emit as Emit
    from connectkit.functions.source import source as source
    from connectkit.functions.transform import transform as transform
    from connectkit.headers import Header as Header
    from connectkit.headers import Headers as Headers
    from connectkit.instant import Instant as Instant
    from connectkit.limits import Limits as Limits
    from connectkit.plugin import Plugin as Plugin
    from connectkit.plugin import plugins as plugins
    from connectkit.record import Checkpoint as Checkpoint
    from connectkit.record import ConnectRecord as ConnectRecord
    from connectkit.record import SinkRecord as SinkRecord
    from connectkit.record import SourceRecord as SourceRecord
    from connectkit.schema import Field as Field
    from connectkit.schema import Schema as Schema
    from connectkit.schema import SchemaAndValue as SchemaAndValue
    from connectkit.schema import Type as Type
    from connectkit.secret import Secret as Secret
    from connectkit.struct import Struct as Struct
    from connectkit.typed.codec import Scale as Scale
    from connectkit.typed.codec import schema_of as schema_of

_HOMES = {
    "connectkit.api": (
        "ConfigData", "ConfigProvider", "Connector", "ConnectorContext", "Converter",
        "ErrantRecordReporter", "HeaderConverter", "OffsetReader", "Predicate", "RecordMetadata",
        "SinkConnector", "SinkTask", "SinkTaskContext", "SourceConnector", "SourceTask",
        "SourceTaskContext", "Support", "Task", "TopicPartition", "TransactionContext", "Transform",
    ),
    "connectkit.builder": ("SchemaBuilder",),
    "connectkit.config": ("Config", "option"),
    "connectkit.errors": (
        "BatchError", "ConfigError", "ConflictError", "ConnectError", "ConversionError", "DataError",
        "FatalTaskError", "FencedError", "LimitError", "NotFoundError", "ProjectionError",
        "RetriableError", "SchemaError",
    ),
    "connectkit.functions": ("Emit", "converter", "sink", "source", "transform"),
    "connectkit.headers": ("Header", "Headers"),
    "connectkit.instant": ("Instant",),
    "connectkit.limits": ("Limits",),
    "connectkit.plugin": ("Plugin", "plugins"),
    "connectkit.record": ("Checkpoint", "ConnectRecord", "SinkRecord", "SourceRecord"),
    "connectkit.schema": ("Field", "Schema", "SchemaAndValue", "Type"),
    "connectkit.secret": ("Secret",),
    "connectkit.struct": ("Struct",),
    "connectkit.typed.codec": ("Scale", "schema_of"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BatchError", "Checkpoint", "Config", "ConfigData", "ConfigError", "ConfigProvider", "ConflictError",
    "ConnectError", "ConnectRecord", "Connector", "ConnectorContext", "ConversionError",
    "Converter", "DataError", "Emit", "ErrantRecordReporter", "FatalTaskError", "FencedError", "Field",
    "Header", "HeaderConverter", "Headers", "Instant", "LimitError", "Limits", "NotFoundError",
    "OffsetReader", "Plugin", "Predicate", "ProjectionError", "RecordMetadata", "RetriableError",
    "Scale", "Schema", "SchemaAndValue", "SchemaBuilder", "SchemaError", "Secret", "SinkConnector",
    "SinkRecord", "SinkTask", "SinkTaskContext", "SourceConnector", "SourceRecord", "SourceTask",
    "SourceTaskContext", "Struct", "Support", "Task", "TopicPartition", "TransactionContext",
    "Transform", "Type", "__version__", "converter", "option", "plugins", "schema_of",
    "sink", "source", "transform",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'connectkit' has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
