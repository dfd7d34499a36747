"""The connectors file: which platforms can be reached, and with which references to secrets.

It comes from the operator's file system only, never from the API.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from providers import complaints


class ConnectorsError(Exception):
    """The connectors file cannot be used; the message names the file, the connector and what to do."""


class _Connector(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    identifier: str = Field(min_length=1, max_length=128)
    type: str
    spec: dict[str, Any]


class _Secret(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    identifier: str = Field(min_length=1, max_length=128)
    ref: str = Field(pattern=r"^(env|file):.+$")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    connectors: list[_Connector]
    secrets: list[_Secret] = []


@dataclass(frozen=True)
class Connector:
    """One reachable platform: `spec` is parsed by the provider; paths in it are relative to `directory`."""

    identifier: str
    type: str
    spec: Mapping[str, Any]
    directory: Path


@dataclass(frozen=True)
class Connectors:
    """All connectors of the file, by identifier, and the references to the secrets that pipelines may use."""

    by_identifier: Mapping[str, Connector] = field(default_factory=dict[str, Connector])
    secret_references: Mapping[str, str] = field(default_factory=dict[str, str])
    directory: Path = Path()

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

    def secret(self, identifier: str) -> str:
        """The value of a pipeline's secret, read now; ConnectorsError names what is missing, never a value."""
        reference = self.secret_references.get(identifier)
        if reference is None:
            raise ConnectorsError(f'There is no secret "{identifier}" in the connectors file.')
        return resolve_reference(reference, self.directory)


def resolve_reference(reference: str, directory: Path) -> str:
    """The secret behind `env:NAME` or `file:PATH` (relative to `directory`); ConnectorsError where absent."""
    kind, _, name = reference.partition(":")
    if kind == "env" and name in os.environ:
        return os.environ[name]
    if kind == "file":
        try:
            return (directory / name).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise ConnectorsError(f"The secret {reference} cannot be read: {error.strerror}.") from error
    if kind == "env" and name.isidentifier():
        raise ConnectorsError(f"The secret {reference} is not set in the server's environment.")
    # It may be the secret itself.
    raise ConnectorsError(
        "A reference to a secret is neither env:NAME nor file:PATH; what it says instead is not shown."
    )


def _read(path: Path) -> _File:
    try:
        parsed: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConnectorsError(f"{path}: the connectors file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConnectorsError(f"{path}: the connectors file is not UTF-8 text.") from error
    except yaml.YAMLError as error:
        raise ConnectorsError(f"{path}: {complaints.of_syntax(error)}.") from error
    try:
        return _File.model_validate(parsed)
    except ValidationError as error:
        found = complaints.of_values(error, parsed)
        # Without its cause, which quotes the file.
        raise ConnectorsError("\n".join(f"{path}: {complaint}." for complaint in found)) from None


def load_connectors(path: Path | None) -> Connectors:
    """Read the connectors file (`UNSHIP_CONNECTORS`); no file means no connectors."""
    if path is None:
        return Connectors()
    document = _read(path)
    by_identifier: dict[str, Connector] = {}
    for entry in document.connectors:
        if entry.identifier in by_identifier:
            raise ConnectorsError(f'{path}: connector "{entry.identifier}" appears twice.')
        by_identifier[entry.identifier] = Connector(
            entry.identifier, entry.type, entry.spec, path.resolve().parent
        )
    references = {secret.identifier: secret.ref for secret in document.secrets}
    return Connectors(by_identifier, references, path.resolve().parent)
