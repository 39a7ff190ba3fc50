"""Confluent's TombstoneHandler and Drop: the end of tombstones, and the making of them."""

from __future__ import annotations

import logging
from typing import Literal

from connectkit.config import MEDIUM, Config, option
from connectkit.draft import Draft, Kind, Side
from connectkit.edit import EditTransform, SideTransform
from connectkit.errors import DataError
from connectkit.program import NONE
from connectkit.transforms.base import optional_form
from connectkit.transforms.tombstones import handle_tombstone


class ConfluentTombstoneHandlerConfig(Config):
    """What to do with tombstones."""

    behavior: Literal["ignore", "warn", "fail"] = option(
        "warn",
        doc="ignore: drop tombstones and say so in the log at level DEBUG; warn: at level WARNING; fail: "
        "refuse them.",
        importance=MEDIUM,
    )


class ConfluentTombstoneHandler(EditTransform[ConfluentTombstoneHandlerConfig]):
    """Drop records without a value, silently or with a warning, or refuse them."""

    java_names = ("io.confluent.connect.transforms.TombstoneHandler",)
    reads = frozenset(("value",))

    def edit(self, draft: Draft) -> None:
        level = {"ignore": logging.DEBUG, "warn": logging.WARNING}.get(self.config.behavior)
        handle_tombstone(draft, level, self)


class DropConfig(Config):
    """What becomes of the schema."""

    schema_behavior: Literal["nullify", "retain", "validate", "force_optional"] = option(
        "nullify",
        doc="What to do about the schema: nullify: leave it out as well; retain: keep it as it is; validate: "
        "keep it, and fail if it is not optional; force_optional: make it optional.",
        importance=MEDIUM,
    )


class ConfluentDrop(SideTransform[DropConfig]):
    """Set the key or the value to null."""

    java_names = ("io.confluent.connect.transforms.Drop",)
    purpose = "dropping"

    def edit_side(self, draft: Draft, side: Side) -> None:
        schema = side.schema
        behavior = self.config.schema_behavior
        if behavior == "nullify":
            schema = None
        elif schema is not None and behavior == "force_optional":
            schema = optional_form(schema)
        elif schema is not None and behavior == "validate" and not schema.optional:
            raise DataError(
                f"The {self.side} cannot be set to null, as its schema is not optional; "
                "schema.behavior=force_optional would make it so"
            )
        side.put(schema, NONE, Kind.NULL)
