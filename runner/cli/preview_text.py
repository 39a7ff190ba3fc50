"""How a preview looks on a terminal: one record after another, only what is different at each step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from connectkit.runner.cli.terminal import printable
from connectkit.runner.preview import Encoded, Shown, StepRun, StepSums
from connectkit.runner.preview_diff import GONE, Change, View

_MOST_CHARS = 160
"""Of a value on one line; ``--json`` has all of it."""

_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_SIGNS = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
    "type": ("~", "yellow"),
}


class Painter:
    """Lines of a preview. ``colours``: with ANSI escapes."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def paint(self, colour: str, text: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._colours else text

    def record(self, number: int, shown: Shown) -> Iterator[str]:
        """One record: before, each step, what comes out."""
        yield self.paint("bold", f"{number}  {printable(shown.place)}")
        if shown.before is not None:
            yield from self._view("before", shown.before)
        for step in shown.steps:
            yield from self._step(step)
        for view in shown.results if shown.steps else ():
            yield from self._view("after" + _branch(view.branch), view)
        for encoded in shown.encoded:
            yield self._encoded(encoded)
        for error in shown.errors:
            yield self.paint("red", f"   ! {printable(error)}")
        yield ""

    def _view(self, label: str, view: View) -> Iterator[str]:
        parts = [f"topic {view.topic}"]
        parts += [f"partition {view.partition}"] if view.partition is not None else []
        parts += [f"timestamp {view.timestamp}"] if view.timestamp is not None else []
        parts += [f"key {short(view.key)}"] if view.key is not None else []
        parts += [f"{name}: {short(value)}" for name, value in view.headers]
        yield f"   {label:<7}{self.paint('dim', printable(', '.join(parts)))}"
        yield f"          {short(view.value)}"

    def _step(self, run: StepRun) -> Iterator[str]:
        took = self.paint("dim", _time(run.seconds))
        head = f"   {run.alias} ({run.name}){_branch(run.branch)}"
        if run.error is not None:
            where = f" at {run.path}" if run.path else ""
            yield f"{head}  {self.paint('red', f'! failed{where}: {printable(run.error)}')}"
        elif not run.applied:
            yield f"{head}  {self.paint('dim', f'not applied: {run.predicate} does not hold')}"
        elif run.dropped is not None:
            yield f"{head}  {took}  {self.paint('yellow', f'dropped: {printable(run.dropped)}')}"
        elif run.became > 1:
            yield f"{head}  {took}  became {run.became} records"
        elif not run.changes:
            yield f"{head}  {took}  {self.paint('dim', 'no change')}"
        else:
            yield f"{head}  {took}"
            for change in run.changes:
                yield f"      {self._change(change)}"

    def _change(self, change: Change) -> str:
        sign, colour = _SIGNS[change.kind]
        path = printable(change.path)
        if change.kind == "added":
            kind = f": {change.type_after}" if change.type_after else ""
            text = f"{sign} {path}{kind} = {short(change.after)}"
        elif change.kind == "removed":
            kind = f": {change.type_before}" if change.type_before else ""
            text = f"{sign} {path}{kind} (was {short(change.before)})"
        elif change.kind == "changed":
            text = f"{sign} {path}: {short(change.before)} → {short(change.after)}"
        else:
            text = f"{sign} {path}: {change.type_before or 'no schema'} → {change.type_after or 'no schema'}"
            if change.after is not GONE:
                text += f" ({short(change.before)} → {short(change.after)})"
        return self.paint(colour, text)

    def _encoded(self, each: Encoded) -> str:
        value = "null" if each.value_bytes is None else f"{each.value_bytes} bytes"
        key = "null" if each.key_bytes is None else f"{each.key_bytes} bytes"
        text = f"written as key {key}, value {value}{_branch(each.branch)}"
        if each.value_text is not None:
            text += f": {_cut(printable(each.value_text))}"
        return f"   {self.paint('dim', text)}"

    def summary(self, count: int, passed: int, sums: Sequence[StepSums]) -> Iterator[str]:
        """What came of all records, and the time that each step takes."""
        yield self.paint("bold", f"{count} record{'' if count == 1 else 's'} in, {passed} out")
        width = max((len(f"{each.alias} ({each.name})") for each in sums), default=0)
        for each in sums:
            median = "" if each.median_s is None else f"  {_time(each.median_s)}"
            notes = [
                f"{number} {word}"
                for number, word in (
                    (each.seen - each.applied - each.failed, "not applied"),
                    (each.dropped, "dropped"),
                    (each.failed, "failed"),
                )
                if number
            ]
            name = f"{each.alias} ({each.name})"
            yield f"   {name:<{width}}  {each.seen} seen{median}{'  ' + ', '.join(notes) if notes else ''}"


def _branch(branch: str) -> str:
    return f" [{branch}]" if branch else ""


def _time(seconds: float) -> str:
    us = seconds * 1e6
    return f"{us:.1f} µs" if us < 10 else f"{us:,.0f} µs"


def short(value: Any) -> str:
    """A value on one line, cut where nobody reads on."""
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _MOST_CHARS else text[:_MOST_CHARS] + "…"
