"""A registry over HTTP, through confluent-kafka's client: Java's option names, errors by recovery.

Source: spec registry 7, 8, 10.1. Thread-safe. What the client keeps of answers is dropped after each
call: it has no bound, and :mod:`client` keeps what is to be kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeVar

from connectkit.converters.registry.extra import NEEDS
from connectkit.converters.registry.port import LATEST, NO_ID, Reference, Registered, SchemaKind, SchemaText
from connectkit.converters.registry.settings import ClientSettings
from connectkit.errors import (
    ConfigError,
    ConflictError,
    ConnectError,
    DataError,
    FatalTaskError,
    NotFoundError,
    RetriableError,
    SchemaError,
)

try:
    from confluent_kafka.schema_registry import Metadata as _Metadata
    from confluent_kafka.schema_registry import RuleSet as _RuleSet
    from confluent_kafka.schema_registry import Schema as _Schema
    from confluent_kafka.schema_registry import SchemaReference as _Reference
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    from connectkit.converters.registry.oauth import OAuthTokens
    from connectkit.converters.registry.session import AnswerError, HttpError, guarded_session
except ModuleNotFoundError as exc:
    raise ModuleNotFoundError(f"A schema registry over HTTP {NEEDS}") from exc

T = TypeVar("T")
_PASSING: Final = frozenset((408, 429, 500, 502, 503, 504))
_KINDS: Final[dict[str | None, SchemaKind]] = {
    None: "AVRO", "AVRO": "AVRO", "PROTOBUF": "PROTOBUF", "JSON": "JSON",
}  # fmt: skip
_MAX_ID: Final = 2**31 - 1
_INCOMPATIBILITY: Final = re.compile(r"errorType:\s*'([A-Z_]{1,80})'")


class HttpRegistry:
    """The registry at the client's address."""

    def __init__(self, settings: ClientSettings) -> None:
        self._where = str(settings.client["url"])
        try:
            self._client = SchemaRegistryClient(dict(settings.client))
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            raise ConfigError(
                f"The schema registry's client cannot be made ({type(exc).__name__}); are the files of "
                "schema.registry.ssl.* there, readable, and PEM, and is basic.auth.user.info user:password?"
            ) from exc
        rest = self._client._rest_client
        rest.session.close()
        self._tokens: Any = None
        auth: Any = rest.auth
        if settings.oauth is not None:
            self._tokens = guarded_session(
                verify=rest.verify, auth=None, proxy=rest.proxy, headers={},
                connect_timeout_s=settings.connect_timeout_s, read_timeout_s=settings.read_timeout_s,
            )  # fmt: skip
            auth = OAuthTokens(settings.oauth, self._tokens)
        rest.session = guarded_session(
            verify=rest.verify,
            auth=auth,
            proxy=rest.proxy,
            headers=settings.headers,
            connect_timeout_s=settings.connect_timeout_s,
            read_timeout_s=settings.read_timeout_s,
        )

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        return self._ask(
            f"registering a schema for subject '{subject}'",
            lambda: _in(
                self._client.register_schema_full_response(subject, _out(schema), normalize), subject, schema
            ),
        )

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        return self._ask(
            f"looking up a schema of subject '{subject}'",
            lambda: _in(
                self._client.lookup_schema(subject, _out(schema), normalize, deleted=deleted), subject, schema
            ),
        )

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        return self._ask(
            f"reading the schema of id {schema_id}",
            lambda: Registered(_text(self._client.get_schema(schema_id, subject)), schema_id),
        )

    def by_guid(self, guid: str) -> Registered:
        return self._ask(
            f"reading the schema of GUID {guid}",
            lambda: Registered(_text(self._client.get_schema_by_guid(guid)), NO_ID, guid=guid),
        )

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        return self._ask(
            f"reading {'the newest version' if version == LATEST else f'version {version}'} of '{subject}'",
            lambda: _in(
                self._client.get_latest_version(subject)
                if version == LATEST
                else self._client.get_version(subject, version, deleted),
                subject,
            ),
        )

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        return self._ask(
            f"reading a version of '{subject}' by its metadata",
            lambda: _in(self._client.get_latest_with_metadata(subject, dict(metadata)), subject),
        )

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        def ask() -> list[str]:
            found: Iterable[Any] = self._client.get_associations_by_resource_name(
                topic, namespace, "topic", [kind]
            )
            return [str(each.subject) for each in found]

        return self._ask(f"reading the subjects of topic '{topic}'", ask, otherwise=list)

    def subjects(self) -> list[str]:
        return self._ask("listing the subjects", lambda: sorted(map(str, self._client.get_subjects())))

    def versions(self, subject: str) -> list[Registered]:
        numbers = self._ask(
            f"listing the versions of '{subject}'",
            lambda: sorted(map(int, self._client.get_versions(subject))),
        )
        return [self.version(subject, number) for number in numbers]

    def level(self, subject: str) -> str:
        def ask(name: str | None) -> str:
            return str(self._client.get_compatibility(name))

        what = f"reading the compatibility level of '{subject}'"
        return self._ask(what, lambda: ask(subject), otherwise=str) or self._ask(what, lambda: ask(None))

    def close(self) -> None:
        self._client.close()
        if self._tokens is not None:
            self._tokens.close()

    def _ask(self, what: str, request: Callable[[], T], *, otherwise: Callable[[], T] | None = None) -> T:
        """``otherwise`` is the answer of a registry that has no such thing, or does not know of such."""
        try:
            return request()
        except SchemaRegistryError as error:
            if error.http_status_code in (404, 405) and otherwise is not None:
                return otherwise()
            raise _translated(what, error, self._where) from error
        except AnswerError as error:
            raise RetriableError(
                f"The schema registry at {self._where} gave an answer that is not read while {what}: {error}"
            ) from error
        except HttpError as error:
            raise RetriableError(
                f"The schema registry at {self._where} cannot be reached ({type(error).__name__}) while "
                f"{what}; check schema.registry.url and that it runs"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RetriableError(
                f"What answers at {self._where} is no schema registry's answer ({type(error).__name__} while "
                f"{what}); check schema.registry.url"
            ) from error
        finally:
            self._client.clear_caches()  # type: ignore[no-untyped-call]


def _translated(what: str, error: SchemaRegistryError, where: str) -> ConnectError:
    """The error by what to do next (spec registry 8); the registry's own words may hold parts of a schema."""
    status, code = error.http_status_code, error.error_code
    told = f"The schema registry answered {status} (code {code}) while {what}"
    if status in (401, 403):
        return FatalTaskError(f"{told}; check basic.auth.user.info or the token, and the user's rights")
    if 300 <= status < 400:
        return FatalTaskError(
            f"The schema registry at {where} redirects, which is not followed, while {what}; put the address "
            "that it redirects to into schema.registry.url"
        )
    if status == 404 and isinstance(code, int) and 40400 <= code < 40500:
        return NotFoundError(told)
    if status == 404:
        return FatalTaskError(
            f"What answers at {where} knows no such request of a schema registry (404 while {what}); does "
            "schema.registry.url lack a path, such as /apis/ccompat/v7?"
        )
    if status == 409:
        kinds = ", ".join(dict.fromkeys(_INCOMPATIBILITY.findall(str(error.error_message))[:5]))
        return ConflictError(
            f"{told}: the schema is not compatible with the subject's{f' ({kinds})' if kinds else ''}; "
            "change it, or the level"
        )
    if status == 422:
        return SchemaError(f"{told}: it does not take the schema")
    if status in _PASSING:
        return RetriableError(told)
    return DataError(told)


def _out(schema: SchemaText) -> _Schema:
    references = [_Reference(each.name, each.subject, each.version) for each in schema.references]
    metadata = None if schema.metadata is None else _Metadata.from_dict(dict(schema.metadata))
    rule_set = None if schema.rule_set is None else _RuleSet.from_dict(dict(schema.rule_set))
    return _Schema(schema.text, schema.kind, references, metadata, rule_set)


def _text(found: Any) -> SchemaText:
    kind = _KINDS.get(found.schema_type)
    if kind is None or not isinstance(found.schema_str, str):
        raise DataError("The schema registry gave a schema of a kind that is not known")
    references = tuple(Reference(each.name, each.subject, each.version) for each in found.references or ())
    for each in references:
        if not (
            isinstance(each.name, str) and isinstance(each.subject, str) and isinstance(each.version, int)
        ):
            raise TypeError("a reference that is none")
    return SchemaText(found.schema_str, kind, references, _plain(found.metadata), _plain(found.rule_set))


def _plain(found: Any) -> Mapping[str, Any] | None:
    made: dict[str, Any] = {} if found is None else found.to_dict()
    return {name: value for name, value in made.items() if value not in (None, [], {})} or None


def _in(found: Any, subject: str, schema: SchemaText | None = None) -> Registered:
    """What the registry says of a schema; older ones do not repeat the schema that they were given."""
    is_repeated = isinstance(getattr(found.schema, "schema_str", None), str)
    text = schema if schema is not None and not is_repeated else _text(found.schema)
    if type(found.schema_id) is not int or not 0 <= found.schema_id <= _MAX_ID:
        raise ValueError("an id that is none")
    return Registered(text, found.schema_id, subject, found.version, found.guid)
