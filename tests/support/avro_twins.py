"""The two forms of the Avro codec, to run the same test over both and to compare them.

``twin`` is for ``@pytest.mark.usefixtures("twin")``: each test of the module runs with generated functions
and with the compiled module. Where that is not built, its half is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar

import pytest

from connectkit.converters.avro import native

T = TypeVar("T")
COMPILED = native.load({})
NEEDS_COMPILED = pytest.mark.skipif(
    COMPILED is None, reason="the compiled Avro codec is not built here: no C compiler, or `make dev` is due"
)


@contextmanager
def using(codec: ModuleType | None) -> Iterator[None]:
    """Compile with this module, or with None in Python, inside of the block."""
    before = native.codec
    native.codec = codec
    try:
        yield
    finally:
        native.codec = before


@pytest.fixture(
    scope="module", params=["generated", pytest.param("compiled", marks=NEEDS_COMPILED)], name="twin"
)
def twin_fixture(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each of the two, for a whole module: Hypothesis wants no fixture that changes by test."""
    with using(COMPILED if request.param == "compiled" else None):
        yield


def both(make: Callable[[], T]) -> tuple[T, T]:
    """What ``make`` makes with generated functions, and with the compiled module."""
    with using(None):
        generated = make()
    with using(COMPILED):
        return generated, make()


def outcome(call: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """What a call returns, or the class, the words and the path of its error."""
    try:
        return "returned", call(*args)
    except Exception as error:  # noqa: BLE001 - it is what is compared
        return type(error).__name__, (str(error), getattr(error, "path", None))
