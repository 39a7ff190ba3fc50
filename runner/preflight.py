"""Whether a source may be asked for exactly-once delivery, before it is started (KIP-618).

Kafka's rules, which its standalone worker leaves out: ``exactly.once.support=required`` needs a worker that
delivers exactly once and a connector that says it can be resumed at every offset; transactions of the
connector's own need one that says it defines them. The connector is made for the question, never started.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from connectkit.api import SourceConnector, Support
from connectkit.errors import ConfigError
from connectkit.runner.configs.connector import Boundary, ExactlyOnce, SourceConnectorConfig
from connectkit.runner.report import Report

log = logging.getLogger(__name__)

SUPPORT, BOUNDARY = "exactly.once.support", "transaction.boundary"
INTERVAL = f"{BOUNDARY}.interval.ms"


def check_exactly_once(
    raw: Mapping[str, Any],
    config: SourceConnectorConfig,
    cls: type[Any],
    report: Report,
    *,
    delivers_once: bool | None,
    ask: bool = True,
) -> None:
    """Note what is wrong. ``delivers_once``: whether the worker does, None if there is none to tell.

    Without ``ask`` the connector is not asked, as where its options hold variables.
    """
    required = config.exactly_once_support is ExactlyOnce.REQUIRED
    if required and delivers_once is False:
        report.error(
            SUPPORT,
            "is required, and this worker does not deliver exactly once: set "
            "exactly.once.source.support=enabled in its file",
        )
    if delivers_once is False:
        for key in (BOUNDARY, INTERVAL):
            if raw.get(key) is not None:
                report.warn(key, "has no effect, as this worker does not deliver exactly once")
    elif raw.get(INTERVAL) is not None and config.transaction_boundary is not Boundary.INTERVAL:
        report.warn(INTERVAL, f"has no effect without {BOUNDARY}=interval")
    own = config.transaction_boundary is Boundary.CONNECTOR
    if not ask or not (required or own) or not issubclass(cls, SourceConnector):
        return
    try:
        connector = cls(cls.config_type.parse(raw, known=lambda key: True))
    except ConfigError:
        return  # told where the options are checked
    except Exception as exc:  # whatever a foreign connector may raise
        log.debug("A connector could not be made to be asked", exc_info=exc)
        report.error("connector.class", f"could not be made: {type(exc).__name__}")
        return
    if required:
        _ask(
            connector.exactly_once_support,
            SUPPORT,
            "is required, and the connector does not support it with these options",
            report,
        )
    if own:
        _ask(
            connector.can_define_transaction_boundaries,
            BOUNDARY,
            "is connector, and the connector defines no transactions with these options",
            report,
        )


def _ask(question: Callable[[], Any], key: str, refusal: str, report: Report) -> None:
    try:
        answer = question()
    except Exception as exc:  # whatever a foreign connector may raise
        log.debug("A connector could not answer", exc_info=exc)
        report.error(key, f"could not be checked: the connector raised {type(exc).__name__}")
        return
    if answer is not Support.SUPPORTED:
        if answer is not None and not isinstance(answer, Support):
            refusal += f" (it answered with a {type(answer).__name__})"
        report.error(key, refusal)
