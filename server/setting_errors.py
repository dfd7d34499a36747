"""What is wrong with a setting, in words. Imports nothing of the project."""

from __future__ import annotations

from pydantic_core import ErrorDetails

# What these are about is no secret, so what was given can be shown.
_EXPECTED = {
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "enum": "{expected}",
}
_SHOWN = 60


def complaint(error: ErrorDetails) -> str:
    """The variable, what is expected of it and what it has."""
    location, expected = error["loc"], _EXPECTED.get(error["type"])
    if expected is None:
        text = error["msg"].removeprefix("Value error, ")
    else:
        text = f'expected {expected.format(**error.get("ctx", {}))}, found "{str(error["input"])[:_SHOWN]}"'
    return f"UNSHIP_{str(location[0]).upper()}: {text}" if location else text
