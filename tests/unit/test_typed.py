"""Python types as schemas, and their values both ways."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Required, TypedDict
from uuid import UUID

import pytest

from connectkit import logical
from connectkit.builder import SchemaBuilder
from connectkit.errors import ConversionError, SchemaError
from connectkit.schema import Schema
from connectkit.struct import Struct
from connectkit.typed import schema_of, type_codec
from connectkit.typed.codec import Scale


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Address:
    city: str
    zip: str | None = None


@dataclass
class Node:
    value: int
    next: Node | None = None
    kids: list[Node] = field(default_factory=list)


@dataclass
class Everything:
    flag: bool
    count: int
    ratio: float
    text: str
    blob: bytes
    moment: datetime
    day: date
    clock: time
    amount: Annotated[Decimal, Scale(2)]
    small: Annotated[int, Schema.INT16]
    home: Address
    work: Address | None
    tags: set[str]
    pairs: Mapping[str, Sequence[int]]
    codes: tuple[int, ...]
    color: Color = Color.RED
    level: Level = Level.LOW
    mode: Literal["a", "b"] = "a"
    id: UUID | None = None


class Row(TypedDict, total=False):
    id: Required[int]
    name: str


class Other(TypedDict):
    id: int
    name: NotRequired[str | None]


class Point(NamedTuple):
    x: float
    y: float = 0.0


EVERYTHING = Everything(
    True, 1, 1.5, "t", b"b", datetime(2024, 1, 1, tzinfo=UTC), date(2024, 2, 29), time(1, 2),
    Decimal("1.25"), 7, Address("Paris"), Address("Ulm", "89073"), {"x"}, {"k": [1, 2]}, (1, 2),
    id=UUID(int=5),
)  # fmt: skip


def test_a_dataclass_is_a_struct_of_that_name() -> None:
    schema = schema_of(Address)
    wanted = SchemaBuilder.struct().name("Address").field("city", Schema.STRING)
    assert schema == wanted.field("zip", Schema.OPTIONAL_STRING).build()


def test_each_type_has_its_schema() -> None:
    schema = schema_of(Everything)
    kinds = {f.name: f.schema for f in schema.fields}
    assert kinds["moment"] == logical.TIMESTAMP
    assert kinds["amount"] == logical.decimal_schema(2)
    assert kinds["small"] == Schema.INT16
    assert kinds["work"].optional
    assert kinds["tags"].value_schema == Schema.STRING
    assert kinds["color"].default == "red"
    assert kinds["level"].default == 1
    assert kinds["id"] == Schema.OPTIONAL_STRING


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Everything, EVERYTHING),
        (Node, Node(1, Node(2), [Node(3, Node(4))])),
        (Row, {"id": 1}),
        (Row, {"id": 1, "name": "x"}),
        (Other, {"id": 1}),
        (Point, Point(1.0, 2.0)),
        (list[Address | None], [Address("a"), None]),
        (dict[str, Address], {"k": Address("a", "b")}),
        (int | None, None),
        (Color, Color.BLUE),
    ],
)
def test_values_come_back(hint: Any, value: Any) -> None:
    codec = type_codec(hint)
    made = codec.to_connect(value)
    codec.schema.validate(made)
    assert codec.from_connect(made) == value


def test_a_map_without_a_schema_is_read_as_well() -> None:
    assert type_codec(Address).from_connect({"city": "Paris", "more": 1}) == Address("Paris")
    assert type_codec(Point).from_connect({"x": 1}) == Point(1.0)


def test_pydantic_models_go_by_their_aliases() -> None:
    pydantic = pytest.importorskip("pydantic")
    model: Any = pydantic.create_model(
        "Model", ident=(int, pydantic.Field(alias="ID")), name=(str | None, None), tags=(list[str], [])
    )
    codec = type_codec(model)
    assert [f.name for f in codec.schema.fields] == ["ID", "name", "tags"]
    value = model(ID=3, tags=["x"])
    assert codec.from_connect(codec.to_connect(value)) == value


def test_msgspec_structs_go_by_their_encoded_names() -> None:
    msgspec = pytest.importorskip("msgspec")
    tags = msgspec.field(default_factory=list)
    cls: Any = msgspec.defstruct(
        "Made", [("my_id", int), ("name", str, "n"), ("tags", list[str], tags)], rename="camel"
    )
    codec = type_codec(cls)
    assert [(f.name, f.schema.default) for f in codec.schema.fields] == [
        ("myId", None),
        ("name", "n"),
        ("tags", None),
    ]
    assert codec.from_connect(codec.to_connect(cls(3))) == cls(3)


@pytest.mark.parametrize("hint", [set, int | str, list, object, complex, Literal[1, "a"], Any])
def test_a_type_without_a_schema_is_refused(hint: Any) -> None:
    with pytest.raises(SchemaError):
        schema_of(hint)


def test_a_decimal_without_a_scale_says_how_to_give_one() -> None:
    @dataclass
    class Price:
        amount: Decimal

    Price.__annotations__["amount"] = Decimal
    with pytest.raises(SchemaError, match=r"Price\.amount needs its scale"):
        schema_of(Price)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Node("x"), "value"),  # type: ignore[arg-type]
        (Node(1, Node(True)), "next.value"),
        (Address("x"), "value"),
        (5, "value"),
    ],
)
def test_a_value_of_another_type_names_the_field(value: Any, path: str) -> None:
    with pytest.raises(ConversionError) as caught:
        type_codec(Node).to_connect(value)
    assert caught.value.path == path


@pytest.mark.parametrize("value", [{"city": 5}, {"city": None}, "text", None, 5, {"city": "x", "zip": 7}, {}])
def test_what_does_not_fit_the_class_is_a_data_error(value: Any) -> None:
    with pytest.raises(ConversionError):
        type_codec(Address).from_connect(value)


@dataclass
class Counted:
    id: int
    count: int | None = 5
    size: int = 3


def test_a_null_is_not_the_default_where_it_is_a_value() -> None:
    codec = type_codec(Counted)
    assert codec.from_connect(codec.to_connect(Counted(1, None))) == Counted(1, None)
    assert codec.from_connect({"id": 1, "count": None, "size": None}) == Counted(1, None, 3)
    assert codec.from_connect({"id": 1}) == Counted(1, 5, 3)
    unset = Struct(codec.schema).put("id", 1)
    assert codec.from_connect(unset) == Counted(1, None, 3)
