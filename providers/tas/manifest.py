"""The manifest of an app, in the format of `cf push`, with its variables filled in.

docs.cloudfoundry.org/devguide/deploy-apps/manifest-attributes.html. What Unship cannot do is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator

from providers.errors import ProviderRefused
from providers.tas.values import MANIFEST_TYPE, VARIABLES_TYPE, HealthCheck
from providers.values import Manifest, Release
from providers.yaml_text import documents

_SIZE = re.compile(r"(\d{1,7})\s*([MGT])B?", re.IGNORECASE)
_FACTOR = {"M": 1, "G": 1 << 10, "T": 1 << 20}
_VARIABLE = re.compile(r"\(\(([-/.\w]+)\)\)")


def _megabytes(value: object) -> object:
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a size like 256M or 1G")
    return int(found[1]) * _FACTOR[found[2].upper()]


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Megabytes = Annotated[int, BeforeValidator(_megabytes), Field(ge=1)]
Text = Annotated[str, BeforeValidator(_text)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"), populate_by_name=True
    )


class Docker(_Part):
    """The image; `username` is the registry's, its password the variable CF_DOCKER_PASSWORD of TasVars."""

    image: str = Field(min_length=1)
    username: str | None = None


class Route(_Part):
    route: str = Field(min_length=1)
    protocol: Literal["http1", "http2"] | None = None


class ProcessSpec(_Part):
    """What may be said of a process type; what is not said stays as it is."""

    type: str = "web"
    instances: int | None = Field(default=None, ge=0, le=100_000)
    memory: Megabytes | None = None
    disk_quota: Annotated[Megabytes | None, Field(alias="disk_quota")] = None
    command: str | None = None
    health_check_type: Literal["port", "process", "http", "none"] | None = None
    health_check_http_endpoint: str | None = None
    health_check_invocation_timeout: int | None = Field(default=None, ge=1)
    health_check_interval: int | None = Field(default=None, ge=1)
    timeout: int | None = Field(default=None, ge=1)

    @property
    def health_check(self) -> HealthCheck | None:
        """The health check in the API's words; None where nothing is said of it."""
        data: dict[str, JsonValue] = {
            "timeout": self.timeout,
            "invocation_timeout": self.health_check_invocation_timeout,
            "interval": self.health_check_interval,
            "endpoint": self.health_check_http_endpoint,
        }
        data = {name: value for name, value in data.items() if value is not None}
        kind = "process" if self.health_check_type == "none" else self.health_check_type
        if kind is None and not data:
            return None
        return HealthCheck(type=kind or ("http" if "endpoint" in data else "port"), data=data)


class AppManifest(ProcessSpec):
    """One app of a manifest."""

    name: str = Field(min_length=1, max_length=200)
    docker: Docker
    env: dict[str, Text] = {}
    routes: tuple[Route, ...] = ()
    no_route: bool = False
    processes: tuple[ProcessSpec, ...] = ()

    @model_validator(mode="after")
    def _one_of_each(self) -> AppManifest:
        kinds = [process.type for process in self.processes]
        if len(kinds) != len(set(kinds)):
            raise ValueError("a process type appears twice")
        if self.type != "web":
            raise ValueError("type belongs to a member of processes")
        if self.no_route and self.routes:
            raise ValueError("no-route and routes exclude each other")
        return self

    @property
    def all_processes(self) -> tuple[ProcessSpec, ...]:
        """The process types; what is said beside `processes` is about web."""
        own = ProcessSpec.model_construct(**{name: getattr(self, name) for name in ProcessSpec.model_fields})
        web = next((process for process in self.processes if process.type == "web"), None)
        if web is not None:
            own = own.model_copy(update=web.model_dump(exclude_none=True))
        return (own, *(process for process in self.processes if process.type != "web"))

    @property
    def web(self) -> ProcessSpec:
        return self.all_processes[0]

    def sized(self, instances: int) -> AppManifest:
        """The same with so many web instances."""
        rest = tuple(process for process in self.processes if process.type != "web")
        web = self.web
        return self.model_copy(
            update={
                **{name: getattr(web, name) for name in ProcessSpec.model_fields},
                "instances": instances,
                "processes": rest,
            }
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    applications: tuple[AppManifest, ...]

    @model_validator(mode="after")
    def _one(self) -> _File:
        if len(self.applications) != 1:
            raise ValueError("a service deploys one app, so the list holds one")
        return self


class Wanted(BaseModel):
    """What a release wants: its app, and the password of its image's registry."""

    model_config = ConfigDict(frozen=True)
    app: AppManifest
    docker_password: str | None = Field(default=None, repr=False)


def read_manifest(release: Release) -> Wanted:
    """The app that a release wants; ProviderRefused names what is wrong or missing."""
    found = [manifest for manifest in release.manifests if manifest.type == MANIFEST_TYPE]
    strange = [one for one in release.manifests if one.type not in {MANIFEST_TYPE, VARIABLES_TYPE}]
    if strange:
        raise ProviderRefused(
            f'Manifest "{strange[0].identifier}" is of type {strange[0].type}; TAS takes {MANIFEST_TYPE} and '
            f"{VARIABLES_TYPE}."
        )
    if len(found) != 1:
        raise ProviderRefused(
            f'Service "{release.service}" has {len(found)} manifests of type {MANIFEST_TYPE}; it needs one.'
        )
    variables = tuple(sorted(_variables(release.manifests).items()))
    return _read(found[0].identifier, found[0].content, variables)


def _variables(manifests: Iterable[Manifest]) -> dict[str, str]:
    found: dict[str, str] = {}
    for manifest in manifests:
        if manifest.type != VARIABLES_TYPE:
            continue
        where = f'Manifest "{manifest.identifier}"'
        for document in documents(where, manifest.content):
            if not isinstance(document, dict):
                raise ProviderRefused(f"{where} must be a mapping of variables to values.")
            found |= {name: str(_text(value)) for name, value in document.items()}
    return found


@lru_cache(maxsize=64)
def _read(identifier: str, content: str, variables: tuple[tuple[str, str], ...]) -> Wanted:
    where = f'Manifest "{identifier}"'
    values = dict(variables)
    parsed = [_filled(where, one, values) for one in documents(where, content) if one is not None]
    if len(parsed) != 1:
        raise ProviderRefused(f"{where} must be one document with `applications`.")
    try:
        file = _File.model_validate(parsed[0])
    except ValidationError as error:
        raise ProviderRefused(f"{where} cannot be used: {_what(error)}.") from error
    return Wanted(app=file.applications[0], docker_password=values.get("CF_DOCKER_PASSWORD"))


def _filled(where: str, value: JsonValue, variables: Mapping[str, str]) -> JsonValue:
    """The value with ((name)) replaced; a number stays one where it is all there is."""
    if isinstance(value, dict):
        return {key: _filled(where, item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(where, item, variables) for item in value]
    if not isinstance(value, str):
        return value
    missing = [name for name in _VARIABLE.findall(value) if name not in variables]
    if missing:
        raise ProviderRefused(f"{where} uses (({missing[0]})), which no {VARIABLES_TYPE} manifest sets.")
    whole = _VARIABLE.fullmatch(value)
    if whole and variables[whole[1]].isdigit():
        return int(variables[whole[1]])
    return _VARIABLE.sub(lambda found: variables[found[1]], value)


_NOT_OURS = {
    "path": "Unship deploys container images: give docker: {image: ...}",
    "buildpacks": "Unship deploys container images: give docker: {image: ...}",
    "buildpack": "Unship deploys container images: give docker: {image: ...}",
    "random-route": "a route must be the same at each deployment: list it under routes",
    "default-route": "list the route under routes",
    "services": "bind services to the app once, outside of its deployments",
}


def _what(error: ValidationError) -> str:
    told: list[str] = []
    for item in error.errors():
        path = ".".join(str(part) for part in item["loc"])
        key = str(item["loc"][-1]) if item["loc"] else ""
        if item["type"] == "extra_forbidden":
            advice = f" ({_NOT_OURS[key]})" if key in _NOT_OURS else ""
            told.append(f'the key "{key}" at {path} is not supported{advice}')
        else:
            told.append(f"{path}: {item['msg']}")
    return "; ".join(told)
