"""A preview as data that JSON can hold: what ``connectkit preview --json`` prints. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectkit.runner.preview import Shown, StepRun, StepSums


def as_json(shown: Sequence[Shown], sums: Sequence[StepSums], *, about: Mapping[str, Any]) -> dict[str, Any]:
    """A whole preview as data that JSON can hold."""
    return {**about, "records": [record_json(each) for each in shown], "steps": [_sums_json(s) for s in sums]}


def record_json(shown: Shown) -> dict[str, Any]:
    """One record of a preview."""
    return {
        "place": shown.place,
        "before": None if shown.before is None else shown.before.as_json(),
        "steps": [_step_json(step) for step in shown.steps],
        "results": [view.as_json() for view in shown.results],
        "encoded": [
            {
                "topic": each.topic,
                "key_bytes": each.key_bytes,
                "value_bytes": each.value_bytes,
                "value": each.value_text,
                "headers": each.headers,
            }
            for each in shown.encoded
        ],
        "errors": list(shown.errors),
    }


def _step_json(run: StepRun) -> dict[str, Any]:
    return {
        "alias": run.alias,
        "transform": run.name,
        "branch": run.branch,
        "predicate": run.predicate,
        "applied": run.applied,
        "dropped": run.dropped,
        "error": run.error,
        "path": run.path,
        "microseconds": round(run.seconds * 1e6, 1),
        "changes": [change.as_json() for change in run.changes],
        "after": None if run.after is None else run.after.as_json(),
        "became": run.became,
    }


def _sums_json(sums: StepSums) -> dict[str, Any]:
    median = sums.median_s
    return {
        "alias": sums.alias,
        "transform": sums.name,
        "seen": sums.seen,
        "applied": sums.applied,
        "dropped": sums.dropped,
        "failed": sums.failed,
        "median_microseconds": None if median is None else round(median * 1e6, 1),
    }
