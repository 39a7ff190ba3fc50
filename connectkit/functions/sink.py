"""``@connectkit.sink``: a function of a batch, plain or async; what comes out says what happened.

It returns None: all is written, durably. It returns ``{index: error}``, or raises ``BatchError``: those
could not be written, the others were. Anything else that it raises fails the batch as ``put`` does.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, get_args, get_origin, overload

from connectkit.api import SinkConnector, SinkTask
from connectkit.config import Config
from connectkit.errors import BatchError, DataError
from connectkit.functions.call import Resource, Signature, class_of, open_resource, signature_of, texts_of
from connectkit.functions.loop import TaskLoop
from connectkit.record import ConnectRecord, SinkRecord
from connectkit.typed.codec import TypeCodec, type_codec


@overload
def sink(function: Callable[..., Any], /) -> type[SinkConnector[Any]]: ...
@overload
def sink(
    *, resource: Resource | None = ..., repeatable: bool = ...
) -> Callable[[Callable[..., Any]], type[SinkConnector[Any]]]: ...


def sink(
    function: Callable[..., Any] | None = None,
    /,
    *,
    resource: Resource | None = None,
    repeatable: bool = False,
) -> Any:
    """Make a sink connector of a function of a batch.

    Its first parameter takes the batch: ``list[SinkRecord]``, or ``list[T]`` of a class with fields, when
    values are made into ``T`` (a record whose value does not fit, or is null, cannot be written). It may
    ask for its configuration, ``context`` and ``resource`` beside. ``repeatable`` says that records may be
    given again in smaller batches, so that the worker can look for the one that cannot be written.
    """

    def make(function: Callable[..., Any]) -> Any:
        found = signature_of(function, subject="batch", known=("context", "resource"))
        members: dict[str, Any] = {
            "signature": found,
            "resource": staticmethod(resource) if resource else None,
            "codec": _codec(found),
            "config_type": found.config_type,
            "put_is_repeatable": repeatable,
        }
        task = class_of(_FunctionTask, function, "_task", members)
        return class_of(_FunctionSink, function, "", {"task_class": task, "config_type": found.config_type})

    return make if function is None else make(function)


def _codec(found: Signature) -> TypeCodec | None:
    """How values become what the function takes; None if it takes records."""
    hint = found.subject_hint
    if hint is None or get_origin(hint) not in (list, Sequence):
        return None
    (item,) = get_args(hint)
    is_record = item is Any or (isinstance(item, type) and issubclass(item, ConnectRecord))
    return None if is_record else type_codec(item)


class _FunctionSink(SinkConnector[Config]):
    """The connector of a function: every task runs it."""

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        return [texts_of(self.config) for _ in range(max_tasks)]


class _FunctionTask(SinkTask[Config]):
    """Calls the function for each batch; what it has taken is durable, so that nothing is left to flush."""

    signature: ClassVar[Signature]
    resource: ClassVar[Resource | None] = None
    codec: ClassVar[TypeCodec | None] = None

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._stack = contextlib.ExitStack()
        self._loop: TaskLoop | None = None
        self._arguments: dict[str, Any] = {}

    def start(self) -> None:
        if inspect.iscoroutinefunction(self.signature.function):
            self._loop = TaskLoop(type(self).__name__)
        opened = open_resource(self.resource, self.config, self._stack)
        given = {"config": self.config, "context": self.context, "resource": opened}
        self._arguments = self.signature.arguments(given)

    def put(self, records: list[SinkRecord]) -> None:
        if not records:
            return
        batch, places, failures = self._typed(records)
        if batch:
            failures |= self._call(batch, places)
        if failures:
            raise BatchError(
                f"{type(self).__name__} could not write {len(failures)} of {len(records)} records", failures
            )

    def _call(self, batch: list[Any], places: list[int]) -> dict[int, Exception]:
        """The failures of a batch, by the places of its records among all that were put."""
        function = self.signature.function
        try:
            if self._loop is None:
                found = function(batch, **self._arguments)
            else:
                found = self._loop.run(function(batch, **self._arguments), lambda: self.context.stopping)
        except BatchError as exc:
            moved = {places[index]: error for index, error in exc.failures.items()}
            raise BatchError(str(exc), moved, written=exc.written) from exc
        return {places[index]: _error(error) for index, error in dict(found or {}).items()}

    def _typed(self, records: list[SinkRecord]) -> tuple[list[Any], list[int], dict[int, Exception]]:
        if self.codec is None:
            return list(records), list(range(len(records))), {}
        batch, places, failures = [], [], dict[int, Exception]()
        for place, record in enumerate(records):
            try:
                batch.append(self.codec.from_connect(record.value))
                places.append(place)
            except DataError as exc:
                failures[place] = exc
        return batch, places, failures

    def stop(self) -> None:
        self._stack.close()
        if self._loop is not None:
            self._loop.close()


def _error(found: Any) -> Exception:
    return found if isinstance(found, Exception) else DataError(str(found))
