"""Aiven's MakeTombstone and TombstoneHandler."""

from __future__ import annotations

import logging

from connectkit.checks import one_of_any_case
from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind
from connectkit.edit import NEITHER, EditTransform
from connectkit.program import NONE
from connectkit.transforms.tombstones import handle_tombstone


class MakeTombstoneConfig(Config):
    """No options."""


class MakeTombstone(EditTransform[MakeTombstoneConfig]):
    """Make the record a tombstone: its value and the value's schema become null."""

    java_names = ("io.aiven.kafka.connect.transforms.MakeTombstone",)
    reads = NEITHER

    def edit(self, draft: Draft) -> None:
        draft.value.put(None, NONE, Kind.NULL)


class AivenTombstoneHandlerConfig(Config):
    """What to do with tombstones."""

    behavior: str = option(
        doc="drop_silent: drop them, and say so in the log at level DEBUG only; drop_warn: at level WARNING; "
        "fail: refuse them.",
        check=one_of_any_case("drop_silent", "drop_warn", "fail"),
        importance=MEDIUM,
    )


class AivenTombstoneHandler(EditTransform[AivenTombstoneHandlerConfig]):
    """Drop records without a value, silently or with a warning, or refuse them."""

    java_names = ("io.aiven.kafka.connect.transforms.TombstoneHandler",)
    reads = frozenset(("value",))

    def edit(self, draft: Draft) -> None:
        level = {"drop_silent": logging.DEBUG, "drop_warn": logging.WARNING}.get(self.config.behavior.lower())
        handle_tombstone(draft, level, self)
