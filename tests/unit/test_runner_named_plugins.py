"""Which converters, transforms and predicates a configuration names."""

from __future__ import annotations

from connectkit.runner.named_plugins import Named, named_plugins


def test_converters_that_are_set_and_every_listed_step() -> None:
    raw = {
        "connector.class": "X",
        "value.converter": "Json",
        "header.converter": "Simple",
        "key.converter": None,
        "transforms": " a, b ,,a",
        "transforms.a.type": "Cast",
        "transforms.unlisted.type": "Cast",
        "predicates": "p",
    }
    assert list(named_plugins(raw)) == [
        Named("value.converter", "converter", "value.converter."),
        Named("header.converter", "header_converter", "header.converter."),
        Named("transforms.a.type", "transform", "transforms.a."),
        Named("transforms.b.type", "transform", "transforms.b."),
        Named("predicates.p.type", "predicate", "predicates.p."),
    ]


def test_nothing_is_named() -> None:
    assert not list(named_plugins({"transforms": None, "predicates": " , "}))
