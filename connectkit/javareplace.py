r"""Replacement texts of Java's ``Matcher``: ``$1``, ``${name}``, ``\`` before a literal character.

A replacement is parsed once against its pattern, so that a reference to a group that does not exist is
found when the configuration is read and not at the first match. Digits are taken as long as they make
the number of an existing group (``$12`` with one group is group 1 and a ``2``); a group that took no part
in the match gives nothing. Immutable, hence thread-safe. Source: documentation of
``java.util.regex.Matcher.appendReplacement``.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"\{([a-zA-Z][a-zA-Z0-9]*)\}")


class Replacement:
    """A parsed replacement; ``ValueError`` says what is wrong with its text."""

    __slots__ = ("_parts",)

    def __init__(self, text: str, pattern: re.Pattern[str]) -> None:
        self._parts = tuple(_parse(text, pattern))

    def expand(self, match: re.Match[str]) -> str:
        """The text that takes the match's place."""
        return "".join(part if isinstance(part, str) else match[part] or "" for part in self._parts)

    def replace_first(self, text: str, pattern: re.Pattern[str]) -> str:
        """Java's ``replaceFirst``."""
        match = pattern.search(text)
        return text if match is None else text[: match.start()] + self.expand(match) + text[match.end() :]


def _parse(text: str, pattern: re.Pattern[str]) -> list[str | int]:
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\\":
            if at == len(text):
                raise ValueError("must not end in a lone backslash")
            parts.append(text[at])
            at += 1
        elif char != "$":
            parts.append(char)
        elif found := _NAME.match(text, at):
            if found[1] not in pattern.groupindex:
                raise ValueError(
                    f"refers to a group named {found[1][:40]}, which the regular expression has not"
                )
            parts.append(pattern.groupindex[found[1]])
            at = found.end()
        elif at < len(text) and text[at] in "0123456789":
            group = int(text[at])
            at += 1
            if group > pattern.groups:
                raise ValueError(
                    f"refers to group {group}, but the regular expression has "
                    f"{pattern.groups or 'no'} group{'' if pattern.groups == 1 else 's'}"
                )
            while at < len(text) and text[at] in "0123456789":
                longer = group * 10 + int(text[at])
                if longer > pattern.groups:
                    break
                group = longer
                at += 1
            parts.append(group)
        else:
            raise ValueError(
                "has a $ that is followed by no group's number or {name}: write \\$ for the sign"
            )
    return parts
