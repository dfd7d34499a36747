"""A schema whose resolvers do all that a resolver may do, well and badly."""

import asyncio
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

import strawberry
from strawberry.scalars import JSON

from schema.executing import Executor

_ANY: Any = None


@strawberry.enum
class Color(Enum):
    RED = "red"
    BLUE = "blue"


@strawberry.interface
class Shape:
    area: int


@strawberry.type
class Circle(Shape):
    radius: float


@strawberry.type
class Square(Shape):
    side: str | None

    @strawberry.field
    async def later(self) -> int:
        return self.area


class Stranger:
    area = 3
    side = "x"


@strawberry.type
class Thing:
    name: str
    maybe: str | None
    number: int
    color: Color
    at: datetime
    tags: JSON
    words: list[str]
    shapes: list[Shape]
    shape: Shape | None
    square: Square | None = None
    twin: "Thing | None" = None

    @strawberry.field
    def upper(self) -> str:
        return self.name.upper()

    @strawberry.field
    def context(self, info: strawberry.Info) -> str:
        return f"{info.field_name} of {info.python_name} {info.context}"

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError(f"{self.name} is broken")

    @strawberry.field
    def half(self) -> int:
        if self.name == "odd":
            raise ValueError("odd")
        return len(self.name)

    @strawberry.field
    def repeated(self, times: int = 2) -> str:
        return self.name * times

    @strawberry.field
    async def waiting(self) -> "Thing":
        return self

    @strawberry.field
    def maybe_waiting(self) -> str:
        return _soon(self.name) if self.name == "odd" else self.name


def _soon(value: str) -> Any:
    async def wait() -> str:
        return value

    return wait()


def _thing(name: Any, **changes: Any) -> Thing:
    values: dict[str, Any] = {
        "name": name,
        "maybe": None,
        "number": 7,
        "color": Color.RED,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "tags": JSON({"a": [1, None]}),
        "words": ["one", "two"],
        "shapes": [Circle(area=1, radius=0.5), Square(area=2, side=None)],
        "shape": None,
    }
    return Thing(**values | changes)


_GOOD = [_thing("even", maybe="yes", shape=Square(area=4, side="2")), _thing("odd", color=Color.BLUE)]
_OTHERS: dict[str, list[Any]] = {
    "null": [*_GOOD, _thing(None)],
    "number": [_thing("big", number=2**40), *_GOOD],
    "color": [*_GOOD, _thing("green", color=_ANY), _thing("other", color="green")],
    "words": [
        _thing("words", words=["one", _ANY]),
        _thing("more", words=_ANY),
        _thing("not", words=5),
        _thing("text", words="ab"),
    ],
    "shapes": [_thing("strange", shapes=[Stranger()]), _thing("shape", shape=Stranger())],
    "square": [_thing("strange", square=Stranger()), _thing("fine", square=Square(area=2, side="2"))],
    "tuple": [_thing("tuple", words=("a", "b")), _thing("set", words={"only"})],
    "twins": [_thing("twin", twin=_thing("good")), _thing("twin", twin=_thing(None)), _thing("odd", twin=Circle)],
    "nothing": [_ANY, *_GOOD],
    "stranger": [Stranger()],
}


@strawberry.type
class Query:
    @strawberry.field
    def things(self, which: str = "good") -> list[Thing]:
        return _OTHERS.get(which, _GOOD)

    @strawberry.field
    def perhaps(self, which: str = "good") -> list[Thing | None] | None:
        return _OTHERS.get(which, _GOOD)

    @strawberry.field
    def one(self) -> Thing:
        return _GOOD[0]

    @strawberry.field
    async def later(self) -> list[Thing] | None:
        return _GOOD

    @strawberry.field
    async def fails(self, after: int) -> int:
        for _ in range(after):
            await asyncio.sleep(0)
        raise ValueError("failed")


_ALL = """name maybe number color at tags words upper context shape { area } square { side area } twin { name }
  shapes { __typename area ... on Circle { radius } ... on Square { side } }"""
_GIVEN = f"""
{{ things {{ {_ALL} }} one {{ {_ALL} }} later {{ {_ALL} }} perhaps {{ {_ALL} }} }}
{{ things {{ z: name a: name repeated(times: 3) name }} one {{ name {{ no }} }} }}
{{ things {{ z: name repeated(times: 3) a: name waiting {{ waiting {{ name }} }} }} }}
{{ things {{ name broken upper }} perhaps {{ broken }} }}
{{ perhaps {{ name half }} }}
{{ things {{ name half }} }}
{{ things {{ maybeWaiting name }} }}
{{ later {{ shapes {{ ... on Square {{ later area }} }} }} }}
{{ things {{ waiting {{ ...T }} ...T }} }} fragment T on Thing {{ name upper shapes {{ area }} }}
query ($y: Boolean = true) {{ things {{ name @skip(if: $y) upper @include(if: $y) ... @skip(if: $y) {{ at }} }} }}
"""
QUERIES = (
    *_GIVEN.strip().replace("\n  ", " ").splitlines(),
    *(f'{{ things(which: "{which}") {{ {_ALL} }} }}' for which in _OTHERS),
    *(f'{{ perhaps(which: "{which}") {{ {_ALL} }} }}' for which in _OTHERS),
    *(f'{{ perhaps(which: "{which}") {{ name waiting {{ {_ALL} }} }} }}' for which in _OTHERS),
)


@cache
def schema() -> strawberry.Schema:
    return strawberry.Schema(query=Query, types=[Circle, Square], execution_context_class=Executor)
