"""Types, defaults and importance of the client options that connectors override.

For ``producer.override.*``, ``consumer.override.*`` and ``admin.override.*``: a value of the wrong type is
told when a connector is validated, and a form can show the option as Kafka's does. Options that are not
here are texts. Source: ``ProducerConfig``, ``ConsumerConfig`` and ``AdminClientConfig`` of Kafka 4.3.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from connectkit.kinds import Importance, Kind, parse_kind

_KINDS: Final = {"i": Kind.INT, "l": Kind.LONG, "b": Kind.BOOLEAN, "s": Kind.STRING, "d": Kind.DOUBLE}
_IMPORTANCES: Final = {"H": Importance.HIGH, "M": Importance.MEDIUM, "L": Importance.LOW}


class ClientOption(NamedTuple):
    """One option of a client."""

    kind: Kind
    default: str | None
    importance: Importance


# Name, type, importance, default (- is none, empty an empty text).
_COMMON = """
client.id s M
client.dns.lookup s M use_all_dns_ips
connections.max.idle.ms l M 540000
metadata.max.age.ms l L 300000
metadata.recovery.rebootstrap.trigger.ms l L 300000
metadata.recovery.strategy s L rebootstrap
metrics.num.samples i L 2
metrics.recording.level s L INFO
metrics.sample.window.ms l L 30000
reconnect.backoff.max.ms l L 1000
reconnect.backoff.ms l L 50
request.timeout.ms i M 30000
retry.backoff.max.ms l L 1000
retry.backoff.ms l L 100
send.buffer.bytes i M 131072
socket.connection.setup.timeout.max.ms l M 30000
socket.connection.setup.timeout.ms l M 10000
security.protocol s M PLAINTEXT
sasl.mechanism s M GSSAPI
sasl.kerberos.service.name s M -
sasl.login.connect.timeout.ms i L -
sasl.login.read.timeout.ms i L -
sasl.login.retry.backoff.max.ms l L 10000
sasl.login.retry.backoff.ms l L 100
ssl.endpoint.identification.algorithm s L https
ssl.protocol s M TLSv1.3
ssl.keystore.type s M JKS
ssl.truststore.type s M JKS
"""
_PRODUCER = """
acks s L all
batch.size i M 16384
buffer.memory l H 33554432
compression.type s H none
compression.gzip.level i M -1
compression.lz4.level i M 9
compression.zstd.level i M 3
delivery.timeout.ms i M 120000
enable.idempotence b L true
enable.metrics.push b L true
linger.ms l M 5
max.block.ms l M 60000
max.in.flight.requests.per.connection i L 5
max.request.size i M 1048576
metadata.max.idle.ms l L 300000
partitioner.adaptive.partitioning.enable b L true
partitioner.availability.timeout.ms l L 0
partitioner.ignore.keys b M false
receive.buffer.bytes i M 32768
retries i H 2147483647
transaction.timeout.ms i L 60000
transactional.id s L -
"""
_CONSUMER = """
allow.auto.create.topics b M true
auto.commit.interval.ms i L 5000
auto.offset.reset s M latest
check.crcs b L true
client.rack s L
default.api.timeout.ms i M 60000
enable.auto.commit b M true
enable.metrics.push b L true
exclude.internal.topics b M true
fetch.max.bytes i M 52428800
fetch.max.wait.ms i L 500
fetch.min.bytes i H 1
group.id s H -
group.instance.id s M -
group.protocol s H classic
heartbeat.interval.ms i H 3000
isolation.level s M read_uncommitted
max.partition.fetch.bytes i H 1048576
max.poll.interval.ms i M 300000
max.poll.records i M 500
receive.buffer.bytes i M 65536
session.timeout.ms i H 45000
"""
_ADMIN = """
default.api.timeout.ms i M 60000
enable.metrics.push b L true
receive.buffer.bytes i M 65536
retries i L 2147483647
"""


def _table(*texts: str) -> dict[str, ClientOption]:
    found = {}
    for line in "\n".join(texts).splitlines():
        if line:
            name, kind, importance, *default = line.split(" ")
            text = default[0] if default else ""
            option = ClientOption(_KINDS[kind], None if text == "-" else text, _IMPORTANCES[importance])
            found[name] = option
    return found


CLIENT_OPTIONS: Final = {
    "producer": _table(_COMMON, _PRODUCER),
    "consumer": _table(_COMMON, _CONSUMER),
    "admin": _table(_COMMON, _ADMIN),
}


def value_problem(client: str, name: str, value: str) -> str | None:
    """What is wrong with a value of a client's option, as far as its type goes."""
    option = CLIENT_OPTIONS[client].get(name)
    if option is None:
        return None
    try:
        parse_kind(value, option.kind)
    except ValueError as exc:
        return str(exc)
    return None
