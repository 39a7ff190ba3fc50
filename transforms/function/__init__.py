"""Function: a plain typed Python function of an installed package, called for each record.

``registry`` finds functions by the name of an entry point, and never by importing a name out of a
configuration; ``annotations`` reads their types; ``transform`` calls them.
"""

from connectkit.transforms.function.registry import Functions, functions
from connectkit.transforms.function.transform import Function, FunctionConfig

__all__ = ["Function", "FunctionConfig", "Functions", "functions"]
