"""The verdict of one run: counts, and why it is bad if it is; one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

LEAST = 1000
"""Records acknowledged per task, or the run is void: too little happened to say anything."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What became of every record of a run."""

    experiment: str
    backend: str
    seed: int
    kills: int = 0
    records: int = 0
    """Obligations: ids that had to come out."""
    least_per_task: int = 0
    lost: int = 0
    duplicates: int = 0
    unexplained: int = 0
    """Duplicates beyond what the last commit before each kill allows."""
    inversions: int = 0
    altered: int = 0
    foreign: int = 0
    early: int = 0
    """Records of which an offset was committed at a kill before they were safe."""
    recovery_s: float = 0.0
    """From the last fault's end until all was delivered and a fresh record had passed."""
    slowest_life_s: float = 0.0
    """The longest time that a life took from its start to its first progress."""
    fresh: bool = False
    exit_code: int | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    """What this experiment measures beside."""
    why: list[str] = field(default_factory=list)
    """What was promised and not kept; empty in a good run."""

    @property
    def good(self) -> bool:
        return not self.why

    def blame(self, sentence: str) -> None:
        self.why.append(sentence)

    def settle(self, *, least: int = LEAST, duplicates: int | None = None, recovery_s: float = 65.0) -> None:
        """Hold the counts to the promises; ``duplicates`` None: as many as the kills explain."""
        if self.least_per_task < least:
            self.blame(f"void: only {self.least_per_task} records of a task came through, {least} are needed")
        if duplicates is not None and self.duplicates > duplicates:
            self.blame(f"{self.duplicates} duplicates, and {duplicates} are allowed")
        for count, what in (
            (self.lost, "lost"),
            (self.unexplained, "duplicated though their offset was committed"),
            (self.inversions, "out of order"),
            (self.altered, "altered"),
            (self.foreign, "foreign"),
            (self.early, "committed before they were safe"),
        ):
            if count:
                self.blame(f"{count} records {what}")
        if not self.fresh:
            self.blame("a fresh record did not pass after the faults")
        if self.recovery_s > recovery_s:
            self.blame(f"recovery took {self.recovery_s:.1f} s, and {recovery_s:g} s are allowed")
        if self.exit_code not in (None, 0):
            self.blame(f"the worker ended with code {self.exit_code}")

    def line(self) -> str:
        """One line of JSON."""
        found = asdict(self)
        return json.dumps({"good": self.good, **found}, separators=(", ", ": "))
