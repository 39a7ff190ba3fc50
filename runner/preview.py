"""Shows what a chain makes of records, step by step: the function behind ``connectkit preview``.

Every record is led through the chain by itself, one step at a time; for each step there is the record
afterwards, what changed, whether the predicate let the transform see it, whether it was dropped and by
what, how long it took, or the error. An error ends one record's way and no more. Nothing is written and
nothing committed here: where the records come from is :mod:`connectkit.runner.preview_samples`'s.
Used by one thread; the result is data without reference to plugins.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from connectkit.errors import ConnectError, DataError
from connectkit.fuse import checked
from connectkit.record import ConnectRecord, SourceRecord
from connectkit.runner.chain import Chain, Step
from connectkit.runner.encode import Converters, RecordEncoder
from connectkit.runner.preview_diff import Change, View, changes_between, view_of

_REPEATED = 3
"""Further calls to measure: the first two of a schema also interpret and compile."""

Hide = Callable[[Any], Any]
"""Takes secrets out of a value that is to be shown."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A record to preview, and where it comes from; or the sentence that says why there is none."""

    place: str
    record: ConnectRecord | None
    error: str | None = None


@dataclass(slots=True)
class StepRun:
    """One step on one record. ``branch`` tells several records that came of one apart: ``2``, ``2.1``."""

    alias: str
    name: str
    branch: str
    predicate: str | None = None
    """The predicate in words: ``predicate 'isBig' (HasHeaderKey)``, with ``not`` before it if negated."""
    applied: bool = True
    """False: the predicate kept the record from the transform."""
    dropped: str | None = None
    """Why the record goes no further."""
    error: str | None = None
    path: str | None = None
    seconds: float = 0.0
    """Of the quickest of a few calls, where the step is only an edit; else of its one call."""
    changes: list[Change] = field(default_factory=list)
    after: View | None = None
    """None where it was dropped, failed, or became several."""
    became: int = 1
    """How many records it became."""


@dataclass(slots=True)
class Encoded:
    """What a source record would be written as."""

    topic: str
    key_bytes: int | None
    value_bytes: int | None
    value_text: str | None
    """The value if it is UTF-8."""
    headers: int
    branch: str = ""


@dataclass(slots=True)
class Shown:
    """One record of a preview."""

    place: str
    before: View | None = None
    steps: list[StepRun] = field(default_factory=list)
    results: list[View] = field(default_factory=list)
    encoded: list[Encoded] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Of converters and of the sample itself; a step's own stands with the step."""


@dataclass(slots=True)
class StepSums:
    """One step over all records. Times are of the calls that went through."""

    alias: str
    name: str
    seen: int = 0
    applied: int = 0
    dropped: int = 0
    failed: int = 0
    times_s: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float | None:
        """Half of the calls took no longer."""
        ordered = sorted(self.times_s)
        return ordered[len(ordered) // 2] if ordered else None


class Preview:
    """Previews records through one chain; ``sums`` gather over all that were shown."""

    def __init__(
        self,
        chain: Chain,
        *,
        converters: Converters | None = None,
        hide: Hide = lambda value: value,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """``converters``: what source records are encoded with; None leaves that out."""
        self._chain = chain
        self._encoder = None if converters is None else RecordEncoder(converters)
        self._hide = hide
        self._clock = clock
        self.sums = [StepSums(step.alias, step.name) for step in chain.steps]

    def run(self, samples: Iterable[Sample]) -> Iterator[Shown]:
        """Each record's way, as it comes."""
        for sample in samples:
            yield self.show(sample)

    def show(self, sample: Sample) -> Shown:
        """One record's way."""
        shown = Shown(str(self._hide(sample.place)))
        if sample.error is not None:
            shown.errors.append(str(self._hide(sample.error)))
        if sample.record is None:
            return shown
        shown.before = view_of(sample.record, self._hide)
        self._go(0, sample.record, "", shown)
        return shown

    def _go(self, number: int, record: Any, branch: str, shown: Shown) -> None:
        for at in range(number, len(self._chain.steps)):
            step = self._chain.steps[at]
            made = self._step(at, step, record, branch, shown)
            if type(made) is list:
                for index, each in enumerate(made, 1):
                    self._go(at + 1, each, f"{branch}.{index}".lstrip("."), shown)
                return
            if made is None:
                return
            record = made
        shown.results.append(view_of(record, self._hide, branch))
        if self._encoder is not None and isinstance(record, SourceRecord):
            self._encode(record, branch, shown)

    def _step(self, at: int, step: Step, record: Any, branch: str, shown: Shown) -> Any:
        """What the step makes of the record; None where it ends here."""
        sums = self.sums[at]
        run = StepRun(step.alias, step.name, branch, predicate=_predicate(step))
        shown.steps.append(run)
        before = view_of(record, self._hide)
        sums.seen += 1
        began = self._clock()
        try:
            run.applied = step.applies(record)
            made = checked(step.transform.apply(record)) if run.applied else record
        except Exception as error:  # noqa: BLE001 - shown in its place, and the next record goes on
            run.seconds = self._clock() - began
            self._failed(run, step, error)
            sums.failed += 1
            return None
        run.seconds = self._clock() - began
        sums.applied += run.applied
        if run.applied:
            self._measure(step, record, run)
            sums.times_s.append(run.seconds)
        if made is None or (type(made) is list and not made):
            run.dropped = str(self._hide(_why_dropped(step, run, record)))
            sums.dropped += 1
            return None
        if type(made) is list and len(made) > 1:
            run.became = len(made)
            return made
        record = made[0] if type(made) is list else made
        run.after = view_of(record, self._hide)
        run.changes = changes_between(before, run.after)
        return record

    def _measure(self, step: Step, record: Any, run: StepRun) -> None:
        """The time without what is done once a schema: of a further call, where calls may be repeated."""
        if step.stage.edit is None or getattr(step.transform, "calls_out", False):
            return
        for _ in range(_REPEATED):
            began = self._clock()
            step.transform.apply(record)
            run.seconds = min(run.seconds, self._clock() - began)

    def _failed(self, run: StepRun, step: Step, error: Exception) -> None:
        found = error if isinstance(error, ConnectError) else step.stage.located(error)
        text = str(found) if isinstance(error, ConnectError) else f"it raised {type(error).__name__}"
        run.error = str(self._hide(text))
        run.path = error.path if isinstance(error, DataError) else None

    def _encode(self, record: SourceRecord, branch: str, shown: Shown) -> None:
        assert self._encoder is not None
        try:
            (out,) = self._encoder.encode([record], {})
        except Exception as error:  # noqa: BLE001 - shown in its place, and the next record goes on
            said = str(error) if isinstance(error, ConnectError) else f"it raised {type(error).__name__}"
            shown.errors.append(str(self._hide(f"The converters cannot encode it: {said}")))
            return
        topic, _, key, value, _, headers = out
        shown.encoded.append(
            Encoded(
                str(self._hide(topic)),
                None if key is None else len(key),
                None if value is None else len(value),
                None if value is None else self._hide(_text_of(value)),
                len(headers or []),
                branch,
            )
        )


def _text_of(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _predicate(step: Step) -> str | None:
    if step.predicate is None:
        return None
    name = type(step.stage.predicate).__name__
    return f"{'not ' if step.negate else ''}predicate '{step.predicate}' ({name})"


def _why_dropped(step: Step, run: StepRun, record: Any) -> str:
    """Which predicate, or which condition of the transform's own, dropped the record."""
    if run.predicate is not None:
        return f"{run.predicate} holds"
    tell: Callable[[Any], str | None] | None = getattr(step.transform, "why_dropped", None)
    reason = None if tell is None else tell(record)
    return reason or f"{step.name} dropped it"
