"""The command lines that the docs show are ones that the parser takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from connectkit.runner.cli.commands import build_parser

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/guides").glob("*.md")]
_SHOWN = re.compile(r"^(?: {4}|\$ )(?:\.venv/bin/)?connectkit (.*)$", re.MULTILINE)
_INLINE = re.compile(r"`connectkit ([^`]+)`")
_ENDS = re.compile(r"\s+(?:#|\||&&|>|2>).*|;.*|\s{2,}.*|\s&$")


def commands(text: str) -> list[list[str]]:
    """The arguments of each whole command; one with an ellipsis or only its name is none."""
    found = [*_SHOWN.findall(text), *(each for each in _INLINE.findall(text) if " " in each)]
    return [shlex.split(_ENDS.sub("", each)) for each in found if "…" not in each and "..." not in each]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_are_taken(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    wrong = {}
    for arguments in commands(page.read_text()):
        try:
            parser.parse_args(arguments)
        except SystemExit:
            said = capsys.readouterr().err
            if said and "arguments are required" not in said:  # as for the mere name, `connectkit dlq replay`
                wrong[shlex.join(arguments)] = said
    assert wrong == {}


def test_commands_are_found_at_all() -> None:
    assert sum(len(commands(page.read_text())) for page in PAGES) > 50


def test_a_mistake_would_be_found() -> None:
    (arguments,) = commands("    connectkit topics raed orders --limit 3   # the first\n")
    assert arguments == ["topics", "raed", "orders", "--limit", "3"]
    with pytest.raises(SystemExit):
        build_parser().parse_args(arguments)
