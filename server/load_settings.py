"""What an operator can set about documents and load; part of server.settings. Imports schema.limits alone."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from schema.limits import Limits


# The two differ in the type of `model_config`; pydantic makes one of both.
class LoadSettings(BaseSettings, Limits):  # pyright: ignore[reportIncompatibleVariableOverride]
    """Bounds on what one client, one document, one operation may take. Zero switches a rate off."""

    rate_per_second: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Operations per second of one subject, or of one address without a token, on average;"
        " mutations and others are counted apart; 0: no limit; unset: 200, and none with `UNSHIP_AUTH=none`",
    )
    rate_burst: int = Field(default=2000, ge=1, description="How many operations a subject may send at once")
    introspection: bool | None = Field(
        default=None,
        description="Whether the schema may be read by clients, errors say what was perhaps meant, and browsers"
        " get the explorer page; unset: only with `UNSHIP_AUTH=none` on a loopback address",
    )
