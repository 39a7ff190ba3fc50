"""A new schema against its subject, and through a connector's transforms, told line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connectkit.api import KeepsSchemas
from connectkit.errors import DataError
from connectkit.record import ConnectRecord, SinkRecord, SourceRecord
from connectkit.runner.chain import Chain
from connectkit.runner.schema_diff import changes, fields
from connectkit.schema import Schema


class SchemaCheck:
    """One schema of one topic."""

    def __init__(self, converter: KeepsSchemas, chain: Chain, topic: str, *, is_key: bool) -> None:
        self._converter = converter
        self._chain = chain
        self._topic = topic
        self._is_key = is_key

    def sink(self, text: str) -> bool:
        """The topic's new schema: compared, and followed from there."""
        found = self._converter.check_schema(self._topic, text)
        _say(found.lines)
        is_fine = not found.problems
        new = self._converter.connect_schema(text)
        before = None if found.newest is None else self._through(found.newest, SinkRecord)
        after = self._through(new, SinkRecord)
        if isinstance(after, str):
            print(f"the transforms: {after}")
            return False
        if after is None or isinstance(before, str):
            return is_fine
        if not after:
            print("the transforms drop every record of the new schema")
        old = before[0] if before else None
        for each in after:
            _say_behind(changes(old, each) if before else fields(each))
        return is_fine

    def source(self, text: str) -> bool:
        """What the connector sends, followed to what its converter would register."""
        after = self._through(self._converter.connect_schema(text), SourceRecord)
        if isinstance(after, str):
            print(f"the transforms: {after}")
            return False
        if after is None:
            return True
        is_fine = True
        for each in after:
            if each is None:
                print("behind the transforms there is no schema, so that nothing is registered")
                continue
            found = self._converter.check_schema(self._topic, each)
            _say(found.lines)
            is_fine = is_fine and not found.problems
            _say_behind(changes(found.newest, each) if found.newest is not None else fields(each))
        return is_fine

    def _through(
        self, schema: Schema | None, record_class: type[ConnectRecord]
    ) -> list[Schema | None] | str | None:
        """What comes out of the transforms; a sentence if nothing can; None if that cannot be told."""
        try:
            inferred = (
                self._chain.infer(None, key_schema=schema, record_class=record_class)
                if self._is_key
                else self._chain.infer(schema, record_class=record_class)
            )
        except DataError as error:
            return f"no record of this schema passes: {error}"
        if inferred.schemas is None:
            print(f"the transforms: what comes out cannot be told without records: {inferred.why}")
            return None
        side = 0 if self._is_key else 1
        return sorted({pair[side] for pair in inferred.schemas}, key=lambda each: str(fields(each)))


def _say_behind(lines: Sequence[str]) -> None:
    """What is other behind the transforms."""
    print("behind the transforms" + (":" if lines else " nothing changes"))
    _say(f"  {line}" for line in lines)


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
