"""The one part of the build that pyproject.toml cannot say: the compiled Avro codec, which is optional.

Without a compiler or Python's headers it is left out, and Avro is written and read by generated Python.
"""

from setuptools import Extension, setup

CODEC = "converters/avro/_codec"

setup(
    ext_modules=[
        Extension(
            "connectkit.converters.avro._codec",
            sources=[f"{CODEC}_plan.c", f"{CODEC}_read.c", f"{CODEC}_write.c"],
            depends=[f"{CODEC}.h"],
            optional=True,
        )
    ]
)
