"""Filter: drops every record it sees; a predicate decides which those are."""

from __future__ import annotations

from connectkit.config import Config
from connectkit.draft import Draft
from connectkit.edit import NEITHER, EditTransform


class FilterConfig(Config):
    """No options: name a predicate for the transform."""


class Filter(EditTransform[FilterConfig]):
    """Drop every record that reaches it; a predicate says which ones do."""

    java_names = ("org.apache.kafka.connect.transforms.Filter",)
    nulls = "unseen"
    reads = NEITHER

    def edit(self, draft: Draft) -> None:
        draft.drop()
