"""Which client options a connector may override, by the worker's policy (KIP-458 and after).

Kafka's policies ``All``, ``None``, ``Principal`` and ``Allowlist``; the default here is ``Allowlist`` with
the harmless tuning options of ``GREEN_LIST``. Whatever the policy, a connector's configuration never
sets what reads files, loads code, or decides where and as whom a client connects (``red_reason``), but
where the worker's file allows exactly that option; what loads code not even then.
Source: runtime 1.7, reliability 3.3. Immutable.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from connectkit.suggest import did_you_mean

POLICIES: Final = ("None", "Allowlist", "Principal", "All")
GREEN_LIST: Final = (
    "auto.offset.reset",
    "batch.size",
    "buffer.memory",
    "client.rack",
    "compression.type",
    "delivery.timeout.ms",
    "fetch.*",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "max.request.size",
    "metadata.max.age.ms",
    "request.timeout.ms",
    "session.timeout.ms",
)
_PRINCIPAL: Final = frozenset(("sasl.jaas.config", "sasl.mechanism", "security.protocol"))

# Loads or runs code, or hands over objects: no list can allow these.
_CODE: Final = re.compile(
    r"plugin\.library\.paths|ssl\.engine\..*|ssl\.engines?|ssl\.providers?|sasl\.kerberos\.kinit\.cmd|.*_cb"
    r"|interceptors?|interceptor\.classes|opaque|.*callback\.handler\.class|.*login\.class"
    r"|security\.providers|builtin\.features"
)
_FILES: Final = re.compile(r".*\.location|.*\.file|.*\.keytab|offset\.store\.path|.*\.path")
_IDENTITY: Final = re.compile(
    r".*\.url|.*metadata\.authentication.*|bootstrap\.servers|metadata\.broker\.list|security\.protocol"
    r"|sasl\..*|ssl\..*|enable\.ssl\.certificate\.verification|enable\.sasl\.oauthbearer\.unsecure\.jwt"
    r"|socks\.proxy|bootstrap\.controllers|client\.dns\.lookup"
)
_NOISE: Final = re.compile(r"debug|log_.*|log\..*|logger|stats_.*|statistics\..*")
_DELIVERY: Final = re.compile(
    r"enable\.auto\.commit|enable\.auto\.offset\.store|auto\.commit\..*|transactional\.id"
    r"|(key|value)\.(de)?serializer|default\.topic\.config"
)


def red_reason(name: str) -> tuple[str, bool] | None:
    """Why no policy lets a connector set this client option, and whether the worker can allow it by name.

    None if policies decide. librdkafka's names are meant as well as Java's, in any case.
    """
    name = name.strip().lower()
    if _CODE.fullmatch(name):
        return "loads or runs code", False
    if _FILES.fullmatch(name):
        return "reads or writes files of the worker", True
    if _IDENTITY.fullmatch(name):
        return "decides where and as whom the client connects", True
    if _NOISE.fullmatch(name):
        return "makes the client print its settings", True
    if _DELIVERY.fullmatch(name):
        return "belongs to the worker, which keeps its delivery promises by it", False
    return None


def is_policy(name: str) -> str | None:
    """The check of ``connector.client.config.override.policy``."""
    if _policy(name) in POLICIES:
        return None
    return f"must be one of: {', '.join(POLICIES)}{did_you_mean(name, POLICIES)}"


def _policy(name: str) -> str:
    """The short name; the full Java class name and ``…ConnectorClientConfigOverridePolicy`` are allowed."""
    return name.rpartition(".")[2].removesuffix("ConnectorClientConfigOverridePolicy")


@dataclass(frozen=True, slots=True)
class OverridePolicy:
    """A worker's policy; ``problem`` judges one option of one client."""

    policy: str = "Allowlist"
    allowlist: Collection[str] = GREEN_LIST

    def problem(self, name: str) -> str | None:
        """What is wrong with overriding the client option ``name``, or None if it is allowed."""
        red = red_reason(name)
        listed = self._listed(name.strip().lower())
        policy = _policy(self.policy)
        if policy == "Principal" and name in _PRINCIPAL:
            return None
        if red is not None:
            reason, can_be_allowed = red
            exactly = any(name.strip().lower() == each.strip().lower() for each in self.allowlist)
            if can_be_allowed and policy in ("Allowlist", "All") and exactly:
                return None
            way_out = (
                "set it in the worker's file, or name it there in connector.client.config.override.allowlist"
                if can_be_allowed
                else "a connector's configuration can never set it"
            )
            return f"{reason}: {way_out}"
        if policy == "All" or (policy == "Allowlist" and listed):
            return None
        way_out = (
            "name it in the worker's connector.client.config.override.allowlist"
            if policy == "Allowlist"
            else "the worker's connector.client.config.override.policy decides"
        )
        return f"is not an option that the {policy} policy lets a connector override: {way_out}"

    def _listed(self, name: str) -> bool:
        for each in self.allowlist:
            entry = each.strip().lower()
            if name == entry or (entry.endswith(".*") and name.startswith(entry[:-1])):
                return True
        return False
