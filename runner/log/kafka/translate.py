"""Turns Java client properties into librdkafka's; all problems are reported at once.

Unknown keys are warned about and dropped: Connect configurations carry many. Values of properties
never appear in a message.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from connectkit.errors import ConfigError
from connectkit.runner.log.kafka import jaas
from connectkit.runner.log.kafka.properties import (
    DANGEROUS,
    DEFAULTS,
    NATIVE,
    PROPERTIES,
    QUIET_PREFIXES,
    Fate,
    Property,
)
from connectkit.runner.log.kafka.tls import translate_tls
from connectkit.runner.log.settings import flag, whole_number

_log = logging.getLogger("connectkit.log.kafka")

_CLIENT_NAMES = {"p": "producer", "c": "consumer", "a": "admin client"}
_OAUTH_HANDLER = "OAuthBearerLoginCallbackHandler"
_INT_MAX = 2**31 - 1
_ASSIGNORS = {
    "rangeassignor": "range",
    "range": "range",
    "roundrobinassignor": "roundrobin",
    "roundrobin": "roundrobin",
    "cooperativestickyassignor": "cooperative-sticky",
    "cooperative-sticky": "cooperative-sticky",
}
COOPERATIVE = "cooperative-sticky"


@dataclass(frozen=True, slots=True)
class Translated:
    """The result: librdkafka's settings, and those that connectkit acts on itself."""

    settings: dict[str, str]
    max_block_ms: int
    max_poll_records: int
    api_timeout_ms: int
    exclude_internal_topics: bool


class _Problems(dict[str, list[str]]):
    def add(self, key: str, sentence: str) -> None:
        self.setdefault(key, []).append(sentence)


def translate(client: str, bootstrap_servers: str, java: Mapping[str, str]) -> Translated:
    """Translate for a client: ``p`` producer, ``c`` consumer, ``a`` admin. Raises ``ConfigError``."""
    java = {key: str(value) for key, value in java.items() if value is not None}
    problems = _Problems()
    known = _known(client)
    native = NATIVE["pca"] | NATIVE[client]
    out: dict[str, str] = {"bootstrap.servers": bootstrap_servers}
    own: dict[str, str] = {}
    for key, value in java.items():
        entry = known.get(key)
        if key in DANGEROUS or key.endswith("_cb"):
            problems.add(
                key, f"is not allowed: it {DANGEROUS.get(key, 'is set by programs, not by configurations')}"
            )
        elif entry is not None and entry.fate is Fate.REFUSED:
            problems.add(key, entry.doc)
        elif entry is not None and entry.fate is Fate.PASSED:
            assert entry.target is not None
            out[entry.target] = value.strip()
        elif key in native:
            own[key] = value.strip()
        elif entry is None:
            _warn_unknown(client, key, [*known, *native])
    _numbers(client, java, out, problems)
    _collect(problems, lambda: _security(java, out, problems))
    translate_tls(java, out, problems.add)
    if java.get("interceptor.classes", "").strip():
        problems.add("interceptor.classes", "names Java code, which cannot be loaded here; remove it")
    if client == "p":
        _collect(problems, lambda: _producer(java, out, problems))
    if client == "c":
        _collect(problems, lambda: _consumer(java, out, problems))
    settings = {**DEFAULTS["pca"], **DEFAULTS[client], **out, **own}
    numbers = {"max.block.ms": 60_000, "max.poll.records": _INT_MAX, "default.api.timeout.ms": 60_000}
    for key, default in numbers.items():
        _collect(
            problems, lambda key=key, default=default: numbers.update({key: whole_number(java, key, default)})
        )
    internal = [True]
    _collect(problems, lambda: internal.append(flag(java, "exclude.internal.topics", True)))
    if problems:
        raise ConfigError(problems=problems)
    return Translated(
        settings,
        numbers["max.block.ms"],
        numbers["max.poll.records"],
        numbers["default.api.timeout.ms"],
        internal[-1],
    )


@lru_cache(maxsize=3)
def _known(client: str) -> dict[str, Property]:
    return {entry.name: entry for entry in PROPERTIES if client in entry.clients}


def _collect(problems: _Problems, step: object) -> None:
    assert callable(step)
    try:
        step()
    except ConfigError as exc:
        for key, sentences in exc.problems.items():
            problems.setdefault(key, []).extend(sentences)


def _warn_unknown(client: str, key: str, names: list[str]) -> None:
    if key.startswith(QUIET_PREFIXES):
        return
    for other in "pca":  # Connect hands the same settings to several kinds of client
        if key in _known(other) or key in NATIVE[other]:
            return
    close = difflib.get_close_matches(key, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    shown = key[:100].encode("unicode_escape").decode()
    _log.warning(
        "the Kafka %s does not know the property %s and leaves it out%s", _CLIENT_NAMES[client], shown, hint
    )


def _numbers(client: str, java: Mapping[str, str], out: dict[str, str], problems: _Problems) -> None:
    """Bring numbers into the range that librdkafka accepts where Java's is wider."""

    def bounded(key: str, target: str, least: int, most: int) -> None:
        if key in java:
            _collect(
                problems,
                lambda: out.update(
                    {target: str(max(least, min(most, whole_number(java, key, 0, least=-1))))}
                ),
            )

    bounded("request.timeout.ms", "socket.timeout.ms", 10, 300_000)
    bounded("metadata.max.age.ms", "topic.metadata.refresh.interval.ms", 10, 3_600_000)
    bounded("receive.buffer.bytes", "socket.receive.buffer.bytes", 0, 100_000_000)
    bounded("send.buffer.bytes", "socket.send.buffer.bytes", 0, 100_000_000)
    bounded("retry.backoff.ms", "retry.backoff.ms", 1, 300_000)
    bounded("retry.backoff.max.ms", "retry.backoff.max.ms", 1, 300_000)
    bounded("reconnect.backoff.ms", "reconnect.backoff.ms", 0, 3_600_000)
    bounded("reconnect.backoff.max.ms", "reconnect.backoff.max.ms", 0, 3_600_000)
    bounded("socket.connection.setup.timeout.ms", "socket.connection.setup.timeout.ms", 1000, _INT_MAX)
    bounded("connections.max.idle.ms", "connections.max.idle.ms", 0, _INT_MAX)
    if client == "p":
        bounded("request.timeout.ms", "request.timeout.ms", 1, 900_000)
        bounded("batch.size", "batch.size", 1, _INT_MAX)
        bounded("delivery.timeout.ms", "delivery.timeout.ms", 1, _INT_MAX)
    if "socket.timeout.ms" in out and "transaction.timeout.ms" in java and client == "p":
        _collect(
            problems,
            lambda: out.update(
                {
                    "socket.timeout.ms": str(
                        min(
                            int(out["socket.timeout.ms"]),
                            max(1000, whole_number(java, "transaction.timeout.ms", 0)),
                        )
                    )
                }
            ),
        )


def _security(java: Mapping[str, str], out: dict[str, str], problems: _Problems) -> None:
    protocol = java.get("security.protocol", "PLAINTEXT").strip().upper()
    mechanism = java.get("sasl.mechanism", java.get("sasl.mechanisms", "GSSAPI")).strip().upper()
    handler = java.get("sasl.login.callback.handler.class", "").strip()
    if handler and handler.rpartition(".")[2] != _OAUTH_HANDLER:
        problems.add(
            "sasl.login.callback.handler.class", "names Java code, which cannot be loaded here; remove it"
        )
    if protocol.startswith("SASL_") and mechanism == "GSSAPI":
        problems.add(
            "sasl.mechanism",
            "is GSSAPI (Java's default), which the packaged librdkafka does not have; "
            "use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
        )
        return
    if "sasl.jaas.config" in java:
        module, options = jaas.parse(java["sasl.jaas.config"])
        _login(module, options, out, problems)
    if mechanism == "OAUTHBEARER" and "sasl.oauthbearer.method" not in java:
        out["sasl.oauthbearer.method"] = "oidc"


def _login(module: str, options: Mapping[str, str], out: dict[str, str], problems: _Problems) -> None:
    if module in (jaas.PLAIN, jaas.SCRAM):
        missing = [name for name in ("username", "password") if name not in options]
        if missing:
            problems.add(jaas.KEY, f"lacks {' and '.join(missing)} (the value is not shown)")
            return
        out["sasl.username"] = options["username"]
        out["sasl.password"] = options["password"]
    elif module == jaas.OAUTHBEARER:
        for option, target in (
            ("clientId", "sasl.oauthbearer.client.id"),
            ("clientSecret", "sasl.oauthbearer.client.secret"),
            ("scope", "sasl.oauthbearer.scope"),
        ):
            if option in options:
                out[target] = options[option]
        extensions = {
            name.removeprefix("extension_"): value
            for name, value in options.items()
            if name.startswith("extension_")
        }
        if extensions:
            out["sasl.oauthbearer.extensions"] = ",".join(
                f"{name}={value}" for name, value in extensions.items()
            )
    else:
        problems.add(
            jaas.KEY,
            "names a login module that is not known here: PlainLoginModule, ScramLoginModule and "
            "OAuthBearerLoginModule of org.apache.kafka are (the value is not shown)",
        )


def _producer(java: Mapping[str, str], out: dict[str, str], problems: _Problems) -> None:
    if "buffer.memory" in java:
        memory_bytes = whole_number(java, "buffer.memory", 0, least=1)
        out["queue.buffering.max.kbytes"] = str(max(1, min(memory_bytes // 1024, _INT_MAX)))
    codec = java.get("compression.type", "none").strip().lower()
    level = java.get(f"compression.{codec}.level")
    if level is not None and codec in ("gzip", "lz4", "zstd"):
        out["compression.level"] = level.strip()
    if java.get("partitioner.class", "").strip():
        problems.add(
            "partitioner.class",
            "names Java code; leave it out for Kafka's default (murmur2 of the key), or set the partition "
            "in a transform",
        )
    if flag(java, "partitioner.ignore.keys", False):
        out["partitioner"] = "random"
    transactional = bool(java.get("transactional.id"))
    if "enable.idempotence" not in java:
        # As ProducerConfig.postProcessAndValidateIdempotenceConfigs: on, unless a setting speaks against it.
        conflicts = (
            java.get("acks", "all").strip() not in ("all", "-1"),
            java.get("retries", "1").strip() == "0",
            whole_number(java, "max.in.flight.requests.per.connection", 5, least=1) > 5,
        )
        out["enable.idempotence"] = str(transactional or not any(conflicts)).lower()
    if out.get("enable.idempotence", "").lower() == "true":
        # What only these two say about retries, librdkafka refuses to combine with idempotence.
        if out.get("retries") == str(_INT_MAX):
            del out["retries"]
    if transactional:
        timeout_ms = whole_number(java, "transaction.timeout.ms", 60_000, least=1000, most=_INT_MAX)
        out["transaction.timeout.ms"] = str(timeout_ms)
        if "delivery.timeout.ms" in out:
            # Java lets a delivery outlast its transaction; the broker aborts that anyway.
            out["delivery.timeout.ms"] = str(min(timeout_ms, int(out["delivery.timeout.ms"])))
    if "linger.ms" in java and "delivery.timeout.ms" in out:
        linger_ms = whole_number(java, "linger.ms", 5)
        if int(out["delivery.timeout.ms"]) <= linger_ms:
            problems.add("delivery.timeout.ms", "must be larger than linger.ms")


def _consumer(java: Mapping[str, str], out: dict[str, str], problems: _Problems) -> None:
    reset = java.get("auto.offset.reset")
    if reset is not None:
        word = reset.strip().lower()
        if word not in ("earliest", "latest", "none"):
            problems.add(
                "auto.offset.reset", "must be earliest, latest or none (by_duration is not supported)"
            )
        else:
            out["auto.offset.reset"] = "error" if word == "none" else word
    strategy = java.get("partition.assignment.strategy")
    if strategy is not None:
        names = []
        for part in strategy.split(","):
            name = part.strip().rpartition(".")[2].lower() if "." in part else part.strip().lower()
            if name not in _ASSIGNORS:
                problems.add(
                    "partition.assignment.strategy",
                    "names an assignor that librdkafka does not have; use RangeAssignor, RoundRobinAssignor "
                    "or CooperativeStickyAssignor",
                )
                return
            names.append(_ASSIGNORS[name])
        # Eager and cooperative assignors cannot be mixed in librdkafka: the kind of the first one wins.
        cooperative = names[0] == COOPERATIVE
        out["partition.assignment.strategy"] = ",".join(n for n in names if (n == COOPERATIVE) == cooperative)
    if "fetch.max.bytes" in java:
        fetch_bytes = max(1000, whole_number(java, "fetch.max.bytes", 0, most=_INT_MAX - 512))
        out["fetch.max.bytes"] = str(fetch_bytes)
        # librdkafka wants no less than its limit for records, which has no meaning for a consumer.
        out["message.max.bytes"] = str(min(fetch_bytes, 1_000_000))
