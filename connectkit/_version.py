"""The version of this distribution, and of nothing else."""

__version__ = "0.1.0"
