"""How the log is written: a line for people, or a JSON object for a collector; on standard error.

A line is one line: what a platform or a caller has written cannot begin another one. Imports providers.telemetry.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from providers.telemetry import CURRENT_EXECUTION, Fact
from providers.tracing import TRACING
from server.settings import LogFormat

# What these say at INFO is for the operator; of libraries only warnings are.
_OURS = ("server", "schema", "resolvers", "rollback", "pipelines", "db", "providers", "unship")
# They bring handlers of their own, which know nothing of our formats.
_HANDLED_ELSEWHERE = ("dbos",)
_UNSAFE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def configure(log_format: LogFormat) -> None:
    """Send every log of this process to standard error in that format."""
    handler = _ToStandardError()
    handler.setFormatter(JsonLines() if log_format is LogFormat.JSON else TextLines())
    root = logging.getLogger()
    for former in [one for one in root.handlers if isinstance(one, _ToStandardError)]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in _HANDLED_ELSEWHERE:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False


class _ToStandardError(logging.Handler):
    """Whatever standard error is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the facts of the line, and a traceback as `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Fact] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in _facts(record).items() if name not in line}
        if (error := _error(self, record)) is not None:
            line["error"] = error
        return json.dumps(line, ensure_ascii=True, default=str)


class TextLines(logging.Formatter):
    """Time, level, message and facts; a traceback follows, moved in, so that it looks like no line of the log."""

    def format(self, record: logging.LogRecord) -> str:
        known = "".join(f" {name}={_word(value)}" for name, value in _facts(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {one_line(record.getMessage())}{known}"
        error = _error(self, record)
        if error is None:
            return line
        return "\n".join((line, *(f"    {one_line(part)}" for part in error.split("\n"))))


def one_line(text: str) -> str:
    """The text with its control characters, line ends among them, written as escapes."""
    return text.translate(_UNSAFE)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _facts(record: logging.LogRecord) -> Mapping[str, Fact]:
    known: Mapping[str, Fact] = getattr(record, "facts", {})
    execution, trace = CURRENT_EXECUTION.get(), TRACING.trace_id()
    traced = known if trace is None else {**known, "trace": trace}
    return traced if execution is None else {"execution": execution, **traced}


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    return formatter.formatException(record.exc_info) if record.exc_info else None


def _word(value: Fact) -> str:
    text = one_line(str(value))
    return text if text and not set(text) & set(' "=') else json.dumps(text, ensure_ascii=False)
