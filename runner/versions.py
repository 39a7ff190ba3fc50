"""Which versions of a plugin a configuration accepts: KIP-891's grammar, on what is installed.

Nothing or ``latest``: any. A plain version is that one exactly. Otherwise a Maven range such as
``[1.0,2.0)`` or ``(,1.5]``, or several with commas. Only one version of a distribution can be installed, so
this is a check and not a choice. Versions compare number by number, a word before a number. Pure.
"""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*([\[(])\s*([^\[\](),\s]*)\s*(?:(,)\s*([^\[\](),\s]*)\s*)?([\])])\s*(?:,|$)")
_PART = re.compile(r"\d+|[A-Za-z]+")


def accepts(wanted: str | None, installed: str) -> bool:
    """Whether the installed version is one that is wanted; ``ValueError`` if that is no version or range."""
    wanted = (wanted or "").strip()
    if not wanted or wanted.lower() == "latest":
        return True
    if wanted[0] not in "[(":
        if any(mark in wanted for mark in "[](), "):
            raise ValueError("must be latest, a version, or a range such as [1.0,2.0)")
        return _order(wanted) == _order(installed)
    at, fits = 0, False
    while at < len(wanted):
        found = _RANGE.match(wanted, at)
        if found is None:
            raise ValueError("must be latest, a version, or a range such as [1.0,2.0)")
        fits = fits or _within(found, installed)
        at = found.end()
    return fits


def version_problem(wanted: str) -> str | None:
    """What is wrong with the text of a version or range, whatever is installed."""
    try:
        accepts(wanted, "1")
    except ValueError as exc:
        return str(exc)
    return None


def _within(found: re.Match[str], installed: str) -> bool:
    opened, low, comma, high, closed = found.groups()
    if not comma:
        if not low or opened != "[" or closed != "]":
            raise ValueError("must close a single version in square brackets, such as [1.0]")
        return _order(low) == _order(installed)
    version = _order(installed)
    if low and (version < _order(low) or (opened == "(" and version == _order(low))):
        return False
    return not (high and (version > _order(high) or (closed == ")" and version == _order(high))))


def _order(version: str) -> list[tuple[int, int, str]]:
    """What versions sort by. The end stands above a word and below a number: 1.0-rc < 1.0 < 1.0.1."""
    parts: list[tuple[int, int, str]] = []
    for part in [*_PART.findall(version), ""]:
        if part.isdigit():
            parts.append((1, int(part), ""))
            continue
        while parts and parts[-1] == (1, 0, ""):  # zeros at the end of the numbers say nothing
            parts.pop()
        parts.append((-1, 0, part.lower()) if part else (0, 0, ""))
    return parts
