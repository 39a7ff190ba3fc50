"""Secrets: no readable form gives the text away."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import reprlib
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.config import Config, option
from connectkit.errors import ConfigError
from connectkit.secret import (
    HIDDEN,
    HiddenText,
    HiddenWords,
    RawConfig,
    Secret,
    is_sensitive,
    without_userinfo,
)

CANARY = "CANARY-3141"


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{:>20}".format,
        lambda s: "%s %r" % (s, s),  # noqa: UP031 - the form is what is tested
        lambda s: f"{s}{s!r}{s!s}{s!a}",
        lambda s: repr([s, {"a": s}]),
        pprint.pformat,
        reprlib.repr,
        lambda s: repr(s.__getstate__()),
        lambda s: repr(s.__reduce_ex__(5)),
        lambda s: repr(copy.deepcopy({"a": s})),
    ],
)
def test_no_text_form_shows_it(shown: Callable[[Secret], str]) -> None:
    assert CANARY not in shown(Secret(CANARY))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_no_text_and_says_so(protocol: int) -> None:
    data = pickle.dumps(Secret(CANARY), protocol)
    assert CANARY.encode() not in data
    again = pickle.loads(data)
    assert repr(again) == HIDDEN
    with pytest.raises(ValueError, match="pickle"):
        again.reveal()
    assert again != Secret(CANARY)


def test_json_refuses_it() -> None:
    with pytest.raises(TypeError):
        json.dumps({"a": Secret(CANARY)})


def test_reveal_equality_and_truth() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert not Secret("")
    assert copy.copy(Secret("a")) == Secret("a")
    assert Secret("\ud800") == Secret("\ud800")


def test_it_cannot_be_changed_or_subverted() -> None:
    secret = Secret("a")
    with pytest.raises(AttributeError):
        secret._text = "b"
    with pytest.raises(AttributeError):
        del secret._text
    with pytest.raises(TypeError):
        Secret(1)  # type: ignore[arg-type]
    assert not hasattr(secret, "__dict__")


class Login(Config):
    password: Secret = option(doc="x")
    api_token: str = option("", doc="x")
    url: str = option("", doc="x")
    retries: int = option(1, doc="x")


@given(st.text(min_size=6).filter(lambda t: t.strip() == t and "[hidden]" not in t and t.isascii()))
def test_a_config_never_shows_its_secrets(text: str) -> None:
    login = Login.parse({"password": f"pw{text}", "api.token": f"tk{text}", "unknown.secret": f"un{text}"})
    assert login.password.reveal() == f"pw{text}".rstrip("".join(map(chr, range(33))))
    shown = repr(login) + repr(login.originals) + repr(login.warnings) + repr(login.with_prefix("unknown."))
    shown += repr(Login.validate(login.originals)) + repr(dataclasses.asdict(login)["password"])
    for prefix in ("pw", "tk", "un"):
        assert prefix + text not in shown
        assert repr(prefix + text)[1:-1] not in shown


def test_no_error_text_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    class Strict(Config):
        pin_code: Secret = option(doc="x", check=lambda value: "is not four digits")
        access_key: int = option(doc="x")
        port: int = option(doc="x")

    raw = {"pin.code": CANARY, "access.key": CANARY, "port": HiddenText(CANARY)}
    with pytest.raises(ConfigError) as caught:
        Strict.parse(raw, where="x")
    logging.getLogger("test").error("failed", exc_info=caught.value)
    told = str(caught.value) + "".join(traceback.format_exception(caught.value)) + caplog.text
    assert set(caught.value.problems) == {"x.pin.code", "x.access.key", "x.port"}
    assert CANARY not in told
    assert CANARY not in repr(Strict.validate(raw))


def test_a_plugin_that_tells_a_secret_is_muted() -> None:
    class Talkative(Config):
        password: Secret = option(doc="x", check=lambda value: f"is not {value.reveal()}")
        url: str | None = option(None, doc="x", check=lambda value: f"no host in {value!r}")

    class Chatty(Login):
        def problems(self) -> dict[str, str]:
            return {"url": f"{self.url} does not take {self.password.reveal()}"}

    for cls in (Talkative, Chatty):
        raw = {"password": CANARY, "url": HiddenText(f"{CANARY}\n2")}
        with pytest.raises(ConfigError) as caught:
            cls.parse(raw)
        assert CANARY not in str(caught.value)
        assert CANARY not in repr(cls.validate(raw))


def test_text_from_a_provider_is_used_but_not_shown() -> None:
    hidden = HiddenText(CANARY)
    assert hidden == CANARY
    assert repr({"a": hidden}) == "{'a': [hidden]}"
    assert json.loads(json.dumps(hidden)) == CANARY
    config = Login.parse({"password": "x", "url": hidden})
    assert config.url == CANARY
    assert CANARY not in repr(config)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("connection.password", True),
        ("aws.secret.access.key", True),
        ("apiToken", True),
        ("sasl.jaas.config", True),
        ("key.converter.basic.auth.credentials.source", True),
        ("ssl.keystore.location", True),
        ("key.converter", False),
        ("key.converter.schemas.enable", False),
        ("topics", False),
    ],
)
def test_names_that_are_hidden(name: str, hidden: bool) -> None:
    assert is_sensitive(name) is hidden


def test_userinfo_of_urls_is_hidden() -> None:
    assert without_userinfo("http://me:pw@host/x") == "http://[hidden]@host/x"
    assert without_userinfo("http://host/x@y") == "http://host/x@y"
    assert "pw" not in repr(RawConfig({"url": "http://me:pw@host/"}))
    assert "pw" not in repr(Login.parse({"password": "x", "url": "https://me:pw@h"}))


def test_hidden_words_are_taken_out_of_any_text_the_longest_first() -> None:
    words = HiddenWords(most=2)
    assert words.hidden_in("x open sesame") == "x open sesame"
    for word in ("abc", "open", "open sesame"):
        words.add(word)
    assert words.hidden_in("abc: open sesame, open") == f"abc: {HIDDEN}, {HIDDEN}"
    words.add("open")  # the latest again
    words.add("another")
    assert words.hidden_in("open sesame another") == f"{HIDDEN} sesame {HIDDEN}"
