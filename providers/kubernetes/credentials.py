"""Who we are to the API server: tokens, certificates and the exec plugins that print them.

Credentials live in memory for as long as they are valid and appear in no message.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from providers.errors import ProviderRefused
from providers.kubernetes.kubeconfig import Access, ExecPlugin, own_certificate
from providers.tree import Tree

PLUGIN_SECONDS = 60.0
_EXEC_VERSIONS = frozenset(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))


@dataclass(frozen=True)
class Credentials:
    """Headers and a client certificate (certificate and key, PEM), valid until `expires`."""

    headers: dict[str, str] = field(repr=False)
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)
    expires: datetime | None = None


class _Status(BaseModel):
    model_config = ConfigDict(extra="ignore")
    token: str | None = None
    expirationTimestamp: datetime | None = None  # noqa: N815 - the plugin's own spelling
    clientCertificateData: str | None = None  # noqa: N815
    clientKeyData: str | None = None  # noqa: N815


class _ExecCredential(BaseModel):
    model_config = ConfigDict(extra="ignore")
    status: _Status


async def obtain(access: Access) -> Credentials:
    """The credentials of the kubeconfig's user, read anew; ProviderRefused where they cannot be had."""
    user = access.user
    headers: dict[str, str] = {}
    certificate = await asyncio.to_thread(own_certificate, access)
    expires: datetime | None = None
    token = user.token
    if user.token_file:
        token = await asyncio.to_thread(_read_token, access)
    if user.exec is not None and not token:
        status = await _run(user.exec, access)
        token, expires = status.token, status.expirationTimestamp
        if status.clientCertificateData and status.clientKeyData:
            certificate = (status.clientCertificateData.encode(), status.clientKeyData.encode())
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif user.username:
        basic = base64.b64encode(f"{user.username}:{user.password or ''}".encode()).decode()
        headers["Authorization"] = f"Basic {basic}"
    if user.impersonate:
        headers["Impersonate-User"] = user.impersonate
    if expires is not None and expires.tzinfo is None:
        expires = expires.replace(tzinfo=UTC)
    return Credentials(headers, certificate, expires)


def _read_token(access: Access) -> str:
    try:
        return access.file(access.user.token_file or "").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderRefused(f"The token file cannot be read: {type(error).__name__}.") from error


async def _run(plugin: ExecPlugin, access: Access) -> _Status:
    if plugin.apiVersion not in _EXEC_VERSIONS:
        raise ProviderRefused(f"The exec plugin {plugin.command} speaks {plugin.apiVersion}, which is not known.")
    environment = {
        **os.environ,
        **{variable.name: variable.value for variable in plugin.env},
        "KUBERNETES_EXEC_INFO": json.dumps(_exec_info(plugin, access)),
    }
    # A relative path with a separator is relative to the kubeconfig, a bare name is searched in PATH.
    command = str(access.file(plugin.command)) if os.sep in plugin.command else plugin.command
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *plugin.args,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        hint = f" {plugin.installHint}" if plugin.installHint else ""
        raise ProviderRefused(f"The exec plugin {plugin.command} cannot be started.{hint}") from error
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PLUGIN_SECONDS)
    except TimeoutError as error:
        raise ProviderRefused(f"The exec plugin {plugin.command} gave no answer in time.") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ProviderRefused(f"The exec plugin {plugin.command} failed with code {process.returncode}.")
    try:
        return _ExecCredential.model_validate_json(output).status
    except ValidationError as error:
        raise ProviderRefused(f"The exec plugin {plugin.command} printed no ExecCredential.") from error


def _exec_info(plugin: ExecPlugin, access: Access) -> Tree:
    spec: Tree = {"interactive": False}
    if plugin.provideClusterInfo:
        cluster = access.cluster.model_dump(by_alias=True, exclude_none=True)
        spec["cluster"] = {
            "server": cluster["server"],
            "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"],
            **{key: value for key, value in cluster.items() if key in _CLUSTER_INFO},
        }
    return {"apiVersion": plugin.apiVersion, "kind": "ExecCredential", "spec": spec}


_CLUSTER_INFO = frozenset({"certificate-authority-data", "tls-server-name", "proxy-url"})
