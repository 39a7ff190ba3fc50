"""Which topics a connector has used: added by tasks of any thread, listed, forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from connectkit.runner.active_topics import ActiveTopics


def test_topics_are_kept_by_connector() -> None:
    topics = ActiveTopics()
    topics.add("a", ["t2", "t1"])
    topics.add("a", ["t1"])
    topics.add("b", ["t3"])
    assert (topics.of("a"), topics.of("b"), topics.of("c")) == (["t1", "t2"], ["t3"], [])
    topics.forget("a")
    topics.forget("c")
    assert (topics.of("a"), topics.of("b")) == ([], ["t3"])


def test_none_are_kept_where_the_worker_says_so() -> None:
    topics = ActiveTopics(enabled=False)
    topics.add("a", ["t"])
    assert topics.of("a") == []


def test_no_thread_loses_another_ones() -> None:
    topics = ActiveTopics()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: topics.add("a", [f"t{n}", f"t{n // 2}"]), range(200)))
    assert topics.of("a") == sorted(f"t{n}" for n in range(200))
