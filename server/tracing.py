"""Whether somebody collects traces, as the standard variables of OpenTelemetry say. Imports providers.tracing.

Nothing of OpenTelemetry is imported where nobody does.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from providers.tracing import TRACING
from server.settings import SettingsError

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


def collects(environment: Mapping[str, str]) -> bool:
    """Whether traces are to be sent; SettingsError where they are, in a way that is not spoken here."""
    disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "") or "otlp"
    if disabled or exporter == "none" or not any(environment.get(name) for name in _ENDPOINTS):
        return False
    if exporter != "otlp":
        raise SettingsError(f"OTEL_TRACES_EXPORTER: {exporter} is not known here; otlp is, and none")
    name = next((name for name in _PROTOCOLS if environment.get(name)), None)
    if name is not None and environment[name] != _PROTOCOL:
        raise SettingsError(
            f"{name}: {environment[name]} is not spoken here; set {_PROTOCOL}, mostly on port 4318"
        )
    return True


@asynccontextmanager
async def traced() -> AsyncGenerator[None]:
    """Within the block spans are collected, if they are at all; those that are left are sent at its end."""
    if not collects(os.environ):
        yield
        return
    # 0.2 s and 10 MB, for who wants it.
    from server.spans import OtlpCollector  # noqa: PLC0415

    collector = OtlpCollector(os.environ)
    TRACING.collector = collector
    try:
        yield
    finally:
        TRACING.collector = None
        await collector.close()
