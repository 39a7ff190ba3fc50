"""Expression: fields computed by a whitelisted subset of Python, compiled once for each schema.

An expression is parsed by Python's own parser and never run by Python: ``source`` cuts and bounds it,
``compiler`` knows every node that is allowed and refuses the rest, ``types`` infers what comes out,
``operators``, ``functions`` and ``convert`` say what is done, and ``terms`` writes that into the function of
the chain. No name or constant of a user is ever spelled into that function: all are bound.
"""

from connectkit.transforms.expression.transform import Expression, ExpressionConfig

__all__ = ["Expression", "ExpressionConfig"]
