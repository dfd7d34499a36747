"""A private home for one run of helm: its own folders, configuration and credentials, gone when it has ended.

Nothing of the server's environment reaches helm but PATH, proxies and certificate authorities; credentials go
into files that only this user can read, never into arguments.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from providers.homes import private_directory
from providers.kubernetes.credentials import Credentials
from providers.kubernetes.kubeconfig import Access
from providers.tree import Tree, put

_PASSED_ON = frozenset(
    {"PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR"}
)
_NAME = "unship"


@dataclass(frozen=True)
class Home:
    """A directory of this user alone, and the environment that makes helm keep to it.

    Helm inherits `descriptor`, which marks the directory as in use, also where it outlives the server.
    """

    directory: Path
    descriptor: int

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
        folders = {f"HELM_{kind}_HOME": str(self.directory / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        return {**own, **folders, "HOME": str(self.directory), "TMPDIR": str(self.directory), "LANG": "C.UTF-8"}

    async def write(self, name: str, content: str | bytes) -> Path:
        """A file for this user alone."""
        data = content.encode() if isinstance(content, str) else content
        path = self.directory / name
        await asyncio.to_thread(_write, path, data)
        return path


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


@asynccontextmanager
async def private_home() -> AsyncGenerator[Home]:
    """A new home, removed with everything in it."""
    async with private_directory("unship-helm-") as made:
        yield Home(made.path, made.descriptor)


def kubeconfig_of(access: Access, credentials: Credentials, namespace: str) -> str:
    """A kubeconfig with one context and the credentials of this moment.

    An exec plugin has run already: helm's empty home would keep it from its own configuration. A token file is
    left to helm, which reads it again as it changes.
    """
    context: Tree = {"cluster": _NAME, "user": _NAME, "namespace": namespace}
    document: Tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": _NAME,
        "clusters": [{"name": _NAME, "cluster": _cluster(access)}],
        "users": [{"name": _NAME, "user": _user(access, credentials)}],
        "contexts": [{"name": _NAME, "context": context}],
    }
    written: str = yaml.safe_dump(document)
    return written


def _cluster(access: Access) -> Tree:
    cluster: Tree = access.cluster.model_dump(mode="json", by_alias=True, exclude_none=True)
    if access.cluster.certificate_authority:
        authority = str(access.file(access.cluster.certificate_authority))
        cluster = put(cluster, authority, "certificate-authority")
    return cluster


def _user(access: Access, credentials: Credentials) -> Tree:
    user: Tree = {}
    if access.user.token_file:
        user["tokenFile"] = str(access.file(access.user.token_file))
    scheme, _, value = credentials.headers.get("Authorization", "").partition(" ")
    if scheme == "Bearer" and "tokenFile" not in user:
        user["token"] = value
    elif scheme == "Basic":
        user["username"], user["password"] = access.user.username, access.user.password or ""
    if credentials.certificate is not None:
        certificate, key = credentials.certificate
        user["client-certificate-data"] = base64.b64encode(certificate).decode()
        user["client-key-data"] = base64.b64encode(key).decode()
    if access.user.impersonate:
        user["as"] = access.user.impersonate
        user["as-groups"] = [*access.user.impersonate_groups]
    return user
