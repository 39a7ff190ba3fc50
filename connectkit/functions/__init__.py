"""Plugins as functions: a generator is a source, a function of a batch is a sink, and so on.

Each decorator makes a class of the same contracts as any plugin's (:mod:`connectkit.api`), with the same
typed configuration, that entry points and the laws of :mod:`connectkit.testing` take.
"""

from connectkit.functions.converter import converter
from connectkit.functions.sink import sink
from connectkit.functions.source import Emit, source
from connectkit.functions.transform import transform

__all__ = ["Emit", "converter", "sink", "source", "transform"]
