"""*Did you mean*: finds the known name that a misspelt one stands nearest to.

The distance counts insertions, deletions, replacements and swaps of neighbours, ignoring case; a name
is near when it differs by one letter, from four letters on by two, from twelve on by three. Input of
any length is safe: names over 120 characters have no neighbour. Pure, hence thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterable

_MAX_CHARS = 120


def closest(name: str, known: Iterable[str]) -> str | None:
    """The nearest of the known names, or None if none is near enough; the first wins a tie."""
    if not name or len(name) > _MAX_CHARS:
        return None
    wanted = name.casefold()
    allowed = min(1 if len(wanted) < 4 else 2 if len(wanted) < 12 else 3, len(wanted) - 1)
    best: str | None = None
    for candidate in known:
        if abs(len(candidate) - len(wanted)) > allowed or len(candidate) > _MAX_CHARS:
            continue
        distance = _distance(wanted, candidate.casefold(), allowed)
        if distance is not None and (best is None or distance < allowed + 1):
            best, allowed = candidate, distance - 1
            if allowed < 0:
                break
    return best


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing: to be put behind what failed."""
    found = closest(name, known)
    return f"; did you mean '{found}'?" if found is not None else ""


def shortened(text: str, *, limit_chars: int = 80) -> str:
    """A text from a configuration as it may stand in a message: printable and not long."""
    head = text if len(text) <= limit_chars else text[:limit_chars] + "…"
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in head)


def _distance(a: str, b: str, limit: int) -> int | None:
    """Damerau's distance with neighbours swapped once (optimal string alignment), or None over limit."""
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, char_a in enumerate(a, 1):
        row = [i]
        for j, char_b in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char_a != char_b))
            if i > 1 and j > 1 and char_a == b[j - 2] and a[i - 2] == char_b:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return None
        before_last, last = last, row
    return last[-1] if last[-1] <= limit else None
