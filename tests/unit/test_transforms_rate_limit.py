"""RateLimit: never more than the rate, groups apart, bounded memory, and errors that cost nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectkit.errors import ConfigError, DataError, RetriableError
from connectkit.record import SinkRecord, SourceRecord
from connectkit.runner.tolerance import ErrorPolicy
from connectkit.transforms.rate_limit import RateLimit, RateLimitConfig
from tests.support.rig import PlainConverter, ScriptedSink, ScriptedSource, SinkRig, SourceRig
from tests.support.rig import record as numbered
from tests.unit.test_runner_one_to_many import Refuse, Times, chain


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def limit(rate: float, clock: Clock | None = None, **options: Any) -> RateLimit:
    raw = {key.replace("_", "."): str(value) for key, value in options.items()}
    return RateLimit(RateLimitConfig.parse({"rate": str(rate), **raw}), clock=clock or Clock())


def passes(transform: RateLimit, key: Any = None, value: Any = 1) -> bool:
    return transform.apply(SourceRecord(None, None, "t", None, value, key=key)) is not None


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    transform = limit(2, clock)
    assert [passes(transform) for _ in range(4)] == [True, True, False, False]
    clock.now_s += 0.5
    assert [passes(transform) for _ in range(2)] == [True, False]
    clock.now_s += 100
    assert [passes(transform) for _ in range(3)] == [True, True, False]


def test_slow_rates_and_other_bursts() -> None:
    clock = Clock()
    transform = limit(0.1, clock)
    assert [passes(transform), passes(transform)] == [True, False]
    clock.now_s += 9.9
    assert not passes(transform)
    clock.now_s += 0.1
    assert passes(transform)
    assert sum(passes(wide) for wide in [limit(1, burst=5)] for _ in range(9)) == 5


def test_groups_do_not_share_their_limit() -> None:
    transform = limit(1, by="key")
    assert [passes(transform, key) for key in ("a", "a", "b", None, None)] == [
        True, False, True, True, False,
    ]  # fmt: skip


def test_tombstones_pass_uncounted() -> None:
    transform = limit(1)
    assert [passes(transform, value=None) for _ in range(3)] == [True] * 3
    assert passes(transform)


def test_the_group_seen_last_longest_ago_is_forgotten() -> None:
    transform = limit(0.001, by="key", max_groups=2)
    assert [passes(transform, key) for key in "aabb"] == [True, False, True, False]
    assert not passes(transform, "a")
    assert passes(transform, "c")  # forgets b
    assert not passes(transform, "a")
    assert passes(transform, "b")
    assert len(transform._even_at) == 2


@given(
    st.integers(1, 20), st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 2000), st.sampled_from("ab")), max_size=60),
)  # fmt: skip
def test_never_more_than_the_rate_in_any_stretch(
    rate: int, burst: int, arrivals: list[tuple[int, str]]
) -> None:
    clock = Clock()
    transform = limit(rate, clock, burst=burst, by="key")
    passed: list[tuple[float, str]] = []
    for wait_ms, key in arrivals:
        clock.now_s += wait_ms / 1000
        if passes(transform, key):
            passed.append((clock.now_s, key))
        else:
            recent = [at for at, k in passed if k == key and clock.now_s - at <= burst / rate + 1]
            assert recent, "something passed shortly before"
    for start, (began, key) in enumerate(passed):
        times = [at for at, k in passed[start:] if k == key]
        for count, at in enumerate(times, 1):
            assert count <= burst + (at - began) * rate + 1e-3


def test_a_rewound_batch_is_not_counted() -> None:
    transform = limit(2, by="key")
    assert passes(transform, "a")
    for _ in range(3):
        transform.mark()
        assert [passes(transform, "a"), passes(transform, "a"), passes(transform, "b")] == [True, False, True]
        transform.rewind()
    assert [passes(transform, "a"), passes(transform, "a")] == [True, False]


ALL = ErrorPolicy(tolerate_all=True)


def source(made: Any, **more: Any) -> SourceRig:
    return SourceRig(ScriptedSource([[numbered(n) for n in range(1, 7)], None, None]), chain=made, **more)


@pytest.mark.parametrize("before", [[], [Times(1)]])
def test_a_batch_that_fails_costs_a_source_nothing(before: list[Any]) -> None:
    rig = source(chain(*before, limit(3)), value=PlainConverter(poison=[2]), policy=ALL)
    rig.run()
    assert rig.log.values("t") == [b"1", b"3"]  # 2 has passed, and was poison
    rig = source(chain(*before, limit(3)))
    rig.producer.send_errors = [RetriableError("full"), RetriableError("full")]
    rig.run()
    assert rig.log.values("t") == [b"1", b"2", b"3"]
    assert rig.stored() == 3


def test_a_batch_that_fails_costs_a_sink_nothing() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(limit(3)), value=PlainConverter(poison=[5]), policy=ALL)
    rig.fill(*range(1, 9)).run()
    assert task.written == [1, 2, 3]
    assert rig.committed() == 8


def test_a_batch_that_fails_later_in_the_chain_lets_no_more_through() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(limit(3), Refuse(2)), policy=ALL)
    rig.fill(*range(1, 9)).run()
    assert task.written == [1, 3]  # 2 has passed, and was refused
    sent = source(chain(limit(3), Refuse(2)), policy=ALL).run()
    assert sent.log.values("t") == [b"1", b"3"]


def test_what_a_sink_reads_again_passes_again() -> None:
    transform = limit(2)

    def sink(offset: int) -> bool:
        return transform.apply(SinkRecord("t", 0, None, None, None, 1, offset)) is not None

    assert [sink(n) for n in range(4)] == [True, True, False, False]
    assert [sink(n) for n in range(4)] == [True, True, False, False]


def test_records_made_of_one_are_counted_each() -> None:
    task = ScriptedSink()
    rig = SinkRig(task, chain=chain(Times(1, 10, 100), limit(4))).fill(1, 2).run()
    assert task.written == [1, 10, 100, 2]
    assert rig.committed() == 2


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({}, "rate"),
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
        ({"rate": "nan"}, "rate"),
        ({"rate": "inf"}, "rate"),
        ({"rate": "1e-400"}, "rate"),
        ({"rate": "1", "burst": "0"}, "burst"),
        ({"rate": "1", "max.groups": "0"}, "max.groups"),
        ({"rate": "1", "by": "headers"}, "by"),
    ],
)
def test_configurations_that_cannot_be_meant(options: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RateLimitConfig.parse(options)
    assert set(caught.value.problems) == {key}


def test_extreme_rates_do_not_break() -> None:
    for rate in (5e-324, 1e-300, 1e300):
        transform = limit(rate)
        assert passes(transform)
        assert isinstance(passes(transform), bool)


def test_missing_fields_can_be_errors() -> None:
    with pytest.raises(DataError):
        passes(limit(1, by="user", on_missing="fail"), value={"usr": 1})


def test_a_preview_is_told_why() -> None:
    assert (
        limit(5, by="key").why_dropped(SourceRecord(None, None, "t", None, 1))
        == "more than 5 a second by key"
    )
