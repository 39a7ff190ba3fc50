"""Versions and ranges of plugins (KIP-891)."""

from __future__ import annotations

import pytest

from connectkit.runner.versions import accepts


@pytest.mark.parametrize(
    ("wanted", "installed", "fits"),
    [
        (None, "1.0", True),
        ("", "1.0", True),
        ("latest", "undefined", True),
        ("1.0", "1.0", True),
        ("1.0", "1.0.0", True),
        ("1.0", "1.0.1", False),
        ("[1.0]", "1.0", True),
        ("[1.0,2.0)", "1.9.9", True),
        ("[1.0,2.0)", "2.0", False),
        ("(1.0,2.0]", "1.0", False),
        ("(1.0,2.0]", "2.0", True),
        ("(,1.5]", "0.1", True),
        ("[1.5,)", "10.0", True),
        ("(,1.0],[1.2,)", "1.1", False),
        ("(,1.0],[1.2,)", "1.2", True),
        ("[1.0,2.0)", "1.0-rc1", False),
        ("[1.0,2.0)", "2.0.dev1", True),
    ],
)
def test_accepts(wanted: str | None, installed: str, fits: bool) -> None:
    assert accepts(wanted, installed) is fits


@pytest.mark.parametrize("wanted", ["[1.0", "1.0]", "(1.0)", "[1.0,2.0", "a b", "[1,2,3]", "1.0,2.0", "[]"])
def test_what_is_no_version(wanted: str) -> None:
    with pytest.raises(ValueError, match="must"):
        accepts(wanted, "1.0")
