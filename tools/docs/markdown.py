"""Small pieces of Markdown, and the way from a docstring to it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

BANNER = "<!-- Written by `make docs` from the code: change the docstring or the option, not this page. -->"


def page(title: str, *parts: str) -> str:
    """A whole page: title, the note that it is generated, and its parts with a blank line between."""
    return "\n\n".join([f"# {title}", BANNER, *(part.strip("\n") for part in parts if part.strip())]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells may hold any text."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """The text as code in a line, whatever backticks it holds."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fenced(text: str, *, language: str = "") -> str:
    """The text as a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def docstring(of: object) -> str:
    """An object's own docstring as Markdown, empty if it has none."""
    doc = getattr(of, "__doc__", None)
    return prose(inspect.cleandoc(doc)) if doc else ""


def first_line(of: object) -> str:
    """The first line of a docstring: what the object promises."""
    return docstring(of).partition("\n")[0]


def prose(text: str) -> str:
    """Docstring text as Markdown: literals, roles, and indented blocks set apart as code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    text = re.sub(r"(?<![`\w.])\.?[A-Za-z][\w.$]*\.\*", r"`\g<0>`", text)  # a star would begin emphasis
    return re.sub(r"(?<=\S)\n(?=    \S)", "\n\n", text)


def anchor(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(re.sub(r"\s*\n\s*", " ", cell).replace("|", "\\|") for cell in cells) + " |"
