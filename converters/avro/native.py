"""Whether the codec's compiled module is used: it must be there, fit, and not be turned off.

It is optional: a checkout or a wheel without it does the same with generated Python functions. The
environment variable ``CONNECTKIT_PURE_PYTHON`` (anything but empty and 0) turns it off; it is read once, when
this module is imported.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from types import ModuleType

from connectkit.converters.avro import plan

log = logging.getLogger(__name__)

SWITCH = "CONNECTKIT_PURE_PYTHON"


def load(environment: Mapping[str, str]) -> ModuleType | None:
    """The compiled module if it is to be used, and a debug line about it."""
    if environment.get(SWITCH, "") not in ("", "0"):
        log.debug("Avro is written and read in Python: %s says so", SWITCH)
        return None
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        log.debug("Avro is written and read in Python: the compiled module needs the interpreter's lock")
        return None
    try:
        from connectkit.converters.avro import _codec
    except ImportError as error:
        log.debug("Avro is written and read in Python: there is no compiled module (%s)", error)
        return None
    if _codec.VERSION != plan.VERSION:
        log.debug("Avro is written and read in Python: the compiled module was built from other sources")
        return None
    log.debug("Avro is written and read by the compiled module")
    return _codec


codec: ModuleType | None = load(os.environ)
"""The module, or None: pure Python."""
