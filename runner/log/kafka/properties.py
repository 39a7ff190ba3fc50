"""What becomes of each client property: data, from which the reference page is made.

Names are those of the Java clients 4.3 (``ProducerConfig``, ``ConsumerConfig``, ``AdminClientConfig``),
targets those of librdkafka 2.16 (its ``CONFIGURATION.md``). ``translate`` acts on this table.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Fate(Enum):
    """What is done with a property."""

    PASSED = "passed on"
    OURS = "acted on by connectkit"
    IGNORED = "without effect here"
    REFUSED = "refused"


class Property(NamedTuple):
    """One Java property: which clients have it (p, c, a), what becomes of it, and why."""

    name: str
    clients: str
    fate: Fate
    target: str | None
    doc: str


def _p(name: str, clients: str, doc: str, target: str | None = None) -> Property:
    return Property(name, clients, Fate.PASSED, target or name, doc)


def _o(name: str, clients: str, doc: str) -> Property:
    return Property(name, clients, Fate.OURS, None, doc)


def _i(name: str, clients: str, doc: str) -> Property:
    return Property(name, clients, Fate.IGNORED, None, doc)


def _r(name: str, clients: str, doc: str) -> Property:
    return Property(name, clients, Fate.REFUSED, None, doc)


_JVM = "Belongs to the JVM."
_METRICS = "The Java client's own metrics; connectkit has its own."
_NO_JAVA = "names Java code, which cannot be loaded here; remove it"
_KERBEROS = (
    "belongs to Kerberos (GSSAPI), which the packaged librdkafka does not have; use SCRAM or OAUTHBEARER"
)

PROPERTIES: tuple[Property, ...] = (
    # --- connection ---
    _o("bootstrap.servers", "pca", "Addresses of some brokers; the log's own wins."),
    _p("client.id", "pca", "Name shown in the broker's logs and quotas."),
    _p("client.rack", "c", "Rack of this client, for fetching from the nearest replica."),
    _p("client.dns.lookup", "pca", "How names are resolved."),
    _p("connections.max.idle.ms", "pca", "Close connections idle for this long."),
    _p("reconnect.backoff.ms", "pca", "First wait before connecting again (default 50, as Java)."),
    _p("reconnect.backoff.max.ms", "pca", "Longest wait before connecting again (default 1000, as Java)."),
    _p("retry.backoff.ms", "pca", "First wait before a request is repeated."),
    _p("retry.backoff.max.ms", "pca", "Longest wait before a request is repeated."),
    _p(
        "request.timeout.ms",
        "pca",
        "Time for one request (socket.timeout.ms, at most 300000).",
        "socket.timeout.ms",
    ),
    _p("socket.connection.setup.timeout.ms", "pca", "Time to set up a connection (at least 1000)."),
    _i(
        "socket.connection.setup.timeout.max.ms", "pca", "The time to set up a connection does not grow here."
    ),
    _p("receive.buffer.bytes", "pca", "TCP receive buffer; -1 the system's.", "socket.receive.buffer.bytes"),
    _p("send.buffer.bytes", "pca", "TCP send buffer; -1 the system's.", "socket.send.buffer.bytes"),
    _p("metadata.max.age.ms", "pca", "Refresh of topic metadata.", "topic.metadata.refresh.interval.ms"),
    _i("metadata.max.idle.ms", "p", "Unused topics stay cached."),
    _p("metadata.recovery.strategy", "pca", "Whether to bootstrap anew when all known brokers are gone."),
    _p("metadata.recovery.rebootstrap.trigger.ms", "pca", "When to bootstrap anew."),
    _p("enable.metrics.push", "pca", "Client metrics pushed to the broker, KIP-714 (default false)."),
    _o("default.api.timeout.ms", "ca", "Time for calls that wait for an answer (default 60000)."),
    _r("bootstrap.controllers", "a", "is not supported: name brokers in bootstrap.servers"),
    # --- security ---
    _p("security.protocol", "pca", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."),
    _p("sasl.mechanism", "pca", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER."),
    _o("sasl.jaas.config", "pca", "Login module of PLAIN, SCRAM or OAUTHBEARER; its options are taken over."),
    _r("sasl.client.callback.handler.class", "pca", _NO_JAVA),
    _o(
        "sasl.login.callback.handler.class",
        "pca",
        "Kafka's OAuthBearerLoginCallbackHandler only; it is built in.",
    ),
    _r("sasl.login.class", "pca", _NO_JAVA),
    _r("sasl.kerberos.kinit.cmd", "pca", "is a shell command and never taken from a configuration"),
    _r("sasl.kerberos.service.name", "pca", _KERBEROS),
    _i("sasl.kerberos.min.time.before.relogin", "pca", "Kerberos is not available."),
    _i("sasl.kerberos.ticket.renew.jitter", "pca", "Kerberos is not available."),
    _i("sasl.kerberos.ticket.renew.window.factor", "pca", "Kerberos is not available."),
    _i("sasl.login.connect.timeout.ms", "pca", "Token requests have their own time-out."),
    _i("sasl.login.read.timeout.ms", "pca", "Token requests have their own time-out."),
    _i("sasl.login.refresh.buffer.seconds", "pca", "Tokens are refreshed at 80 % of their life."),
    _i("sasl.login.refresh.min.period.seconds", "pca", "Tokens are refreshed at 80 % of their life."),
    _i("sasl.login.refresh.window.factor", "pca", "Tokens are refreshed at 80 % of their life."),
    _i("sasl.login.refresh.window.jitter", "pca", "Tokens are refreshed at 80 % of their life."),
    _i("sasl.login.retry.backoff.max.ms", "pca", "Token requests are retried at librdkafka's pace."),
    _i("sasl.login.retry.backoff.ms", "pca", "Token requests are retried at librdkafka's pace."),
    _p("sasl.oauthbearer.token.endpoint.url", "pca", "Where tokens come from."),
    _p("sasl.oauthbearer.client.credentials.client.id", "pca", "Client id for the token request."),
    _p("sasl.oauthbearer.client.credentials.client.secret", "pca", "Client secret for the token request."),
    _p("sasl.oauthbearer.scope", "pca", "Scope of the token request."),
    _p("sasl.oauthbearer.sub.claim.name", "pca", "Claim with the principal's name."),
    _p("sasl.oauthbearer.assertion.algorithm", "pca", "Signature of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.aud", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.exp.seconds", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.iss", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.jti.include", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.nbf.seconds", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.claim.sub", "pca", "Claim of a JWT assertion."),
    _p("sasl.oauthbearer.assertion.file", "pca", "File with a ready JWT assertion."),
    _p("sasl.oauthbearer.assertion.private.key.file", "pca", "Key that signs a JWT assertion."),
    _p("sasl.oauthbearer.assertion.private.key.passphrase", "pca", "Its pass phrase."),
    _p(
        "sasl.oauthbearer.assertion.template.file",
        "pca",
        "Template of a JWT assertion.",
        "sasl.oauthbearer.assertion.jwt.template.file",
    ),
    _i("sasl.oauthbearer.clock.skew.seconds", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.expected.audience", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.expected.issuer", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.header.urlencode", "pca", "Client id and secret are sent as they are."),
    _i("sasl.oauthbearer.jwks.endpoint.refresh.ms", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.jwks.endpoint.url", "pca", "Checked by brokers."),
    _i("sasl.oauthbearer.scope.claim.name", "pca", "Checked by brokers."),
    _r("sasl.oauthbearer.jwt.retriever.class", "pca", _NO_JAVA),
    _r("sasl.oauthbearer.jwt.validator.class", "pca", _NO_JAVA),
    _o("ssl.truststore.type", "pca", "PEM; JKS and PKCS12 trust stores must be exported to PEM."),
    _o("ssl.truststore.location", "pca", "PEM file with trusted certificates (ssl.ca.location)."),
    _o("ssl.truststore.certificates", "pca", "Trusted certificates as PEM text (ssl.ca.pem)."),
    _i("ssl.truststore.password", "pca", "PEM trust stores have none."),
    _o("ssl.keystore.type", "pca", "PEM or PKCS12; a JKS key store must be converted."),
    _o("ssl.keystore.location", "pca", "PEM file with key and chain, or PKCS#12 file."),
    _o("ssl.keystore.key", "pca", "Private key as PEM text (ssl.key.pem)."),
    _o("ssl.keystore.certificate.chain", "pca", "Certificate chain as PEM text (ssl.certificate.pem)."),
    _o("ssl.keystore.password", "pca", "Password of a PKCS#12 key store."),
    _o("ssl.key.password", "pca", "Password of the private key."),
    _o("ssl.endpoint.identification.algorithm", "pca", "https, or empty to skip the host name check."),
    _p("ssl.cipher.suites", "pca", "Cipher suites by their OpenSSL names."),
    _i("ssl.enabled.protocols", "pca", "OpenSSL negotiates TLS 1.2 or newer."),
    _i("ssl.protocol", "pca", "OpenSSL negotiates TLS 1.2 or newer."),
    _i("ssl.provider", "pca", _JVM),
    _i("ssl.keymanager.algorithm", "pca", _JVM),
    _i("ssl.trustmanager.algorithm", "pca", _JVM),
    _i("ssl.secure.random.implementation", "pca", _JVM),
    _r("ssl.engine.factory.class", "pca", _NO_JAVA),
    _r("security.providers", "pca", _NO_JAVA),
    # --- producer ---
    _p("acks", "p", "Acknowledgements a record needs: all, 1 or 0."),
    _p("batch.size", "p", "Bytes of a batch to one partition (default 1000000)."),
    _p("linger.ms", "p", "Wait for a batch to fill."),
    _p("compression.type", "p", "none, gzip, snappy, lz4 or zstd."),
    _o("compression.gzip.level", "p", "Level, if compression.type is gzip."),
    _o("compression.lz4.level", "p", "Level, if compression.type is lz4."),
    _o("compression.zstd.level", "p", "Level, if compression.type is zstd."),
    _p("max.request.size", "p", "Largest record or request in bytes.", "message.max.bytes"),
    _o("buffer.memory", "p", "Bytes buffered before send waits (default 33554432)."),
    _o("max.block.ms", "p", "How long send waits for room in the buffer (default 60000)."),
    _p("delivery.timeout.ms", "p", "After this a record has failed; 2147483647: never."),
    _p("retries", "pa", "How often a request is repeated."),
    _p(
        "max.in.flight.requests.per.connection",
        "p",
        "Unanswered requests; order needs 1, or idempotence and ≤ 5.",
    ),
    _p(
        "enable.idempotence",
        "p",
        "No duplicates by retries (default as Java: true if acks and retries allow).",
    ),
    _p("transactional.id", "p", "Identity that transactions and fencing go by."),
    _p("transaction.timeout.ms", "p", "The broker aborts transactions open longer."),
    _r("transaction.two.phase.commit.enable", "p", "is not supported; remove it"),
    _o("partitioner.class", "p", "Must be empty: the default partitioner, murmur2 of the key, is built in."),
    _o("partitioner.ignore.keys", "p", "true: records are spread regardless of their keys."),
    _i(
        "partitioner.adaptive.partitioning.enable",
        "p",
        "Records without a key stay on a partition for 10 ms.",
    ),
    _i("partitioner.availability.timeout.ms", "p", "Records without a key stay on a partition for 10 ms."),
    # --- consumer ---
    _p("group.id", "c", "The consumer group."),
    _p("group.instance.id", "c", "Static membership."),
    _p("group.protocol", "c", "classic or consumer (KIP-848)."),
    _p("group.remote.assignor", "c", "Assignor of the broker, with group.protocol=consumer."),
    _p("session.timeout.ms", "c", "A member silent for this long is dead."),
    _p("heartbeat.interval.ms", "c", "How often a member shows that it lives."),
    _p("max.poll.interval.ms", "c", "A member that does not consume for this long loses its partitions."),
    _o(
        "partition.assignment.strategy",
        "c",
        "Range, RoundRobin or CooperativeSticky, by Java class or short name.",
    ),
    _p("enable.auto.commit", "c", "Commit in the background (Connect sets false)."),
    _p("auto.commit.interval.ms", "c", "How often."),
    _o("auto.offset.reset", "c", "earliest, latest or none."),
    _p("isolation.level", "c", "read_uncommitted (default, as Java) or read_committed."),
    _p("fetch.min.bytes", "c", "The broker waits for this much."),
    _p("fetch.max.bytes", "c", "Bytes of one fetch."),
    _p("fetch.max.wait.ms", "c", "The broker waits this long.", "fetch.wait.max.ms"),
    _p("max.partition.fetch.bytes", "c", "Bytes of one partition in a fetch."),
    _p("check.crcs", "c", "Check the CRC of fetched batches (default false)."),
    _p("allow.auto.create.topics", "c", "Subscribing may create a topic (default true, as Java)."),
    _o("max.poll.records", "c", "Largest batch that consume returns."),
    _o("exclude.internal.topics", "c", "A pattern does not match the broker's own topics (default true)."),
    _i("internal.throw.on.fetch.stable.offset.unsupported", "c", _JVM),
    _i("share.acknowledgement.mode", "c", "Share groups are not used."),
    _i("share.acquire.mode", "c", "Share groups are not used."),
    # --- what a JVM would load ---
    _i("key.serializer", "p", "Records are bytes here."),
    _i("value.serializer", "p", "Records are bytes here."),
    _i("key.deserializer", "c", "Records are bytes here."),
    _i("value.deserializer", "c", "Records are bytes here."),
    _o("interceptor.classes", "pc", "Must be empty: interceptors are Java code."),
    _i("metric.reporters", "pca", _METRICS),
    _i("metrics.num.samples", "pca", _METRICS),
    _i("metrics.recording.level", "pca", _METRICS),
    _i("metrics.sample.window.ms", "pca", _METRICS),
    _i("config.providers", "pca", "Resolved by the worker."),
)

QUIET_PREFIXES = ("metrics.context.", "config.providers.")
"""Keys that Connect adds to every client; dropped without a word."""

NATIVE = {
    # librdkafka's own names that are harmless and may be given beside Java's.
    "pca": frozenset(
        """
        api.version.request.timeout.ms broker.address.family broker.address.ttl debug
        log.connection.close log_level message.max.bytes receive.message.max.bytes message.copy.max.bytes
        enable.random.seed metadata.broker.list sasl.mechanisms sasl.username sasl.password
        sasl.oauthbearer.client.id sasl.oauthbearer.client.secret sasl.oauthbearer.config
        sasl.oauthbearer.extensions sasl.oauthbearer.grant.type sasl.oauthbearer.method
        sasl.oauthbearer.assertion.private.key.pem sasl.oauthbearer.assertion.jwt.template.file
        sasl.oauthbearer.metadata.authentication.type enable.sasl.oauthbearer.unsecure.jwt
        enable.ssl.certificate.verification ssl.ca.location ssl.ca.pem ssl.ca.certificate.stores
        ssl.certificate.location ssl.certificate.pem ssl.crl.location ssl.curves.list ssl.key.location
        ssl.key.pem ssl.sigalgs.list https.ca.location https.ca.pem socket.keepalive.enable
        socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes
        socket.timeout.ms topic.metadata.propagation.max.ms topic.metadata.refresh.fast.interval.ms
        topic.metadata.refresh.interval.ms topic.metadata.refresh.sparse
        """.split()
    ),
    "p": frozenset(
        """
        batch.num.messages compression.codec compression.level enable.gapless.guarantee
        max.in.flight message.send.max.retries message.timeout.ms partitioner
        queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages
        queue.buffering.max.ms request.required.acks sticky.partitioning.linger.ms
        """.split()
    ),
    "c": frozenset(
        """
        coordinator.query.interval.ms enable.auto.offset.store fetch.error.backoff.ms
        fetch.message.max.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.protocol.type
        queued.max.messages.kbytes queued.min.messages
        """.split()
    ),
    "a": frozenset[str](),
}

DANGEROUS: dict[str, str] = {
    "plugin.library.paths": "loads code",
    "interceptors": "loads code",
    "ssl.engine.location": "loads code",
    "ssl.engine.id": "loads code",
    "ssl_engine_callback_data": "loads code",
    "ssl.providers": "loads code",
    "sasl.kerberos.kinit.cmd": "is a shell command",
    "sasl.kerberos.keytab": _KERBEROS,
    "sasl.kerberos.principal": _KERBEROS,
    "opaque": "is set by programs, not by configurations",
    "default_topic_conf": "is set by programs, not by configurations",
    "default.topic.config": "is set by programs, not by configurations",
    "enabled_events": "is set by programs, not by configurations",
    "logger": "is set by programs, not by configurations",
    "on_commit": "is set by programs, not by configurations",
    "on_delivery": "is set by programs, not by configurations",
    "offset.store.path": "writes files",
    "test.mock.num.brokers": "replaces the cluster by a mock",
}
"""librdkafka's own properties that are refused outright; so is every name that ends in ``_cb``."""


DEFAULTS: dict[str, dict[str, str]] = {
    "pca": {
        "reconnect.backoff.ms": "50",
        "reconnect.backoff.max.ms": "1000",
        "enable.metrics.push": "false",
        "log.connection.close": "false",
    },
    "p": {
        "partitioner": "murmur2_random",
        "message.max.bytes": "1048576",
        "queue.buffering.max.kbytes": "32768",
        "max.in.flight.requests.per.connection": "5",
    },
    "c": {
        "isolation.level": "read_uncommitted",
        "allow.auto.create.topics": "true",
        "auto.offset.reset": "latest",
        # With librdkafka's 1000 ms a reader that fills the queue waits out the second: 120,000 records/s.
        "fetch.queue.backoff.ms": "2",
        # Read ahead for tens of milliseconds, not for a hundred megabytes a task.
        "queued.min.messages": "50000",
        "queued.max.messages.kbytes": "32768",
    },
    "a": {},
}
"""Defaults that differ from librdkafka's: Java's, unless a comment says otherwise."""
