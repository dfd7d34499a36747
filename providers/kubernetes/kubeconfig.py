"""A kubeconfig file, read as kubectl reads it: which server, how it proves itself, how we do.

Own reader because lightkube's knows neither `client.authentication.k8s.io/v1` exec plugins, nor plugins that
answer with certificates, nor `tls-server-name` and `proxy-url`.
"""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from providers.errors import ProviderRefused

ModelT = TypeVar("ModelT", bound=BaseModel)


def _empty_for_null(value: object) -> object:
    return [] if value is None else value


class _Section(BaseModel):
    """Part of a kubeconfig; fields that we have no use for are passed over, as kubectl does."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=lambda name: name.replace("_", "-"))


class Cluster(_Section):
    server: str
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None


class ExecVariable(BaseModel):
    name: str
    value: str


class ExecPlugin(BaseModel):
    """A program that prints credentials. Its keys are camelCase in the file."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    apiVersion: str  # noqa: N815 - the file's own spelling
    command: str
    args: Annotated[list[str], BeforeValidator(_empty_for_null)] = []
    env: Annotated[list[ExecVariable], BeforeValidator(_empty_for_null)] = []
    provideClusterInfo: bool = False  # noqa: N815
    installHint: str | None = None  # noqa: N815


class User(_Section):
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = Field(default=None, repr=False)
    token_file: str | None = Field(default=None, alias="tokenFile")
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    impersonate: str | None = Field(default=None, alias="as")
    impersonate_groups: list[str] = Field(default=[], alias="as-groups")
    exec: ExecPlugin | None = None
    auth_provider: dict[str, object] | None = None


class _Context(_Section):
    cluster: str
    user: str | None = None


class _NamedCluster(BaseModel):
    name: str
    cluster: Cluster


class _NamedUser(BaseModel):
    name: str
    user: Annotated[User, BeforeValidator(lambda value: {} if value is None else value)]


class _NamedContext(BaseModel):
    name: str
    context: _Context


class _File(_Section):
    current_context: str | None = None
    clusters: Annotated[list[_NamedCluster], BeforeValidator(_empty_for_null)] = []
    users: Annotated[list[_NamedUser], BeforeValidator(_empty_for_null)] = []
    contexts: Annotated[list[_NamedContext], BeforeValidator(_empty_for_null)] = []


class Access(BaseModel):
    """The chosen context of a kubeconfig; relative paths in it are relative to `directory`."""

    model_config = ConfigDict(frozen=True)
    cluster: Cluster
    user: User
    directory: Path

    def file(self, name: str) -> Path:
        return self.directory / Path(name).expanduser()


def read_access(path: Path, context_name: str | None) -> Access:
    """The cluster and user of `context_name`, else of the current context; ProviderRefused if there is none."""
    try:
        parsed: object = yaml.safe_load(path.read_text(encoding="utf-8"))
        document = _File.model_validate(parsed)
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderRefused(f"The kubeconfig {path} cannot be read: {type(error).__name__}.") from error
    except (yaml.YAMLError, ValidationError) as error:
        # The parsers quote the document, which holds credentials: their message stays here.
        raise ProviderRefused(f"The kubeconfig {path} is not a valid kubeconfig.") from error
    wanted = context_name or document.current_context
    context = next((entry.context for entry in document.contexts if entry.name == wanted), None)
    if context is None:
        known = ", ".join(entry.name for entry in document.contexts) or "none"
        raise ProviderRefused(f'The kubeconfig {path} has no context "{wanted or ""}" (it has: {known}).')
    cluster = next((entry.cluster for entry in document.clusters if entry.name == context.cluster), None)
    if cluster is None:
        raise ProviderRefused(f'The kubeconfig {path} has no cluster "{context.cluster}".')
    user = next((entry.user for entry in document.users if entry.name == context.user), None)
    if user is None and context.user:
        raise ProviderRefused(f'The kubeconfig {path} has no user "{context.user}".')
    if user is not None and user.auth_provider is not None:
        raise ProviderRefused(
            f"The kubeconfig {path} uses an auth-provider, which Kubernetes 1.26 removed: use an exec plugin."
        )
    return Access(cluster=cluster, user=user or User(), directory=path.resolve().parent)


def decoded(data: str, what: str) -> bytes:
    """Base64 of a kubeconfig field; ProviderRefused names the field, never its content."""
    try:
        return base64.b64decode(data, validate=False)
    except binascii.Error as error:
        raise ProviderRefused(f"The kubeconfig's {what} is not base64.") from error


def tls_context(access: Access, certificate: tuple[bytes, bytes] | None) -> ssl.SSLContext | bool:
    """How to check the server, with our own certificate and key (PEM) where there is one."""
    cluster = access.cluster
    if not cluster.server.startswith("https:"):
        # Nothing to check, and redirects are not followed; loading the machine's authorities takes 0.1 s.
        return False
    try:
        if cluster.certificate_authority_data:
            authority = decoded(cluster.certificate_authority_data, "certificate-authority-data")
            context = ssl.create_default_context(cadata=authority.decode("ascii"))
        elif cluster.certificate_authority:
            context = ssl.create_default_context(cafile=str(access.file(cluster.certificate_authority)))
        else:
            context = ssl.create_default_context()
        if cluster.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if certificate is not None:
            _load(context, *certificate)
    except (OSError, ValueError) as error:
        raise ProviderRefused("The kubeconfig's certificates cannot be used.", type(error).__name__) from error
    return context


def _load(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    # OpenSSL reads a certificate chain from a file only; it exists, for this user alone, while it is read.
    with tempfile.NamedTemporaryFile(prefix="unship-", suffix=".pem") as file:
        file.write(certificate + b"\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


def own_certificate(access: Access) -> tuple[bytes, bytes] | None:
    """The client certificate and key of the kubeconfig, in PEM."""
    user = access.user
    certificate = _pem(access, user.client_certificate_data, user.client_certificate, "client-certificate")
    key = _pem(access, user.client_key_data, user.client_key, "client-key")
    return (certificate, key) if certificate and key else None


def _pem(access: Access, data: str | None, file: str | None, what: str) -> bytes | None:
    if data:
        return decoded(data, f"{what}-data")
    if not file:
        return None
    try:
        return access.file(file).read_bytes()
    except OSError as error:
        raise ProviderRefused(f"The kubeconfig's {what} cannot be read: {type(error).__name__}.") from error
