"""The registry: names, aliases, sides, kinds, what is broken, what is not allowed, what is no name."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import pytest

from connectkit.api import Converter, HeaderConverter, Predicate, SourceConnector, Transform
from connectkit.config import Config, ConverterConfig, option
from connectkit.errors import ConfigError
from connectkit.plugin import KINDS, Plugin, PluginKind, Registry, plugins
from connectkit.record import ConnectRecord


class MaskConfig(Config):
    fields: list[str] = option(doc="x")


class Mask(Transform[MaskConfig]):
    java_names = ("org.example.transforms.Mask",)
    sided = True

    def __init__(self, config: MaskConfig, *, side: Literal["key", "value"] = "value") -> None:
        super().__init__(config)
        self.side = side

    def apply(self, record: Any) -> Any:
        return record


class Router(Transform[Config]):
    def apply(self, record: Any) -> Any:
        return record


class Never(Predicate[Config]):
    def test(self, record: ConnectRecord) -> bool:
        return False


class Both(Converter[ConverterConfig], HeaderConverter[ConverterConfig]):
    def from_connect_data(self, *args: Any, **kwargs: Any) -> Any: ...
    def to_connect_data(self, *args: Any, **kwargs: Any) -> Any: ...
    def from_connect_header(self, *args: Any, **kwargs: Any) -> Any: ...
    def to_connect_header(self, *args: Any, **kwargs: Any) -> Any: ...


class Src(SourceConnector[Config]):
    def task_configs(self, max_tasks: int) -> Any:
        return []


class NoPlugin:
    pass


HERE = __name__


def points(*names: tuple[str, str, str]) -> Registry:
    """A registry with entry points of (group, name, value)."""
    return Registry(entry_points=lambda: [EntryPoint(n, v, f"connectkit.{g}") for g, n, v in names])


INSTALLED = points(
    ("transforms", "Mask", f"{HERE}:Mask"),
    ("transforms", "org.example.transforms.Mask", f"{HERE}:Mask"),
    ("transforms", "Router", f"{HERE}:Router"),
    ("predicates", "Never", f"{HERE}:Never"),
    ("converters", "BothConverter", f"{HERE}:Both"),
    ("header_converters", "BothConverter", f"{HERE}:Both"),
    ("sources", "org.example.FileThingConnector", f"{HERE}:Src"),
    ("transforms", "Broken", "no.such.module:Thing"),
    ("transforms", "Nothing", f"{HERE}:NoPlugin"),
    ("transforms", "WrongKind", f"{HERE}:Never"),
)


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("Mask", "value"),
        (" Mask ", "value"),
        ("Mask$Key", "key"),
        ("Mask$Value", "value"),
        ("org.example.transforms.Mask$Key", "key"),
        ("org.example.transforms.Mask$Value", "value"),
    ],
)
def test_sided_names(name: str, side: str) -> None:
    made = INSTALLED.create("transform", name, {"fields": "a,b"})
    assert isinstance(made, Mask)
    assert (made.side, made.config.fields) == (side, ["a", "b"])


@pytest.mark.parametrize(
    ("kind", "name", "cls"),
    [
        ("converter", "Both", Both),
        ("converter", "BothConverter", Both),
        ("header_converter", "Both", Both),
        ("source", "FileThing", Src),
        ("source", "FileThingConnector", Src),
        ("source", "org.example.FileThingConnector", Src),
        ("predicate", "Never", Never),
    ],
)
def test_aliases(kind: PluginKind, name: str, cls: type) -> None:
    assert INSTALLED.find(kind, name).cls is cls


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("transform", "org.example.transforms.Mask", "did you mean org.example.transforms.Mask$Key"),
        ("transform", "Router$Key", "has no key form"),
        ("transform", "Maks$Value", "did you mean 'Mask$Value'?"),
        ("transform", "Mask$Valeu", "did you mean 'Mask$Value'?"),
        ("transform", "org.example.transforms.Mask$key", "did you mean 'org.example.transforms.Mask$Key'?"),
        ("transform", "org.example.transforms.Maks", "did you mean 'org.example.transforms.Mask'?"),
        ("transform", "org.apache.kafka.connect.transforms.Routr", "did you mean 'Router'?"),
        ("transform", "Never", "is a predicate, not a transform"),
        ("converter", "FileThing", "is a source connector, not a converter"),
        ("transform", "", "must be named"),
        ("transform", "mask", "did you mean 'Mask'?"),
        ("transform", "Broken", "No module named 'no'"),
        ("transform", "Nothing", "registered as a transform but is none"),
        ("transform", "WrongKind", "registered as a transform but is none"),
    ],
)
def test_what_is_not_found_says_why(kind: PluginKind, name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        INSTALLED.find(kind, name)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "os:system", "../x", "__main__", "antigravity", "antigravity:geohash", "this"),
        *("\u041cask", "Mask\u200b", "Mask\x00", "Mask$Key$Value", "$Value", "x" * 10_000, "\ud800", "a\nb"),
        *("tests.unit.test_plugin:Mask", "connectkit.transforms.mask:MaskField", "Mask[extra]", "%s", "{}"),
    ],
)
def test_no_text_is_imported(name: str) -> None:
    before = set(sys.modules)
    for kind in KINDS:
        with pytest.raises(ConfigError) as caught:
            INSTALLED.find(kind, name)
        assert len(str(caught.value)) < 400
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        INSTALLED.find_connector(name)
    assert {m for m in set(sys.modules) - before if not m.startswith("encodings")} == set()


def test_listing_imports_nothing_and_survives_broken_ones() -> None:
    code = (
        "import sys; from connectkit.plugin import plugins, KINDS\n"
        "for kind in KINDS: plugins.all(kind)\n"
        "plugins.all('transform')[0].version\n"
        "print([m for m in sys.modules if m.startswith(('connectkit.transforms', 'connectkit.converters'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert [info.name for info in INSTALLED.all("transform")] == [
        *("Broken", "Mask", "Nothing", "Router", "WrongKind")
    ]
    (mask,) = (info for info in INSTALLED.all("transform") if info.name == "Mask")
    assert mask.java_names == ("org.example.transforms.Mask",)
    assert mask.version == "undefined"


@pytest.mark.parametrize("body", ["raise SystemExit(3)", "1/0", "import nothing_of_this_name", "x = ("])
def test_a_plugin_that_breaks_on_import_breaks_nothing_else(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "breaking_plugin.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "breaking_plugin", raising=False)
    registry = points(("transforms", "Bad", "breaking_plugin:Bad"), ("transforms", "Mask", f"{HERE}:Mask"))
    for _ in range(2):
        with pytest.raises(
            ConfigError, match=r"transform Bad of .* cannot be imported from breaking_plugin:Bad"
        ):
            registry.find("transform", "Bad")
    assert registry.find("transform", "Mask").cls is Mask
    assert len(registry.all("transform")) == 2


def test_aliases_that_mean_two_plugins_are_dropped() -> None:
    registry = points(
        ("sources", "org.a.ThingConnector", f"{HERE}:Src"),
        ("sources", "org.b.ThingConnector", f"{HERE}:Other"),
    )
    full = r"means several plugins \(org\.a\.ThingConnector, org\.b\.ThingConnector\)"
    with pytest.raises(ConfigError, match=full):
        registry.find("source", "Thing")
    assert registry.find("source", "org.a.ThingConnector").cls is Src


def test_register_goes_first_and_brings_java_names() -> None:
    registry = INSTALLED.clone()
    registry.register("transform", "Router", Mask)
    assert registry.find("transform", "Router").cls is Mask
    assert INSTALLED.find("transform", "Router").cls is Router
    empty = Registry(entry_points=list)
    empty.register("transform", "Mask", Mask)
    assert empty.find("transform", "org.example.transforms.Mask$Key").extra == {"side": "key"}
    with pytest.raises(ConfigError, match="no kind of plugin"):
        empty.register("thing", "x", Mask)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no kind of plugin"):
        empty.find("thing", "x")  # type: ignore[arg-type]


def test_allow_restricts_and_can_be_lifted() -> None:
    registry = INSTALLED.clone()
    registry.allow(["Mask", "converter:Both", "converter:BothConverter"])
    assert registry.find("transform", "Mask").cls is Mask
    assert registry.find("converter", "Both").cls is Both
    with pytest.raises(ConfigError, match="not one of the plugins that are allowed"):
        registry.find("transform", "Router")
    with pytest.raises(ConfigError):
        registry.find("header_converter", "Both")
    registry.allow(None)
    assert registry.find("transform", "Router").cls is Router
    assert INSTALLED.find("transform", "Router").cls is Router


def test_converters_are_told_what_they_are_for() -> None:
    def type_of(kind: PluginKind, **extra: Any) -> str:
        made = INSTALLED.create(kind, "Both", {"converter.type": "value"}, **extra)
        assert isinstance(made.config, ConverterConfig)
        return made.config.converter_type

    assert type_of("converter", is_key=True) == "key"
    assert type_of("converter", is_key=False) == "value"
    assert type_of("header_converter") == "header"


def test_create_puts_the_place_before_the_keys() -> None:
    with pytest.raises(ConfigError) as caught:
        INSTALLED.create("transform", "Mask", {}, where="transforms.m")
    assert list(caught.value.problems) == ["transforms.m.fields"]


def test_config_type_is_found_through_generic_bases() -> None:
    other = TypeVar("other")
    mine = TypeVar("mine", bound=Config)

    class Middle(Transform[mine], Generic[other, mine]):
        def apply(self, record: Any) -> Any:
            return record

    class Leaf(Middle[int, MaskConfig]):
        pass

    class Below(Leaf):
        pass

    assert Leaf.config_type is MaskConfig
    assert Below.config_type is MaskConfig
    assert Below.plugin_kinds() == {"transform"}
    assert Both.plugin_kinds() == {"converter", "header_converter"}
    with pytest.raises(TypeError, match="not a Config"):

        class Bad(Transform[int]):  # type: ignore[type-var]
            pass


def test_many_threads_load_one_class_once() -> None:
    registry = points(("transforms", "Mask", f"{HERE}:Mask"))
    barrier = threading.Barrier(8)
    found: list[type[Plugin[Any]]] = []

    def look() -> None:
        barrier.wait()
        found.append(registry.find("transform", "Mask$Key").cls)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Mask] * 8


@pytest.mark.parametrize("kind", KINDS)
def test_every_installed_plugin_loads_and_declares_its_java_names(kind: PluginKind) -> None:
    ours = [info for info in plugins.all(kind) if info.distribution == "kafka-connectkit"]
    assert ours
    for info in ours:
        cls = info.load()
        assert set(info.java_names) == set(cls.java_names), info.name
        cls.config_type.definition()
        assert info.version == ours[0].version != "undefined"
