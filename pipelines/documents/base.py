"""What all document models share: strictness, and the scalar types of the YAML. Imports nothing of the project."""

import re
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

JsonObject = dict[str, JsonValue]

EXPRESSION_MARK = "<+"
_MAX_SECONDS = 30 * 86_400
_DURATION = re.compile(r"(?:(\d{1,6})w)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", re.ASCII)
_UNIT_SECONDS = (604_800, 86_400, 3_600, 60, 1)


class Model(BaseModel):
    """A part of a document: frozen, camelCase in YAML, unknown keys refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        defer_build=True,
    )


def has_expression(value: object) -> bool:
    """Whether the value is text with a `<+ >` in it, known only when the pipeline runs."""
    return isinstance(value, str) and EXPRESSION_MARK in value


def _seconds(value: object) -> int:
    if isinstance(value, int):
        return value
    found = _DURATION.fullmatch(re.sub(r"\s+", "", value)) if isinstance(value, str) and len(value) < 64 else None
    if found is None or not any(found.groups()):
        raise PydanticCustomError("duration", "not a duration; write it like 30s, 10m or 1h30m")
    total = sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNIT_SECONDS, strict=True))
    if not 1 <= total <= _MAX_SECONDS:
        raise PydanticCustomError("duration", "a duration is between 1s and 30d")
    return total


def _seconds_or_text(value: object) -> object:
    return value if has_expression(value) else _seconds(value)


def _integer_or_text(value: object) -> object:
    if has_expression(value) or not isinstance(value, str):
        return value
    if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) is None:
        raise PydanticCustomError("int_parsing", "not a whole number, and not an expression")
    return int(value)


def _number_of_runs(value: object) -> object:
    number = _integer_or_text(value)
    if not isinstance(number, int) or number < 1:
        raise PydanticCustomError("count", "not a whole number of at least 1 (expressions are not possible here)")
    return number


def _boolean_or_text(value: object) -> object:
    if has_expression(value) or not isinstance(value, str):
        return value
    if value.lower() not in _BOOLEANS:
        raise PydanticCustomError("bool_parsing", "not true or false, and not an expression")
    return _BOOLEANS[value.lower()]


_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

ItemT = TypeVar("ItemT")


def _at_least_one(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
    if not items:
        raise PydanticCustomError("empty", "the list is empty; it needs at least one item")
    return items


def _exactly_one(items: tuple[ItemT, ...]) -> tuple[ItemT, ...]:
    if len(items) != 1:
        raise PydanticCustomError("not_one", "the list has exactly one item here")
    return items


# Not Field(min_length=...): that complains about the length as well when an item has a mistake.
Some = Annotated[tuple[ItemT, ...], AfterValidator(_at_least_one)]
One = Annotated[tuple[ItemT, ...], AfterValidator(_exactly_one)]


def _spelled(pattern: str, characters: str) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > _LONGEST_IDENTIFIER:
            raise PydanticCustomError("too_long", "longer than {most} characters", {"most": _LONGEST_IDENTIFIER})
        if re.fullmatch(pattern, text) is None:
            raise PydanticCustomError(
                "spelling",
                "not made of {characters}, beginning with a letter or _",
                {"characters": characters},
            )
        return text

    return AfterValidator(check)


_LONGEST_IDENTIFIER = 128
Identifier = Annotated[str, _spelled(r"[A-Za-z_][A-Za-z0-9_$-]*", "letters, digits, _, $ and -")]
VariableName = Annotated[str, _spelled(r"[A-Za-z_][A-Za-z0-9_.$-]*", "letters, digits, _, ., $ and -")]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Word = Annotated[str, Field(min_length=1, max_length=128)]
Description = Annotated[str, Field(max_length=10_000)]
Reference = Annotated[str, Field(min_length=1, max_length=1_024)]
Text = Annotated[str, Field(max_length=65_536)]
Content = Annotated[str, Field(max_length=1_048_576)]
Duration = Annotated[int, BeforeValidator(_seconds)]
DurationOrExpression = Annotated[int | str, BeforeValidator(_seconds_or_text)]
IntOrExpression = Annotated[int | str, BeforeValidator(_integer_or_text)]
Runs = Annotated[int, BeforeValidator(_number_of_runs)]
BoolOrExpression = Annotated[bool | str, BeforeValidator(_boolean_or_text)]


def _few(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > 64:
        raise PydanticCustomError("too_many_tags", "at most 64 tags")
    return tags


Tags = Annotated[dict[Word, Annotated[str, Field(max_length=256)]], AfterValidator(_few)]


class Organised(Model):
    """Keys that files written for the reference carry and that mean nothing here; accepted, not used."""

    org_identifier: str | None = None
    project_identifier: str | None = None
