"""What is inside of Helm's record of a revision, as Helm 3 and 4 pack it: base64 of gzip of JSON, in a Secret.

Source: pkg/storage/driver/util.go.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import datetime

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from providers.errors import ProviderRefused

_MOST_UNPACKED = 64 << 20


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Info(_Model):
    description: str = ""
    last_deployed: datetime | None = None
    rollback_revision: int = 0


class _Metadata(_Model):
    name: str = ""
    version: str = ""
    appVersion: str | None = None  # noqa: N815 - Helm's own spelling


class _Chart(_Model):
    metadata: _Metadata = _Metadata()


class Content(_Model):
    """What is read of a record."""

    info: _Info = _Info()
    chart: _Chart = _Chart()
    config: JsonValue = None
    manifest: str = ""


def unpacked(packed: str, secret: str) -> Content:
    """The content of a Secret's data; ProviderRefused, with the Secret's name, where somebody changed it."""
    try:
        inner = base64.b64decode(base64.b64decode(packed, validate=True), validate=True)
        plain = inner
        if inner[:2] == b"\x1f\x8b":
            plain = zlib.decompressobj(wbits=31).decompress(inner, _MOST_UNPACKED)
        return Content.model_validate_json(plain)
    except (ValueError, binascii.Error, zlib.error, ValidationError) as error:
        raise ProviderRefused(f"Helm's record Secret/{secret} cannot be read.", None) from error
