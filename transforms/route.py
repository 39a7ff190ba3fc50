"""RegexRouter and TimestampRouter: other topics for records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from connectkit.checks import regex as is_regex
from connectkit.config import HIGH, Config, option
from connectkit.dateformat import DateFormat
from connectkit.draft import Draft
from connectkit.edit import NEITHER, EditTransform
from connectkit.errors import ConfigError, DataError
from connectkit.javaregex import compile_java
from connectkit.javareplace import Replacement

KEPT_TOPICS = 10_000
"""Topics whose new names are remembered; beyond it the memory starts anew."""


class RegexRouterConfig(Config):
    """What to look for in topics, and what to put in its place."""

    regex: str = option(
        doc="A regular expression (Java's syntax) for the whole name of the topic.",
        check=is_regex,
        importance=HIGH,
    )
    replacement: str = option(doc="The new topic, with $1 or ${name} for groups.", importance=HIGH)

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        try:
            pattern = compile_java(self.regex)
        except ValueError as error:
            return {"regex": str(error)}
        try:
            Replacement(self.replacement, pattern)
        except ValueError as error:
            return {"replacement": str(error)}
        return {}


class Topics(dict[str, str]):
    """New names by topic, each computed once by ``rename``."""

    __slots__ = ("_rename",)

    def __init__(self, rename: Callable[[str], str]) -> None:
        super().__init__()
        self._rename = rename

    def __missing__(self, topic: str) -> str:
        if topic is None:
            raise DataError("The record has no topic to route by")
        if len(self) >= KEPT_TOPICS:
            self.clear()
        found = self[topic] = self._rename(topic)
        return found


class RegexRouter(EditTransform[RegexRouterConfig]):
    """Send records to another topic, named from theirs by a regular expression."""

    java_names = ("org.apache.kafka.connect.transforms.RegexRouter",)
    nulls = "unseen"
    reads = NEITHER

    def __init__(self, config: RegexRouterConfig) -> None:
        super().__init__(config)
        pattern = compile_java(config.regex)
        replacement = Replacement(config.replacement, pattern)

        def rename(topic: str) -> str:
            # As in Java: the whole topic must match, but the first match inside it is what is replaced.
            return replacement.replace_first(topic, pattern) if pattern.fullmatch(topic) else topic

        self._topics = Topics(rename)

    def edit(self, draft: Draft) -> None:
        draft.topic = draft.call(self._topics.__getitem__, draft.topic)


class TimestampRouterConfig(Config):
    """How topic and timestamp make the new topic."""

    topic_format: str | None = option(
        "${topic}-${timestamp}", doc="The new topic, with ${topic} and ${timestamp}.", importance=HIGH
    )
    timestamp_format: str | None = option(
        "yyyyMMdd",
        doc="How the timestamp is written (in UTC): a pattern as of Java's SimpleDateFormat.",
        importance=HIGH,
    )

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        if self.timestamp_format is None:
            return {}
        try:
            DateFormat(self.timestamp_format)
        except ConfigError as error:
            return {"timestamp.format": str(error)}
        return {}


class TimestampRouter(EditTransform[TimestampRouterConfig]):
    """Update the record's topic as a function of the original topic and the record timestamp."""

    java_names = ("org.apache.kafka.connect.transforms.TimestampRouter",)
    nulls = "unseen"
    reads = NEITHER

    def __init__(self, config: TimestampRouterConfig) -> None:
        super().__init__(config)
        form = None if config.timestamp_format is None else DateFormat(config.timestamp_format)
        self._format = None if form is None else form.format
        self._unit_ms = 1 if form is None else form.unit_ms
        self._made: dict[tuple[str | None, int], str] = {}
        """New topics by the old one and the stretch of time in which the text is the same."""

    def edit(self, draft: Draft) -> None:
        draft.topic = draft.call(self._route, draft.topic, draft.timestamp)

    def _route(self, topic: str | None, timestamp: int | None) -> str:
        if timestamp is None:
            raise DataError("The record has no timestamp to route by")
        if self._unit_ms == 1:
            return self._renamed(topic, timestamp)
        key = (topic, timestamp // self._unit_ms)
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= KEPT_TOPICS:
                self._made.clear()
            found = self._made[key] = self._renamed(topic, timestamp)
        return found

    def _renamed(self, topic: str | None, timestamp: int) -> str:
        if self._format is None or self.config.topic_format is None:
            raise DataError("The new topic cannot be written: its format is null in the configuration")
        if topic is None:
            raise DataError("The record has no topic to route by")
        # One after the other, as in Connect: a topic may itself say ${timestamp}.
        made = self.config.topic_format.replace("${topic}", topic)
        return made.replace("${timestamp}", self._format(timestamp))
