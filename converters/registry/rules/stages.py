"""Where rules stand between a converter's values and a message's bytes.

A payload is read into what rules know (:class:`Native`), and written again: only schemas that have rules, or
checks, pay for that. On the way out domain rules come first and rules on bytes last, on the way in the
other way round, with migrations between. Source: spec registry 6.5. Used by one thread at a time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from connectkit.converters.registry.port import Registered, SchemaText
from connectkit.converters.registry.rules.engine import RuleRun, Settings, rule_run
from connectkit.converters.registry.rules.executors import Place, inline_check
from connectkit.errors import ConnectError, ConversionError

T = TypeVar("T")
Encode = Callable[[Any, bytes], bytes | None]
Decode = Callable[[bytes, int], Any]
Check = Callable[[bytes], None]


class Native(Protocol):
    """A format as rules see it: values of one schema, as confluent-kafka's serializers have them."""

    @property
    def tags(self) -> Mapping[str, set[str]] | None:
        """The tags that fields have within the schema, if they are known by the fields' full names."""
        ...

    def read(self, payload: bytes) -> Any:
        """A payload's value."""
        ...

    def write(self, value: Any) -> bytes:
        """A value's payload."""
        ...

    def walk(self, context: Any, function: Any, value: Any) -> Any:
        """The value with each field as the function makes it."""
        ...

    def plain(self, value: Any) -> Any:
        """The value as JSON has it, for migrations."""
        ...

    def from_plain(self, value: Any) -> Any:
        """The reverse."""
        ...

    def violations(self, executor: Any, value: Any) -> list[Any]:
        """What breaks the checks within the schema."""
        ...


class Checks(NamedTuple):
    """What payloads are held against, before rules or after them."""

    before: Check | None = None
    after: Check | None = None


def write_with_rules(
    encode: Encode,
    schema: SchemaText,
    place: Place,
    settings: Settings,
    native: Callable[[], Native],
    checks: Checks,
) -> Encode:
    """``encode``, followed by the rules of the schema that is written with."""
    order = settings.validation if has_checks(schema) else "DISABLED"
    made = native() if (schema.rule_set or {}).get("domainRules") or order != "DISABLED" else None
    domain = inline = None
    if made is not None:
        inline = None if order == "DISABLED" else inline_check(made.violations)
        domain = rule_run(
            "domainRules", "WRITE", place, source=None, target=schema, settings=settings,
            tags=made.tags, walk=made.walk,
        )  # fmt: skip
    encoding = rule_run("encodingRules", "WRITE", place, source=None, target=schema, settings=settings)
    if domain is None and encoding is None and inline is None and not any(checks):
        return encode
    through = None
    if made is not None and (domain is not None or inline is not None):
        steps = (inline, domain) if order == "BEFORE_DOMAIN_RULES" else (domain, inline)
        through = _through(made, [each for each in steps if each is not None], domain)

    def write(value: Any, prefix: bytes) -> bytes | None:
        payload = encode(value, b"")
        if payload is None:
            return None
        if checks.before is not None:
            checks.before(payload)
        if through is not None:
            payload = through(payload)
        if checks.after is not None:
            checks.after(payload)
        return prefix + (payload if encoding is None else _bytes(encoding(payload)))

    return write


def has_checks(schema: SchemaText) -> bool:
    """Whether there may be checks within a schema, which is not read for that."""
    return "rules" in schema.text or bool(schema.references)


def _through(
    native: Native, steps: Sequence[Callable[[Any], Any]], domain: RuleRun | None
) -> Callable[[bytes], bytes]:
    def through(payload: bytes) -> bytes:
        value = _native(native.read, payload)
        for each in steps:
            value = each(value)
        return _native(native.write, value) if domain is not None and domain.changes else payload

    return through


class Reader(NamedTuple):
    """How a converter reads: payloads of the writer's schema, and those of the reader's."""

    decode: Decode
    own: Callable[[], Decode]
    """Reads a payload of the reader's own schema."""
    guard: Callable[[], Decode] | None
    """Refuses what is no payload of the writer's schema, before a library sees it."""
    resolve: Callable[[], Callable[[bytes], bytes]] | None
    """From a payload of the writer's schema to one of the reader's, where these are not the same."""
    native: Callable[[SchemaText], Native]
    checks: Checks


def read_with_rules(
    reader: Reader,
    wrote: Registered,
    reads: Registered,
    place: Place,
    settings: Settings,
    between: Callable[[], Sequence[SchemaText]],
) -> Decode:
    """``reader.decode`` after the rules of both schemas; ``between``: the versions from one to the other."""
    checks = reader.checks
    encoding = rule_run("encodingRules", "READ", place, source=None, target=wrote.schema, settings=settings)
    migrations = [] if reads is wrote else _migrations(wrote, reads, place, settings, between())
    has_domain = bool((reads.schema.rule_set or {}).get("domainRules"))
    native = reader.native(reads.schema) if has_domain or migrations else None
    domain = None
    if native is not None:
        domain = rule_run(
            "domainRules", "READ", place, source=None, target=reads.schema, settings=settings,
            tags=native.tags, walk=native.walk,
        )  # fmt: skip
    if encoding is None and domain is None and not migrations and not any(checks):
        return reader.decode
    change = None
    if native is not None and (domain is not None or migrations):
        change = _changed(reader, wrote, reads, native, domain, migrations)
    decode = reader.decode if change is None else reader.own()

    def read(data: bytes, start: int) -> Any:
        payload = data[start:]
        if encoding is not None:
            payload = _bytes(encoding(payload))
        if checks.before is not None:
            checks.before(payload)
        if change is not None:
            payload = change(payload)
        if checks.after is not None:
            checks.after(payload)
        return decode(payload, 0)

    return read


def _changed(
    reader: Reader,
    wrote: Registered,
    reads: Registered,
    native: Native,
    domain: RuleRun | None,
    migrations: Sequence[RuleRun],
) -> Callable[[bytes], bytes]:
    guard = None if reader.guard is None else reader.guard()
    old = reader.native(wrote.schema) if migrations else native
    resolve = None if reader.resolve is None or migrations or reads is wrote else reader.resolve()

    def change(payload: bytes) -> bytes:
        if guard is not None:
            guard(payload, 0)
        if migrations:
            plain = _native(old.plain, _native(old.read, payload))
            for each in migrations:
                plain = each(plain)
            value = _native(native.from_plain, plain)
        else:
            payload = payload if resolve is None else resolve(payload)
            value = _native(native.read, payload)
        if domain is not None:
            value = domain(value)
        changed = migrations or (domain is not None and domain.changes)
        return _native(native.write, value) if changed else payload

    return change


def _migrations(
    wrote: Registered, reads: Registered, place: Place, settings: Settings, steps: Sequence[SchemaText]
) -> list[RuleRun]:
    """The rules that lead from one version to another, a step at a time; ``steps`` are in that order."""
    if wrote.version is None or reads.version is None or wrote.version == reads.version:
        return []
    up = wrote.version < reads.version
    found = [
        rule_run(
            "migrationRules", "UPGRADE" if up else "DOWNGRADE", place,
            source=source, target=target, settings=settings,
        )
        for source, target in itertools.pairwise(steps)
    ]  # fmt: skip
    return [each for each in found if each is not None]


def _native(function: Callable[[Any], T], value: Any) -> T:
    """Errors of other libraries name what they were given, so nothing of them is passed on."""
    try:
        return function(value)
    except ConnectError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a library raises for data that it cannot hold
        raise ConversionError(
            f"What the rules of the schema are to be executed on, or made, does not fit it "
            f"({type(error).__name__})"
        ) from None


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ConversionError("A rule for the bytes of a message made something else of them")
