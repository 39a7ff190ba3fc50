"""What the vendors' handlers of tombstones share."""

from __future__ import annotations

import logging
from typing import Any

from connectkit.draft import Draft
from connectkit.edit import EditTransform
from connectkit.errors import DataError

log = logging.getLogger(__name__)


def handle_tombstone(draft: Draft, level: int | None, transform: EditTransform[Any]) -> None:
    """Drop a record whose value is null, with a word in the log at that level.

    Without a level, refuse it.
    """
    if not draft.value.is_null:
        return
    if level is None:
        raise DataError("A tombstone was met, and the option behavior is set to fail on these")

    def tell(topic: str | None) -> None:
        log.log(level, "%s dropped a tombstone of topic %s", transform.label, topic)

    draft.call(tell, draft.topic)
    draft.drop()
