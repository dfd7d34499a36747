"""The connector of a foundation: its address, where its credentials are, and which certificates are trusted."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from providers.connecting import read_spec
from providers.connectors import Connectors
from providers.errors import ProviderRefused
from providers.tas.values import CONNECTOR_TYPE, ConnectorSpec
from providers.web import is_usable


@dataclass(frozen=True)
class Access:
    """A connector's spec, and the directory that paths in it are relative to."""

    spec: ConnectorSpec
    directory: Path

    @property
    def server(self) -> str:
        return self.spec.endpoint_url.rstrip("/")


def read_access(connectors: Connectors, identifier: str) -> Access:
    """ProviderRefused, naming the fields, where the connector's spec cannot be used."""
    connector, spec = read_spec(connectors, identifier, CONNECTOR_TYPE, ConnectorSpec)
    if not is_usable(spec.endpoint_url):
        raise ProviderRefused(f'Connector "{identifier}": endpointUrl must be http://... or https://...')
    return Access(spec, connector.directory)


def tls_context(access: Access) -> ssl.SSLContext:
    """The certificates that are trusted; ProviderRefused where the file of the connector cannot be read."""
    ca_file = access.spec.ca_file
    path = access.directory / Path(ca_file).expanduser() if ca_file else None
    try:
        return ssl.create_default_context(cafile=str(path) if path else None)
    except (OSError, ssl.SSLError) as error:
        raise ProviderRefused(f"The caFile of the connector cannot be read: {path}.") from error
