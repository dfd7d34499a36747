"""What an operator can set, read from the environment with the prefix UNSHIP_. Imports its neighbours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from server.exposure import Exposure, complaint_about_issuer, danger_of, is_loopback
from server.load_settings import LoadSettings
from server.setting_errors import complaint

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class SettingsError(Exception):
    """The settings cannot be used; the message names each variable, what is wrong and what to do."""


class AuthMode(StrEnum):
    """What a caller needs to be let in."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - the name of a mode
    OIDC = "oidc"


class LogFormat(StrEnum):
    """How a line of the log is written: for people, or one JSON object for a collector."""

    TEXT = "text"
    JSON = "json"


class Settings(LoadSettings):
    """Every setting. Frozen; paths are made absolute; sizes in bytes, times as their names say."""

    model_config = SettingsConfigDict(env_prefix="UNSHIP_", frozen=True, extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(
        default=Path("data"),
        description="Directory of the embedded database and of the engine's own; created with mode 0700",
    )
    database_url: str = Field(
        default="", description="`sqlite:///FILE` or `postgresql://...`; empty: `sqlite:///<data dir>/unship.db`"
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    connectors: Path | None = Field(
        default=None, description="The connectors file: which platforms can be reached, and how"
    )
    auth: AuthMode = Field(
        default=AuthMode.NONE,
        description="`none`: everybody who reaches the port may do everything, with a machine token or without;"
        " loopback addresses only. `token`: a machine token is needed. `oidc`: that, or a JWT of the issuer",
    )
    oidc_issuer: str = Field(default="", description="With `oidc`: the `iss` of the JWTs that are believed")
    oidc_audience: str = Field(default="", description="With `oidc`: the `aud` that they must be for")
    oidc_jwks_url: str = Field(default="", description="With `oidc`: where the issuer's keys are, by `https://`")
    oidc_roles_claim: str = Field(
        default="",
        description="With `oidc`: the claim that lists roles (`viewer`, `auditor`, `deployer`, `admin`), a nested"
        " one with dots; unset: JWTs carry no role, and their subjects see and do what they have grants for",
    )
    behind_proxy: bool = Field(
        default=False,
        description="Says that a proxy that speaks TLS is the only one that can reach the server: it may then"
        " listen on other addresses than loopback without TLS of its own, and believes the last address of"
        " `X-Forwarded-For`",
    )
    tls_certificate: Path | None = Field(
        default=None, description="Certificate chain (PEM) to serve with; needs `UNSHIP_TLS_KEY`"
    )
    tls_key: Path | None = Field(default=None, description="The certificate's private key (PEM)")
    post_prod_rollback: bool = Field(
        default=False, description="The feature flag: without it every rollback is refused"
    )
    rollback_max_age_days: float = Field(
        default=30, gt=0, allow_inf_nan=False, description="A deployment older than this is not rolled back"
    )
    retention_days: float = Field(
        default=365,
        ge=0,
        allow_inf_nan=False,
        description="After that many days executions that ended, and instances that are gone, are deleted, but for"
        " what a rollback or the present state of a target needs; 0: never",
    )
    instance_sync_seconds: float = Field(
        default=600,
        ge=1,
        allow_inf_nan=False,
        description="How often the live instances are listed at the platforms",
    )
    allow_scripts: bool = Field(
        default=False,
        description="Whether pipelines may carry ShellScript and Http steps, which run on this machine",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names, comma-separated, under which the server may be called; unset: the loopback names",
    )
    max_body_bytes: int = Field(
        default=2 * 1024 * 1024,
        ge=1024,
        description="Largest body of a request; configuration YAML of 1 MiB must fit",
    )
    operations_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of `/metrics`, `/livez` and `/readyz` for supervisors; 0 takes a free one; unset: there"
        " are no metrics, and the two others are on the main port alone",
    )
    operations_host: str = Field(
        default="127.0.0.1",
        description="Address of that port; what is read there names nobody and nothing, and changes nothing. It is"
        " called by its address, or under a name of `UNSHIP_ALLOWED_HOSTS`",
    )
    log_format: LogFormat = Field(
        default=LogFormat.TEXT, description="`text`, or `json` for one JSON object a line; on standard error"
    )
    drain_seconds: int = Field(
        default=0,
        ge=0,
        le=60,
        description="How long after SIGTERM it goes on answering, not ready and refusing mutations, before it"
        " closes its port: as long as load balancers need to notice",
    )
    shutdown_seconds: int = Field(
        default=20,
        ge=1,
        le=600,
        description="How long requests under way may then take before they are cut; five seconds later the"
        " process ends, whatever it is doing",
    )
    lease_seconds: float = Field(
        default=20,
        ge=1,
        le=600,
        description="Of several servers on one PostgreSQL: how long one may show no sign of life before the others"
        " carry on what it was doing",
    )
    audit_key_file: Path | None = Field(
        default=None,
        description="The key that seals the audit log, made at first need; unset: `audit.key` in the data"
        " directory. Servers of one database need the same",
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().lower() for part in value.split(",") if part.strip())
        return value

    @field_validator("data_dir", "connectors", "audit_key_file", "tls_certificate", "tls_key", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.database_url:
            _check_database_url(self.database_url)
        complaint = danger_of(
            Exposure(self.host, self.authenticates, self.behind_proxy, self.tls_certificate, self.tls_key)
        )
        if complaint is None and self.auth is AuthMode.OIDC:
            complaint = complaint_about_issuer(self.oidc_issuer, self.oidc_audience, self.oidc_jwks_url)
        if complaint is not None:
            raise ValueError(complaint)
        return self

    @property
    def authenticates(self) -> bool:
        """Whether callers need credentials, and have no more rights than these give."""
        return self.auth is not AuthMode.NONE

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'unship.db'}"

    @property
    def resolved_audit_key_file(self) -> Path:
        return self.audit_key_file or self.data_dir / "audit.key"

    @property
    def shows_schema(self) -> bool:
        """Whether clients may read the schema."""
        if self.introspection is not None:
            return self.introspection
        return self.auth is AuthMode.NONE and is_loopback(self.host)

    @property
    def callable_hosts(self) -> tuple[str, ...]:
        """The names, without ports, that a Host or Origin header may carry."""
        return self.allowed_hosts or tuple(dict.fromkeys((*LOOPBACK_HOSTS, self.host)))

    def prepare_files(self) -> None:
        """Make the data directory (0700), and let every file that this process creates be its owner's alone."""
        os.umask(0o077)
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in self.data_dir.glob("*.db*"):
                name.chmod(0o600)
        except OSError as error:
            raise SettingsError(f"UNSHIP_DATA_DIR: {self.data_dir} cannot be used: {error.strerror}") from error
        if not os.access(self.data_dir, os.W_OK | os.X_OK):
            raise SettingsError(f"UNSHIP_DATA_DIR: {self.data_dir} is not writable")


def _check_database_url(url: str) -> None:
    # SQLAlchemy takes half of the time that an import of the application's factory may take.
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    from db.database import async_url  # noqa: PLC0415

    try:
        async_url(url)
    except ArgumentError as error:
        raise ValueError("UNSHIP_DATABASE_URL: this is not a database URL") from error


def load_settings(**overrides: object) -> Settings:
    """The settings of the environment; `overrides` win. SettingsError lists everything that is wrong at once."""
    try:
        return Settings.model_validate(overrides)
    except ValidationError as error:
        raise SettingsError("\n".join(map(complaint, error.errors()))) from error


def unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that look like settings but are none: most likely misspelt."""
    known = {f"UNSHIP_{name.upper()}" for name in Settings.model_fields}
    return tuple(sorted(name for name in environment if name.startswith("UNSHIP_") and name not in known))
