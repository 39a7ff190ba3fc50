"""``connectkit token`` prints a token once, and lines that let its bearer in."""

from __future__ import annotations

import io
import sys

import pytest

from connectkit.properties import load_bytes
from connectkit.runner.cli import main
from connectkit.runner.rest.security_principals import Role, read_principals


def test_the_lines_let_the_bearer_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "ci", "--role", "admin:orders-", "--role", "read"]) == 0
    said = capsys.readouterr().out
    token = said.splitlines()[1].removeprefix("#").strip()
    principals = read_principals(load_bytes(said.encode(), where="x").values)
    found = principals.recognize(f"Bearer {token}", None)
    assert found is not None
    assert found.name == "ci"
    assert found.may(Role.ADMIN, "orders-1")
    assert not found.may(Role.ADMIN, "others")
    assert found.may(Role.READ, "others")
    assert said.count(token) == 1


def test_two_tokens_differ(capsys: pytest.CaptureFixture[str]) -> None:
    main(["token", "a"])
    main(["token", "a"])
    lines = [line for line in capsys.readouterr().out.splitlines() if "token.hash" in line]
    assert len(set(lines)) == 2


def test_one_that_exists(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a-token-of-enough-characters\n"))
    assert main(["token", "ci", "--stdin"]) == 0
    said = capsys.readouterr().out
    assert "a-token-of-enough" not in said
    assert "rest.principals.ci.token.hash=sha256:" in said


@pytest.mark.parametrize(
    ("arguments", "given", "key"),
    [
        (["token", "a b"], "", "name"),
        (["token", "a", "--role", "root"], "", "roles"),
        (["token", "a", "--stdin"], "short", "20 characters"),
    ],
)
def test_what_makes_no_token(
    arguments: list[str],
    given: str,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    assert main(arguments) == 2
    assert key in capsys.readouterr().err
