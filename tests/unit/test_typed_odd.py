"""Types that are seldom written: each has a schema both ways, or a sentence that says why it has none."""

from __future__ import annotations

import enum
from dataclasses import InitVar, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest
import typing_extensions

from connectkit.errors import ConversionError, SchemaError
from connectkit.schema import Schema
from connectkit.typed import schema_of, type_codec
from connectkit.typed.codec import Scale

SEVEN = UUID(int=7)
T = TypeVar("T")
UserId = NewType("UserId", int)
Numbers = typing_extensions.TypeAliasType("Numbers", list[int])
Many = typing_extensions.TypeAliasType("Many", list[T], type_params=(T,))


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int


@dataclass
class Page(Generic[T]):
    items: list[T]
    first: T | None = None


class Pair(NamedTuple):
    a: int
    b: str = "z"


class Root(pydantic.RootModel[list[int]]):
    pass


class Aliased(pydantic.BaseModel):
    a: int = pydantic.Field(validation_alias=pydantic.AliasChoices("x", "y"))


class Boxed(pydantic.BaseModel, Generic[T]):
    item: T


@dataclass
class Marked:
    limit: Final[int] = 3
    share: float = 1
    colour: Colour = Colour.RED
    id: UUID = SEVEN


@dataclass
class Choice:
    one: Literal["a", None] = None
    amount: Annotated[Decimal | None, Scale(2)] = None
    small: Optional[Annotated[int, Schema.INT16]] = 4  # noqa: UP045 - as it is often written
    user: UserId = UserId(1)


BOTH_WAYS: list[tuple[Any, Any]] = [
    (UserId, UserId(3)),
    (Numbers, [1, 2]),
    (Many[str], ["a"]),
    (Page[int], Page([1], 2)),
    (Page[Point], Page([Point(1)])),
    (list[Page[str]], [Page(["a"])]),
    (Page[list[T]][int], Page([[1]])),  # type: ignore[valid-type]  # a type made at run time
    (Boxed[int], Boxed[int](item=3)),
    (Root, Root([1, 2])),
    (Aliased, Aliased(x=3)),  # type: ignore[call-arg]  # the alias is one of two
    (Marked, Marked()),
    (Choice, Choice()),
    (Choice, Choice("a", Decimal("1.20"), 5, UserId(2))),
    (Pair, Pair(1)),
    (Annotated[int, ["metadata that is no key"]], 3),
]


@pytest.mark.parametrize(("hint", "value"), BOTH_WAYS)
def test_a_value_goes_both_ways(hint: Any, value: Any) -> None:
    codec = type_codec(hint)
    made = codec.to_connect(value)
    codec.schema.validate(made)
    found = codec.from_connect(made)
    assert found == value
    assert type(found) is type(value)


def test_defaults_become_those_of_the_schema_in_its_own_types() -> None:
    assert [field.schema.default for field in schema_of(Marked).fields] == [3, 1.0, "red", str(SEVEN)]


def test_a_generic_class_is_named_with_its_types() -> None:
    assert schema_of(Page[Point]).name == "Page[Point]"


@dataclass
class NeedsMore:
    a: int
    more: InitVar[int]


class ByPath(pydantic.BaseModel):
    a: int = pydantic.Field(validation_alias=pydantic.AliasPath("x", 0))


class Tagged(msgspec.Struct, tag=True):
    a: int


class Other(msgspec.Struct, tag=True):
    b: int


class Holder(TypedDict):
    either: Tagged | Other


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        (Page, "The type T of Page.items[] has no schema"),
        (NeedsMore, "'more', without which it cannot be made, is no field of it"),
        (ByPath, "taken by no name"),
        (Holder, "The type Tagged | Other has no schema: a value is of one type"),
        (int | str, "The type int | str has no schema"),
        ([int], "has no schema"),
        ({"a": int}, "has no schema"),
        (3, "has no schema"),
    ],
)
def test_a_type_without_a_schema_says_why(hint: Any, told: str) -> None:
    with pytest.raises(SchemaError) as caught:
        schema_of(hint)
    assert told in str(caught.value)


@dataclass
class Moments:
    at: datetime
    day: date
    clock: time


class Picky(pydantic.BaseModel):
    n: pydantic.PositiveInt


@dataclass
class Odd:
    n: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise LookupError(f"no {self.n}")


NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hint", "value"),
    [
        (Moments, Moments(NOON.replace(tzinfo=None), NOON.date(), time(1))),
        (Moments, Moments(NOON, NOON, time(1))),
    ],
)
def test_an_object_that_means_no_moment_is_refused(hint: Any, value: Any) -> None:
    with pytest.raises(ConversionError):
        type_codec(hint).to_connect(value)


@pytest.mark.parametrize(
    ("hint", "value"),
    [(Picky, {"n": -1}), (Odd, {"n": -1}), (Colour, "blue"), (list[UUID], ["x"]), (float, 10**400)],
)
def test_a_value_that_its_class_refuses_is_a_data_error_that_does_not_tell_it(hint: Any, value: Any) -> None:
    with pytest.raises(ConversionError) as caught:
        type_codec(hint).from_connect(value)
    assert "-1" not in str(caught.value)
    assert "blue" not in str(caught.value)
