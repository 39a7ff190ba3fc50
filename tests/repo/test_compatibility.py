"""The page on compatibility tells every difference that the golden tests excuse."""

from __future__ import annotations

from pathlib import Path

from tests.golden.rules import entries

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "compatibility.md").read_text()


def test_every_difference_from_java_is_told_with_its_reason() -> None:
    assert [entry["reason"] for entry in entries() if entry["reason"] not in PAGE] == []


def test_the_page_tells_no_difference_that_is_gone() -> None:
    rows = PAGE.partition("Differences that recorded answers show")[2].partition("\n## ")[0].splitlines()
    told = {row.split("|")[2].strip() for row in rows if row.startswith("| ")} - {"difference", "---"}
    assert told == {entry["reason"] for entry in entries()}
