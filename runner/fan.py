"""Runs records through a chain and keeps track of which record each result came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from connectkit.record import ConnectRecord
from connectkit.runner.chain import Chain, Step
from connectkit.runner.failing import Culprit, Stage, Subject
from connectkit.runner.tolerance import SKIPPED, Tolerance

R = TypeVar("R", bound=ConnectRecord)

_NOT_ONE = {type(None), list}


def run_all(chain: Chain, records: list[R]) -> tuple[list[R], list[int] | None]:
    """What a batch becomes, and for each result the number of its record, or None if one became one.

    Any exception ends it; nothing in the records has changed then. Before the batch is run again, all or
    part of it, ``chain.rewind`` is to be called.
    """
    if not chain.steps:
        return records, None
    chain.mark()
    results = chain.apply_batch(records)
    if _NOT_ONE.isdisjoint(map(type, results)):
        return results, None
    made: list[R] = []
    origin: list[int] = []
    for number, result in enumerate(results):
        if type(result) is list:
            made += result
            origin += [number] * len(result)
        elif result is not None:
            made.append(result)
            origin.append(number)
    return made, origin


class _SkippedError(Exception):
    """A step failed and was tolerated."""


def run_one(chain: Chain, record: R, tolerance: Tolerance, subject: Subject) -> Sequence[R]:
    """What one record becomes with each step under the error policy; empty if it was dropped.

    A record that becomes several is one record to the policy: if one of them fails, it is reported
    once, and nothing of it goes on.
    """
    if not chain.steps:
        return (record,)

    def on_step(step: Step, each: R) -> Any:
        guilty = Culprit(step.label, step.class_name)
        made = tolerance.run(Stage.TRANSFORMATION, guilty, subject, lambda: step.apply(each))
        if made is SKIPPED:
            raise _SkippedError
        return made

    try:
        result = chain.apply_steps(record, on_step)
    except _SkippedError:
        return ()
    if result is None:
        return ()
    return result if type(result) is list else (result,)
