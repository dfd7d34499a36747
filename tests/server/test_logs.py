"""The lines of the log: nothing that anybody has written begins a line, and a collector can read each."""

from __future__ import annotations

import json
import logging

import pytest

from providers.telemetry import CURRENT_EXECUTION, facts
from server.logs import JsonLines, TextLines

FORGED = "a\n2026-01-01T00:00:00.000Z INFO x: all is well\r\u2028\x1b[2J"


def record(message: str, *, error: Exception | None = None, **known: str) -> logging.LogRecord:
    caught = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("unship.test", logging.INFO, "", 1, message, None, caught)
    made.__dict__.update(facts(**known))
    return made


def raised() -> Exception:
    try:
        raise ValueError(FORGED)
    except ValueError as error:
        return error


def test_a_text_line_is_one_line_whatever_is_in_it() -> None:
    line = TextLines().format(record(FORGED, reason=FORGED, plain="word"))
    assert line.splitlines() == [line]
    assert line.isprintable()
    assert " plain=word" in line
    assert 'reason="a\\' in line


def test_a_traceback_in_text_cannot_pass_for_other_lines() -> None:
    first, *rest = TextLines().format(record("failed", error=raised())).splitlines()
    assert first.endswith("unship.test: failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)


def test_a_json_line_is_an_object_in_one_line() -> None:
    line = JsonLines().format(record(FORGED, error=raised(), time="not the time", code="X"))
    assert line.splitlines() == [line]
    read = json.loads(line)
    assert (read["message"], read["level"], read["logger"], read["code"]) == (FORGED, "INFO", "unship.test", "X")
    assert read["time"].endswith("Z")
    assert FORGED in read["error"]


@pytest.mark.parametrize("lines", [JsonLines(), TextLines()])
def test_whatever_is_said_for_an_execution_names_it(lines: logging.Formatter) -> None:
    before = CURRENT_EXECUTION.set("e-1")
    try:
        assert "e-1" in lines.format(record("the platform is slow"))
    finally:
        CURRENT_EXECUTION.reset(before)
    assert "e-1" not in lines.format(record("the platform is slow"))
