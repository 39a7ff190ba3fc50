"""Redact: takes card numbers, e-mail addresses and other such parts out of texts."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from connectkit.checks import between, no_duplicates, no_empty_items
from connectkit.config import HIGH, LOW, MEDIUM, Config, Secret, option
from connectkit.draft import Draft, Kind, Side, SideName
from connectkit.edit import OnMissing, SideTransform, on_missing_option
from connectkit.errors import LimitError
from connectkit.limits import DEFAULT_LIMITS
from connectkit.schema import Schema, StructValue, Type
from connectkit.struct import Struct
from connectkit.suggest import did_you_mean, shortened
from connectkit.transforms.boundedregex import Bounded, TooLongError, bounded
from connectkit.transforms.pathapply import edit_paths
from connectkit.transforms.pathedit import Change, What
from connectkit.transforms.paths import FieldPath, path_problems
from connectkit.transforms.personal import FINDERS, HINT, Finder, Span

_PATTERN = "pattern."
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LETTER = re.compile(r"[^\W_]")
_HOLDS_TEXT = frozenset((Type.STRING, Type.STRUCT, Type.ARRAY, Type.MAP))
_JOINED = frozenset(("card", "iban", "phone", "ssn"))
"""What is hashed without the blanks and dashes it is written with."""


class RedactConfig(Config):
    """What to look for, where, and what to do about it."""

    prefixes: ClassVar[tuple[str, ...]] = (_PATTERN,)

    patterns: list[str] = option(
        [],
        doc=f"What to look for: {', '.join(FINDERS)}. pattern.NAME, a regular expression (Java's syntax), is "
        "looked for as well.",
        check=[no_empty_items, no_duplicates],
        importance=HIGH,
    )
    fields: list[str] = option(
        [],
        doc="Paths of the fields to look in, such as comment, customer.notes or items[*].text; below a field "
        "that holds others, all texts. Without it, every text in the key or value, however deep.",
        check=[no_empty_items, no_duplicates],
        importance=HIGH,
    )
    action: Literal["mask", "hash", "replace"] = option(
        "mask",
        doc="mask: put mask.character in place of letters and digits; hash: put a hash in its place; "
        "replace: put the replacement in its place.",
        importance=HIGH,
    )
    mask_character: str = option(
        "*",
        doc="What stands in place of each letter and digit.",
        check=lambda value: None if len(value) == 1 else "must be one character",
        importance=LOW,
    )
    mask_keep_last: int = option(
        0,
        doc="How many letters and digits at the end stay; never more than half of them.",
        check=between(0, 100),
        importance=MEDIUM,
    )
    hash_key: Secret | None = option(
        None,
        doc="A key, which makes the hash an HMAC. Without one, whoever can list what was hashed (there are "
        "few card numbers and phone numbers) can undo it.",
        importance=HIGH,
    )
    hash_chars: int = option(
        64,
        doc="How many hexadecimal digits of the hash (SHA-256) are put in.",
        check=between(8, 64),
        importance=LOW,
    )
    replacement: str = option(
        "[{pattern}]",
        doc="The text for action=replace; {pattern} in it is the name of the pattern.",
        importance=MEDIUM,
    )
    max_chars: int = option(
        1 << 20,
        doc="The longest text that is looked through; a record with a longer one fails, since it must not "
        "pass as it is.",
        check=between(1, 1 << 24),
        importance=LOW,
    )
    on_missing: OnMissing | None = on_missing_option("a warning; choose fail where nothing may slip through")

    def problems(self) -> Mapping[str, str | Sequence[str]]:
        found: dict[str, str | Sequence[str]] = dict(path_problems("fields", self.fields))
        for name in self.patterns:
            if name not in FINDERS:
                hint = did_you_mean(name, FINDERS) or f"; there are {', '.join(FINDERS)}"
                found["patterns"] = f"has '{shortened(name)}', which is no pattern{hint}"
        own = self.with_prefix(_PATTERN)
        for name, regex in own.items():
            if said := _regex_problem(name, regex, self.patterns):
                found[shortened(_PATTERN + name)] = said
        if not self.patterns and not own:
            found["patterns"] = "must name what to look for"
        if self.hash_key is not None and not self.hash_key:
            found["hash.key"] = "must not be empty"
        return found


def _regex_problem(name: str, regex: Any, taken: Sequence[str]) -> str | None:
    if _NAME.fullmatch(name) is None:
        return "must end in a name of letters, digits, dots, dashes and _"
    if name in taken:
        return "must end in a name that patterns has not"
    try:
        made = bounded(str(regex))
    except ValueError as error:
        return str(error)
    return "must not match an empty text" if made.pattern.fullmatch("") else None


class Redact(SideTransform[RedactConfig]):
    """Mask, hash or replace parts of texts that look like card numbers, e-mail addresses and the like.

    Texts are strings in fields, arrays and maps (not the keys of maps, and no bytes). A null passes.
    """

    purpose = "redaction"

    def __init__(self, config: RedactConfig, *, side: SideName = "value") -> None:
        super().__init__(config, side=side)
        self._redactor = Redactor(config)
        change = Change(lambda schema: (schema, self._of(schema)), self._redactor.value)
        self._edits: list[tuple[FieldPath, What]] = [(FieldPath.of(text), change) for text in config.fields]

    def edit_side(self, draft: Draft, side: Side) -> None:
        if side.is_null:
            return
        if self._edits:
            if side.schema is not None:
                side.require_struct(self.purpose)
            edit_paths(self, draft, side, self.purpose, self._edits, with_default=True, basics=None)
            return
        if side.kind is Kind.STRUCT:
            schema = side.require_struct(self.purpose)
            slots = side.read(self.purpose, with_defaults=True)
            for field in schema.fields:
                redact = self._of(field.schema)
                if redact is not None:
                    slots[field.index] = draft.call(
                        redact, slots[field.index], where=f"$.{field.name}", strict=True
                    )
            side.write(schema, slots)
            return
        redact = self._redactor.value if side.schema is None else self._of(side.schema)
        if redact is not None:
            side.put(side.schema, draft.call(redact, side.whole(), where="$"), side.kind)

    def _of(self, schema: Schema) -> Callable[[Any], Any] | None:
        """What redacts values of the schema; None: there are no texts in them."""
        if schema.type not in _HOLDS_TEXT:
            return None
        return self._redactor.text if schema.type is Type.STRING else self._redactor.value


class Redactor:
    """Redacts texts, alone or wherever they stand in a value, which it never changes. Immutable."""

    __slots__ = ("_act", "_finders", "_hinted", "_max_chars")

    def __init__(self, config: RedactConfig) -> None:
        finders: list[tuple[str, Finder]] = [(name, FINDERS[name]) for name in config.patterns]
        own = config.with_prefix(_PATTERN)
        finders += [(name, _finder(bounded(str(regex)))) for name, regex in own.items()]
        self._finders = finders
        self._hinted = not own
        self._act = _action(config)
        self._max_chars = config.max_chars

    def text(self, text: str) -> str:
        """The text, with what was found in it redacted; the same object if that is nothing."""
        if len(text) > self._max_chars:
            raise LimitError(
                f"A text is longer than the {self._max_chars} characters that are looked through"
            )
        if self._hinted and HINT(text) is None:
            return text
        found: list[tuple[int, int, str]] = []
        for name, finder in self._finders:
            try:
                found += [(start, end, name) for start, end in finder(text)]
            except TooLongError as exc:
                raise LimitError(
                    f"A text is too long for the pattern '{name}', which can be tried on {exc.most_chars} "
                    "characters; one with fewer repetitions could be tried on more"
                ) from exc
        return self._redacted(text, found) if found else text

    def _redacted(self, text: str, found: list[tuple[int, int, str]]) -> str:
        found.sort(key=lambda each: each[0])
        parts: list[str] = []
        done = 0
        start, end, name = found[0]
        for begin, finish, other in found[1:]:
            if begin < end:  # two patterns found parts of the same: all of it goes
                end = max(end, finish)
                continue
            parts += (text[done:start], self._act(name, text[start:end]))
            done = end
            start, end, name = begin, finish, other
        parts += (text[done:start], self._act(name, text[start:end]), text[end:])
        return "".join(parts)

    def value(self, value: Any, depth: int = DEFAULT_LIMITS.depth) -> Any:
        """The value with all texts in it redacted; the same object where nothing was found."""
        if type(value) is str:
            return self.text(value)
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, StructValue):
            assert isinstance(value, Struct)
            values = self._each(value.values, depth)
            return value if values is value.values else Struct.of(value.schema, values)
        if isinstance(value, Mapping):
            old = list(value.values())
            new = self._each(old, depth)
            return value if new is old else dict(zip(value, new))
        if isinstance(value, (list, tuple)):
            return self._each(value, depth)
        return value

    def _each(self, values: Any, depth: int) -> Any:
        if depth == 0:
            raise LimitError("A value is nested too deeply for all texts in it to be looked through")
        made = [each if each is None else self.value(each, depth - 1) for each in values]
        return values if all(map(_is, made, values)) else made


def _is(one: Any, other: Any) -> bool:
    return one is other


def _finder(made: Bounded) -> Finder:
    def find(text: str) -> Iterator[Span]:
        return (found.span() for found in made.find_all(text) if found.end() > found.start())

    return find


def _action(config: RedactConfig) -> Callable[[str, str], str]:
    """What stands in place of what a pattern of that name found."""
    if config.action == "replace":
        replacement = config.replacement
        return lambda name, found: replacement.replace("{pattern}", name)
    if config.action == "hash":
        return _hasher(config.hash_key, config.hash_chars)
    character, keep_last = config.mask_character, config.mask_keep_last

    def mask(name: str, found: str) -> str:
        letters = [place.start() for place in _LETTER.finditer(found)]
        masked = letters[: len(letters) - min(keep_last, len(letters) // 2)]
        made = list(found)
        for place in masked:
            made[place] = character
        return "".join(made) if letters else character * len(found)

    return mask


def _hasher(key: Secret | None, chars: int) -> Callable[[str, str], str]:
    secret = None if key is None else key.reveal().encode("utf-8", "surrogatepass")

    def hashed(name: str, found: str) -> str:
        if name in _JOINED:
            found = "".join(_LETTER.findall(found)).upper()
        elif name == "email":
            found = found.lower()
        data = found.encode("utf-8", "surrogatepass")
        if secret is None:
            return hashlib.sha256(data).hexdigest()[:chars]
        return hmac.new(secret, data, hashlib.sha256).hexdigest()[:chars]

    return hashed
