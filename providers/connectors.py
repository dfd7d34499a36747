"""The connectors file: which platforms can be reached, and with which references to secrets.

It comes from the operator's file system only, never from the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ConnectorsError(Exception):
    """The connectors file cannot be used; the message names the file, the connector and what to do."""


class _Connector(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    identifier: str = Field(min_length=1, max_length=128)
    type: str
    spec: dict[str, Any]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    connectors: list[_Connector]


@dataclass(frozen=True)
class Connector:
    """One reachable platform: `spec` is parsed by the provider; paths in it are relative to `directory`."""

    identifier: str
    type: str
    spec: Mapping[str, Any]
    directory: Path


@dataclass(frozen=True)
class Connectors:
    """All connectors of the file, by identifier."""

    by_identifier: Mapping[str, Connector] = field(default_factory=dict[str, Connector])

    def identifiers(self) -> frozenset[str]:
        return frozenset(self.by_identifier)

    def get(self, identifier: str, connector_type: str) -> Connector:
        """The connector of that identifier; ConnectorsError names what exists if there is none."""
        connector = self.by_identifier.get(identifier)
        if connector is None:
            known = ", ".join(sorted(self.by_identifier)) or "none"
            raise ConnectorsError(f'There is no connector "{identifier}" (configured: {known}).')
        if connector.type != connector_type:
            raise ConnectorsError(
                f'Connector "{identifier}" is of type {connector.type}, but {connector_type} is needed.'
            )
        return connector


def load_connectors(path: Path | None) -> Connectors:
    """Read the connectors file (`UNSHIP_CONNECTORS`); no file means no connectors."""
    if path is None:
        return Connectors()
    try:
        parsed: object = yaml.safe_load(path.read_text(encoding="utf-8"))
        document = _File.model_validate(parsed)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConnectorsError(f"{path}: the connectors file cannot be read: {error}") from error
    by_identifier: dict[str, Connector] = {}
    for entry in document.connectors:
        if entry.identifier in by_identifier:
            raise ConnectorsError(f'{path}: connector "{entry.identifier}" appears twice.')
        by_identifier[entry.identifier] = Connector(
            entry.identifier, entry.type, entry.spec, path.resolve().parent
        )
    return Connectors(by_identifier)
