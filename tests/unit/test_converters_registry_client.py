"""A converter's view of a registry: one request a question, and errors that are not hammered."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import pytest

from connectkit.converters.registry.client import Keep, RegistryClient
from connectkit.converters.registry.port import LATEST, Reference, Registered, SchemaText
from connectkit.errors import ConnectError, NotFoundError, RetriableError, SchemaError

TEXT = SchemaText('"int"')


class Fake:
    """Answers everything, counts, and fails or waits where it is told to."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.error: ConnectError | None = None
        self.gate: threading.Event | None = None
        self.versions_of: dict[tuple[str, int], SchemaText] = {}

    def _one(self, what: str, schema: SchemaText = TEXT, version: int = 1) -> Registered:
        self.asked[what] += 1
        if self.gate is not None and what.startswith("id 7"):
            assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return Registered(schema, 1, what, version)

    def register(self, subject: str, schema: SchemaText, *, normalize: bool = False) -> Registered:
        return self._one(f"register {subject}", schema)

    def lookup(
        self, subject: str, schema: SchemaText, *, normalize: bool = False, deleted: bool = False
    ) -> Registered:
        return self._one(f"lookup {subject} {deleted}", schema)

    def by_id(self, schema_id: int, *, subject: str | None = None) -> Registered:
        return self._one(f"id {schema_id} {subject}")

    def by_guid(self, guid: str) -> Registered:
        return self._one(f"guid {guid}")

    def version(self, subject: str, version: int = LATEST, *, deleted: bool = False) -> Registered:
        if version == LATEST:
            return self._one("latest", version=self.asked["latest"] + 1)
        self.asked["version"] += 1
        return Registered(self.versions_of[subject, version], 1, subject, version)

    def with_metadata(self, subject: str, metadata: Mapping[str, str]) -> Registered:
        return self._one("metadata")

    def associated_subjects(self, namespace: str, topic: str, kind: Literal["key", "value"]) -> list[str]:
        self.asked["associated"] += 1
        return []

    def subjects(self) -> list[str]:
        return []

    def versions(self, subject: str) -> list[Registered]:
        return []

    def level(self, subject: str) -> str:
        return "NONE"

    def close(self) -> None:
        self.asked["close"] += 1


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_every_question_is_asked_once() -> None:
    fake = Fake()
    client = RegistryClient(fake)
    for _ in range(3):
        client.register("s", TEXT)
        client.register("s", TEXT, normalize=True)
        client.lookup("s", TEXT)
        client.lookup("s", TEXT, deleted=True)
        client.by_id(1)
        client.by_id(1, subject="s")
        client.by_guid("g")
        client.latest("s")
        client.with_metadata("s", {"a": "b"})
        client.associated_subjects("-", "t", "key")
    assert fake.asked == {
        "register s": 2, "lookup s False": 1, "lookup s True": 1, "id 1 None": 1, "id 1 s": 1, "guid g": 1,
        "latest": 1, "metadata": 1, "associated": 1,
    }  # fmt: skip
    client.close()
    assert fake.asked["close"] == 1


def test_the_newest_version_is_believed_for_its_time_and_until_one_is_registered() -> None:
    fake, clock = Fake(), Clock()
    client = RegistryClient(fake, keep=Keep(latest_ttl_s=10), clock=clock)
    assert [client.latest("s").version for _ in range(2)] == [1, 1]
    clock.now_s = 9.9
    assert client.latest("s").version == 1
    clock.now_s = 10.0
    assert client.latest("s").version == 2
    client.register("s", TEXT)
    assert client.latest("s").version == 3
    assert client.by_id(1) is client.by_id(1), "an id means the same for ever"


def test_the_cache_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    fake = Fake()
    client = RegistryClient(fake, keep=Keep(schemas=10, missing=10))
    for number in range(10_000):
        client.by_id(number)
        client.by_id(0)
    assert sum(map(len, client._answers.values())) == 10
    assert fake.asked["id 0 None"] == 1


def test_a_question_of_many_threads_is_asked_by_one_and_keeps_nobody_from_other_answers() -> None:
    fake = Fake()
    client = RegistryClient(fake)
    client.by_id(1)
    fake.gate = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(client.by_id, 7) for _ in range(8)]
        assert client.by_id(1).id == 1, "what is known flows on while the registry is slow"
        assert client.by_id(2).id == 1, "and so do other questions"
        fake.gate.set()
        assert len({id(each.result()) for each in waiting}) == 1
    assert fake.asked["id 7 None"] == 1


@pytest.mark.parametrize("error", [RetriableError("down"), NotFoundError("none"), SchemaError("bad")])
def test_an_error_is_kept_for_a_second_and_is_of_its_class_for_all(error: ConnectError) -> None:
    fake, clock = Fake(), Clock()
    client = RegistryClient(fake, clock=clock)
    fake.error = error
    raised = []
    for _ in range(1000):
        with pytest.raises(type(error)) as caught:
            client.by_id(1)
        raised.append(caught.value)
    assert fake.asked["id 1 None"] == 1
    assert all(str(each) == str(error) for each in raised)
    clock.now_s = 1.0
    fake.error = None
    assert client.by_id(1).id == 1
    assert client.by_id(1).id == 1
    assert fake.asked["id 1 None"] == 2


def test_an_error_reaches_all_who_wait_for_it() -> None:
    fake = Fake()
    client = RegistryClient(fake)
    fake.gate, fake.error = threading.Event(), RetriableError("down")
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(client.by_id, 7) for _ in range(4)]
        fake.gate.set()
        found: list[Any] = [each.exception() for each in waiting]
    assert all(isinstance(each, RetriableError) and str(each) == "down" for each in found)
    assert len({id(each) for each in found}) == 4, "an exception belongs to one thread"


def test_an_error_of_another_sort_does_not_block_the_question() -> None:
    fake = Fake()
    client = RegistryClient(fake)
    fake.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        client.by_id(1)
    fake.error = None
    assert client.by_id(1).id == 1


def test_references_come_before_those_who_need_them() -> None:
    fake = Fake()
    ref = [Reference(f"n{number}", f"s{number}", 1) for number in range(4)]
    fake.versions_of = {
        ("s0", 1): SchemaText("zero", references=(ref[1], ref[2])),
        ("s1", 1): SchemaText("one", references=(ref[3],)),
        ("s2", 1): SchemaText("two", references=(ref[3],)),
        ("s3", 1): SchemaText("three"),
    }
    client = RegistryClient(fake)
    assert client.texts_of(SchemaText("x", references=(ref[0],))) == ["three", "one", "two", "zero"]
    assert fake.asked["version"] == 4


def test_references_in_a_circle_and_without_end_do_not_hang() -> None:
    fake = Fake()
    fake.versions_of = {
        ("a", 1): SchemaText("a", references=(Reference("b", "b", 1),)),
        ("b", 1): SchemaText("b", references=(Reference("a", "a", 1),)),
    }
    client = RegistryClient(fake)
    assert sorted(client.texts_of(SchemaText("x", references=(Reference("a", "a", 1),)))) == ["a", "b"]
    fake.versions_of = {
        (str(number), 1): SchemaText("x", references=(Reference("r", str(number + 1), 1),))
        for number in range(5000)
    }
    with pytest.raises(SchemaError, match="more than 1000"):
        client.texts_of(SchemaText("x", references=(Reference("r", "0", 1),)))
