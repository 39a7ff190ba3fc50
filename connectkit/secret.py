"""A text that is used but never shown: every readable form of a ``Secret`` is ``[hidden]``.

The text leaves only through :meth:`Secret.reveal`; ``repr``, ``str``, formatting and ``pickle`` do not give
it away. :func:`is_sensitive` tells by its name which option to hide whatever its type, :class:`HiddenText`
marks a value that a config provider gave, and :class:`RawConfig` is a mapping that hides all of these when
it is printed. Immutable, hence thread-safe.
Source: reliability 3.3 (masking).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NoReturn, final

HIDDEN = "[hidden]"
"""What stands in place of a secret, as in Kafka."""

_SENSITIVE = re.compile(r"password|passwd|passphrase|secret|token|key|credential|jaas|sasl", re.IGNORECASE)
# The framework's own names that hold "key" for a record's key; nothing below them is trusted by this.
_HARMLESS = frozenset(
    {
        "key.converter",
        "key.converter.plugin.version",
        "key.converter.schemas.enable",
        "key.converter.converter.type",
    }
)
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]+@")


def is_sensitive(name: str) -> bool:
    """Whether the value of a configuration key of this name is never shown, whatever its type."""
    return name not in _HARMLESS and _SENSITIVE.search(name) is not None


def without_userinfo(text: str) -> str:
    """The text with the ``user:password@`` part of URLs hidden."""
    return _USERINFO.sub(rf"\1{HIDDEN}@", text) if "://" in text else text


@final
class Secret:
    """A hidden text. Equal to another ``Secret`` of the same text, and true when not empty."""

    __slots__ = ("_text",)
    _text: str | None

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a Secret holds a str, not {type(text).__name__}.")
        object.__setattr__(self, "_text", text)

    def reveal(self) -> str:
        """The text itself: call it where the text is handed to its user, and nowhere else."""
        if self._text is None:
            raise ValueError("this Secret has been through pickle, which does not keep its text.")
        return self._text

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed.")

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if self._text is None or other._text is None:
            return self is other
        import hmac

        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __getstate__(self) -> None:
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        return _forgotten, ()

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return _forgotten, ()


def _forgotten() -> Secret:
    """What pickle restores: a Secret that knows its text no more and says so when asked."""
    secret = object.__new__(Secret)
    object.__setattr__(secret, "_text", None)
    return secret


@final
class HiddenText(str):
    """A text that a config provider gave: usable as any ``str``, but its ``repr`` is ``[hidden]``.

    It marks the value, however it is copied from mapping to mapping, so that no message about the
    configuration shows it. What is made from it (``strip``, slices) is plain text again.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


@final
class RawConfig(Mapping[str, Any]):
    """A configuration as it was given, which prints its keys but no value that might be a secret.

    ``hidden`` names further keys to hide, beside those :func:`is_sensitive` finds and ``HiddenText``.
    """

    __slots__ = ("_data", "_hidden")

    def __init__(self, data: Mapping[str, Any], *, hidden: Iterable[str] = ()) -> None:
        self._data = dict(data)
        self._hidden = frozenset(hidden)

    def __getitem__(self, key: str) -> Any:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {self._shown(key)}" for key in self._data) + "}"

    def _shown(self, key: str) -> str:
        if key in self._hidden or is_sensitive(key):
            return HIDDEN
        value = self._data[key]
        return without_userinfo(repr(value))


_LEAST_CHARS = 4  # shorter ones would blot out words of the sentence


def scrubbed(
    problems: Mapping[str, Iterable[str]], raw: Mapping[str, Any], hidden: Collection[str]
) -> dict[str, list[str]]:
    """The problems with every hidden value of the configuration taken out, should a plugin have put it in.

    Hidden are the values of these keys, and what config providers gave.
    """
    values = [
        str(value)
        for key, value in raw.items()
        if isinstance(value, HiddenText) or (key in hidden and isinstance(value, str))
    ]
    values = sorted((each for each in values if len(each.strip()) >= _LEAST_CHARS), key=len, reverse=True)
    if not values:
        return {key: list(found) for key, found in problems.items()}
    return {key: [_without(sentence, values) for sentence in found] for key, found in problems.items()}


def _without(sentence: str, values: list[str]) -> str:
    for value in values:
        for form in (value, value.strip(), repr(str(value))[1:-1]):
            sentence = sentence.replace(form, HIDDEN)
    return sentence


class HiddenWords:
    """Texts to be taken out of whatever is written. Thread-safe.

    The latest ``most`` are kept: a provider whose tokens change gives new ones for as long as a worker runs.
    """

    __slots__ = ("_lock", "_most", "_words")

    def __init__(self, *, most: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._words: dict[str, None] = {}

    def add(self, text: str) -> None:
        """Hide this text from now on; one of few characters is not, as it would blot out other words."""
        if len(text.strip()) < _LEAST_CHARS:
            return
        with self._lock:
            words = {word: None for word in self._words if word != text}
            words[text] = None
            while len(words) > self._most:
                del words[next(iter(words))]
            self._words = words

    def hidden_in(self, text: str) -> str:
        """The text without them."""
        words = self._words
        if not words:
            return text
        return _without(text, sorted(words, key=len, reverse=True))


GIVEN = HiddenWords()
"""What config providers gave in this process."""
