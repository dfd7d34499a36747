"""Where charts come from: repositories and registries of the connectors file, fetched by helm itself.

Addresses and credentials are the operator's. Credentials go into the files that helm reads, never into arguments.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from providers.connecting import read_spec
from providers.connectors import Connector, Connectors, ConnectorsError, resolve_reference
from providers.errors import ProviderRefused, ProviderUnreachable
from providers.helm.failures import failure
from providers.helm.helm import Helm
from providers.helm.home import Home
from providers.helm.patience import patiently
from providers.helm.values import HTTP, HTTP_CONNECTOR, OCI, OCI_CONNECTOR, ChartOptions, HttpStore, OciStore
from providers.tree import Tree

# A chart is small: what takes longer is not going to come.
FETCH_SECONDS = 60.0
_REPOSITORY = "unship"
_NO_UPDATE = "Unable to get an update"


class RepositorySpec(BaseModel):
    """The `spec` of a connector of type HttpHelmRepo or OciHelmRegistry; references are env:NAME or file:PATH."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    url: Annotated[str, StringConstraints(pattern=r"^(https?|oci)://[^@\s]+$")]
    username_ref: str | None = None
    password_ref: str | None = None


@dataclass(frozen=True)
class _Repository:
    """An address and who we are there."""

    url: str
    credentials: tuple[str, str] | None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True)
class Order:
    """Which chart is wanted from which store."""

    store: str
    spec: Tree
    options: ChartOptions


async def pull(helm: Helm, home: Home, connectors: Connectors, order: Order) -> bytes:
    """The chart's archive. ProviderError where it cannot be had."""
    if order.options.chart_name is None:
        raise ProviderRefused(f"A chart from a store of type {order.store} needs the key chartName.")
    match order.store:
        case "Http":
            repository = _open(connectors, HttpStore.model_validate(order.spec).connector_ref, HTTP_CONNECTOR)
            await home.write("config/repositories.yaml", _repositories(repository))
            await _fetch(helm, home, order, ["repo", "update", _REPOSITORY])
            source = [f"{_REPOSITORY}/{order.options.chart_name}"]
        case "OciHelmChart":
            store = OciStore.model_validate(order.spec)
            repository = _open(connectors, store.connector_ref, OCI_CONNECTOR)
            await home.write("config/registry/config.json", _logins(repository))
            source = [_reference(repository, store, order.options.chart_name)]
            source += ["--plain-http"] if repository.url.startswith("http://") else []
        case _:
            raise ProviderRefused(
                f"Charts are not fetched from a store of type {order.store} (but {HTTP}, {OCI})."
            )
    version = ["--version", order.options.chart_version] if order.options.chart_version else []
    folder = home.directory / "pulled"
    await _fetch(helm, home, order, ["pull", *source, *version, "--destination", str(folder)])
    return _only_file(folder)


async def _fetch(helm: Helm, home: Home, order: Order, arguments: list[str]) -> None:
    async def once() -> None:
        (home.directory / "pulled").mkdir(exist_ok=True)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                ended = await helm.run(home, arguments)
        except TimeoutError as error:
            raise ProviderUnreachable(f"{order.options.chart_name} could not be fetched in time.") from error
        said = ended.output.text()
        # `helm repo update` names the reason before its error, and Helm 3 ends without one.
        reason = said.find(_NO_UPDATE)
        if ended.code != 0 or reason >= 0:
            told = f"Error: {said[reason:].replace('Error:', '')}" if reason >= 0 else said
            raise failure(f'fetch the chart "{order.options.chart_name}"', told)

    await patiently(once)


def _only_file(folder: Path) -> bytes:
    found = sorted(folder.glob("*.tgz"))
    if len(found) != 1:
        raise ProviderRefused("helm fetched no chart archive.")
    return found[0].read_bytes()


def _open(connectors: Connectors, identifier: str, kind: str) -> _Repository:
    connector, spec = read_spec(connectors, identifier, kind, RepositorySpec)
    try:
        username, password = (_secret(ref, connector) for ref in (spec.username_ref, spec.password_ref))
    except ConnectorsError as error:
        raise ProviderRefused(str(error)) from error
    credentials = (username or "", password or "") if username or password else None
    return _Repository(spec.url.rstrip("/"), credentials)


def _secret(reference: str | None, connector: Connector) -> str | None:
    return resolve_reference(reference, connector.directory) if reference else None


def _repositories(repository: _Repository) -> str:
    entry: Tree = {"name": _REPOSITORY, "url": repository.url}
    if repository.credentials is not None:
        entry["username"], entry["password"] = repository.credentials
    written: str = yaml.safe_dump({"apiVersion": "", "repositories": [entry]})
    return written


def _logins(repository: _Repository) -> str:
    auths: Tree = {}
    if repository.credentials is not None:
        login = base64.b64encode(":".join(repository.credentials).encode()).decode()
        auths[repository.host] = {"auth": login}
    return json.dumps({"auths": auths})


def _reference(repository: _Repository, store: OciStore, name: str) -> str:
    path = urlsplit(repository.url).path.strip("/")
    parts = [repository.host, path, (store.base_path or "").strip("/"), name]
    return "oci://" + "/".join(part for part in parts if part)


__all__ = ["Order", "RepositorySpec", "pull"]
