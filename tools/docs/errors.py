"""The page about errors: the tree, and what each class means and causes."""

from __future__ import annotations

import connectkit.errors as errors
from tools.docs.markdown import docstring, fenced, page

INTRO = """\
An error is named by what to do next, and not by what went wrong. Its message is one sentence: what failed,
where (connector, task, transform, topic-partition@offset, `$.path`), what would help. It never holds the
value of a record or a secret."""


def error_classes() -> list[type[errors.ConnectError]]:
    """Every error class of the core, parents before children, in order of definition."""
    return [
        found
        for found in vars(errors).values()
        if isinstance(found, type)
        and issubclass(found, errors.ConnectError)
        and found.__module__ == errors.__name__
    ]


def tree(root: type[BaseException] = errors.ConnectError, *, indent: str = "") -> list[str]:
    """The classes under a root, drawn one a line."""
    lines = [root.__name__] if not indent else []
    children = [each for each in error_classes() if root in each.__bases__]
    for number, child in enumerate(children):
        last = number == len(children) - 1
        lines.append(f"{indent}{'└── ' if last else '├── '}{child.__name__}")
        lines += tree(child, indent=indent + ("    " if last else "│   "))
    return lines


def error_page() -> str:
    """The page."""
    sections = [f"## {cls.__name__}\n\n{docstring(cls)}" for cls in error_classes()]
    return page("Errors", INTRO, fenced("\n".join(tree())), *sections)
