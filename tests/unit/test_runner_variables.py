"""Variables of config providers in configurations."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.api import ConfigData, ConfigProvider
from connectkit.config import Config
from connectkit.errors import ConfigError
from connectkit.plugin import plugins
from connectkit.runner.observe import LineFormatter
from connectkit.runner.variables import Resolver, has_variables, make_resolver, variables_in
from connectkit.secret import HiddenText

CANARY = "CANARY-1618"


class Vault(ConfigProvider[Config]):
    """Knows a few keys at any path, and counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(Config())
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def get(self, path: str, keys: Collection[str]) -> ConfigData:
        self.asked.append((path, tuple(keys)))
        if path == "boom":
            raise RuntimeError(CANARY)
        if path == "closed":
            raise ConfigError("the vault is closed")
        known = {"pw": CANARY, "user": "me", "self": "${vault:p:pw}"}
        return ConfigData({key: known[key] for key in keys if key in known}, ttl_ms=5)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${file:/a:b}", [("file", "/a", "b")]),
        ("${env:HOME}", [("env", "", "HOME")]),
        ("x${a:b}y${c:d:e}z", [("a", "", "b"), ("c", "d", "e")]),
        ("${a:b:c:d}", [("a", "b", "c:d")]),
        ("${a}", []),
        ("${}", []),
        ("$a:b}", []),
        ("${a:b", []),
        ("${topic} ${a:b}", [("a", "", "b")]),
        ("${:}", [("", "", "")]),
        ("${a${b:c}", [("a${b", "", "c")]),
    ],
)
def test_syntax(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [each[:3] for each in variables_in(text)] == found
    assert has_variables(text) is bool(found)


@given(st.text("${}:ab", max_size=30))
def test_syntax_is_that_of_kafkas_expression(text: str) -> None:
    kafkas = re.compile(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}")
    expected = [(m[1], m[3] or "", m[4]) for m in kafkas.finditer(text)]
    assert [each[:3] for each in variables_in(text)] == expected


def test_resolving() -> None:
    vault = Vault()
    raw = {
        "a": "x${vault:p:pw}-${vault:p:user}",
        "b": "plain",
        "c": "${vault:p:user}",
        "d": None,
        "e": "${other:x}",
    }
    resolved = Resolver({"vault": vault}).resolve(raw)
    assert dict(resolved.config) == {
        "a": f"x{CANARY}-me",
        "b": "plain",
        "c": "me",
        "d": None,
        "e": "${other:x}",
    }
    assert resolved.keys == {"a", "c"}
    assert vault.asked == [("p", ("pw", "user"))]
    assert dict(resolved.ttl_ms) == {("vault", "p"): 5}
    assert CANARY not in repr(resolved)
    task = resolved.hide_in({"a": f"x{CANARY}-me", "b": "plain"})
    assert CANARY not in repr(task)
    assert isinstance(task["a"], HiddenText)


def test_what_a_provider_gives_is_not_resolved_again() -> None:
    assert Resolver({"vault": Vault()}).resolve({"a": "${vault:p:self}"}).config["a"] == "${vault:p:pw}"


def test_what_is_missing_or_fails_is_told_by_key() -> None:
    with pytest.raises(ConfigError) as caught:
        Resolver({"vault": Vault()}).resolve(
            {
                "a": "${vault:/p:nope}",
                "b": "${vault:boom:pw}",
                "c": "${vault:closed:pw}",
                "d": "${vault:p:pw}",
            }
        )
    problems = caught.value.problems
    assert set(problems) == {"a", "b", "c"}
    assert "vault for 'nope' at '/p'" in problems["a"][0]
    assert "RuntimeError" in problems["b"][0]
    assert "the vault is closed" in problems["c"][0]
    assert CANARY not in str(caught.value)


def test_the_resolver_of_a_worker(tmp_path: Path) -> None:
    (tmp_path / "s.properties").write_text(f"pw={CANARY}\n")
    worker = {
        "config.providers": "file, env",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(tmp_path),
        "config.providers.env.class": "EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": "X_.*",
    }
    resolver = make_resolver(worker, plugins)
    assert resolver.names == {"file", "env"}
    raw = {"password": f"${{file:{tmp_path}/s.properties:pw}}"}
    assert resolver.resolve(raw).config["password"] == CANARY
    resolver.close()


def test_a_workers_mistakes_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        make_resolver(
            {
                "config.providers": "a,b,c,d",
                "config.providers.b.class": "os.system",
                "config.providers.c.class": "FileConfigProvider",
                "config.providers.c.allowed.paths": "/",
                "config.providers.d.class": "EnvVar",
            },
            plugins,
        )
    assert set(caught.value.problems) == {
        "config.providers.a.class",
        "config.providers.b.class",
        "config.providers.c.allowed.paths",
        "config.providers.c.param.allowed.paths",
        "config.providers.d.param.allowlist.pattern",
    }
    assert make_resolver({}, plugins).names == frozenset()


def test_what_a_provider_gave_is_in_no_log_line_nor_traceback() -> None:
    Resolver({"vault": Vault()}).resolve({"url": "http://${vault:p:pw}/"})
    try:
        raise ValueError(f"the login {CANARY!r} failed")
    except ValueError:
        record = logging.LogRecord("a.plugin", logging.ERROR, "x.py", 1, "%s", (CANARY,), sys.exc_info())
    said = LineFormatter("%(message)s").format(record)
    assert "ValueError: the login '[hidden]' failed" in said
    assert CANARY not in said
