r"""Reads Java ``.properties`` files by Java's own rules: comments, separators, continuations, escapes.

Source: the documented grammar of ``java.util.Properties.load(Reader)``. A natural line is a comment if
its first character that is not blank is ``#`` or ``!``; a line that ends in an odd number of backslashes
goes on in the next, whose leading blanks are dropped; a key ends at the first unescaped ``=``, ``:`` or
blank; ``\t \n \r \f`` and ``\uXXXX`` are characters, before any other character the backslash is
dropped. Files are UTF-8 (Kafka reads those of its command line as Latin-1, and others as UTF-8). Pure
functions; a malformed ``\u``, or bytes that are no UTF-8, raise ``ConfigError`` with the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectkit.errors import ConfigError
from connectkit.suggest import shortened

_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANKS = " \t\f"
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
_UNICODE = re.compile(r"[0-9a-fA-F]{4}")


@dataclass(slots=True)
class Properties:
    """What a file said: the values (the last of a key wins), and the line each key was read from."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    duplicates: list[tuple[str, int, int]] = field(default_factory=list)
    """Keys that came twice: key, earlier line, later line."""


def loads(text: str, *, where: str = "The properties") -> Properties:
    """Read the text of a file; ``where`` names it in messages."""
    found = Properties()
    for number, line in _logical_lines(text.removeprefix("\ufeff")):
        raw_key, raw_value = _split(line)
        key = _unescape(raw_key, where, number)
        value = _unescape(raw_value, where, number)
        if key in found.values:
            found.duplicates.append((key, found.lines[key], number))
        found.values[key] = value
        found.lines[key] = number
    return found


def load_bytes(data: bytes, *, where: str = "The properties") -> Properties:
    """Read the bytes of a file, which must be UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigError(
            f"{where} has a byte in line {line} that is not UTF-8: save the file as UTF-8 or write the"
            f" character as \\uXXXX."
        ) from exc
    return loads(text, where=where)


def dumps(values: Mapping[str, str]) -> str:
    """The text of a file that reads back as these values, in ASCII as Java writes it."""
    return "".join(f"{_escape(key, True)}={_escape(value, False)}\n" for key, value in values.items())


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Each logical line without leading blanks, with the number of the natural line it begins on."""
    natural = _LINE_END.split(text)
    at = 0
    line, begin, ends_open = "", 0, False
    for at, each in enumerate(natural, 1):
        part = each.lstrip(_BLANKS)
        if not line:  # also behind a line that was nothing but a backslash
            ends_open = ends_open and not each and at == len(natural)
            if not part or part[0] in "#!":
                continue
            begin = at
        line += part
        ends_open = _goes_on(part)
        if ends_open:
            line = line[:-1]
        else:
            yield begin, line
            line = ""
    if ends_open:  # the file ends in a backslash; Java makes an empty key of one that stands alone
        yield begin, line


def _goes_on(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _split(line: str) -> tuple[str, str]:
    """The raw key and the raw value: one ``=`` or ``:`` and the blanks around it go."""
    end = 0
    while end < len(line) and line[end] not in "=:" and line[end] not in _BLANKS:
        end += 2 if line[end] == "\\" else 1
    value = line[end:].lstrip(_BLANKS)
    if value[:1] in ("=", ":"):
        value = value[1:].lstrip(_BLANKS)
    return line[:end], value


def _unescape(text: str, where: str, number: int) -> str:
    if "\\" not in text:
        return text
    parts: list[str] = []
    at = 0
    while (slash := text.find("\\", at)) >= 0:
        parts.append(text[at:slash])
        escaped = text[slash + 1 : slash + 2]
        at = slash + 2
        if escaped == "u":
            digits = text[at : at + 4]
            if not _UNICODE.fullmatch(digits):
                raise ConfigError(
                    f"{where} has a malformed \\uXXXX in line {number}: four hex digits must follow."
                )
            parts.append(chr(int(digits, 16)))
            at += 4
        else:
            parts.append(_ESCAPES.get(escaped, escaped))
    parts.append(text[at:])
    return _joined_surrogates("".join(parts))


def _joined_surrogates(text: str) -> str:
    """Two escapes that make one character (Java's UTF-16) as that character; lone ones stay."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _escape(text: str, is_key: bool) -> str:
    out: list[str] = []
    for at, char in enumerate(text):
        if char == " ":
            out.append("\\ " if is_key or at == 0 else " ")
        elif char in "\t\n\r\f":
            out.append({"\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f"}[char])
        elif char in "\\=:#!":
            out.append("\\" + char)
        elif " " < char <= "~":
            out.append(char)
        else:
            units = char.encode("utf-16-be", "surrogatepass")
            out.extend(f"\\u{int.from_bytes(units[i : i + 2], 'big'):04X}" for i in range(0, len(units), 2))
    return "".join(out)


def describe_duplicates(found: Properties) -> list[str]:
    """A sentence for each key that stands twice."""
    return [
        f"{shortened(key)} stands in line {earlier} and again in line {later}; the later one counts"
        for key, earlier, later in found.duplicates
    ]
