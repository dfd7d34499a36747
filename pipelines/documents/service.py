"""The `service:` document. Imports the shared model base only."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from pipelines.documents.base import (
    Content,
    Description,
    Identifier,
    JsonObject,
    Model,
    Name,
    Organised,
    Some,
    Tags,
    Text,
    Word,
)
from pipelines.documents.variables import Variable


class ArtifactSource(Model):
    """Where an artifact comes from; `spec` is free: imagePath, tag, region, version and the like."""

    identifier: Identifier
    type: Word
    spec: JsonObject = Field(default_factory=dict)


class PrimaryArtifact(Model):
    """The sources of the main artifact, one of which is used."""

    primary_artifact_ref: Text | None = None
    sources: Some[ArtifactSource]


class Sidecar(Model):
    """An additional artifact beside the primary one."""

    sidecar: ArtifactSource


class Artifacts(Model):
    """What the service is built from."""

    primary: PrimaryArtifact | None = None
    sidecars: tuple[Sidecar, ...] = ()


class InlineStore(Model):
    """A manifest written into the configuration itself."""

    content: Content


class LocalStore(Model):
    """A manifest beside the configuration file; `path` is relative and stays below that file's directory."""

    path: Annotated[str, Field(min_length=1, max_length=1_024)]

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if path.startswith(("/", "~", "\\")) or ".." in re.split(r"[/\\]", path):
            raise PydanticCustomError(
                "path", "leads out of the folder of the file; write it without a leading / and .."
            )
        return path


# A local directory that was packed when the configuration was applied. Nobody can write this store.
PACKAGE = "Package"
LOCAL = "Local"
STORES: Mapping[str, type[Model]] = MappingProxyType({"Inline": InlineStore, LOCAL: LocalStore})


class Store(Model):
    """Where a manifest is kept. Inline and Local are understood; `spec` of any other type is kept as it is."""

    type: Word
    spec: JsonObject = Field(default_factory=dict)

    @property
    def content(self) -> str | None:
        """The inline text, its expressions not rendered yet."""
        return self._text("content")

    @property
    def path(self) -> str | None:
        """The local path, relative to the configuration file."""
        return self._text("path")

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the directory that was packed."""
        return self._text("digest") if self.type == PACKAGE else None

    def _text(self, key: str) -> str | None:
        value = self.spec.get(key)
        return value if isinstance(value, str) else None


class ManifestSpec(Model):
    """The store of a manifest; what else may stand here, the platform's manifest type says."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    store: Store

    @property
    def options(self) -> JsonObject:
        """What stands beside the store, as written."""
        return dict(self.model_extra or {})


class Manifest(Model):
    """One manifest of a service; `type` is a word of the platform."""

    identifier: Identifier
    type: Word
    spec: ManifestSpec


class ManifestEntry(Model):
    """The wrapper that the format puts around each manifest."""

    manifest: Manifest


class ServiceSpec(Model):
    """What is deployed: artifacts, manifests and variables."""

    artifacts: Artifacts = Artifacts()
    manifests: tuple[ManifestEntry, ...] = ()
    variables: tuple[Variable, ...] = ()


class ServiceDefinition(Model):
    """The deployment type, as the YAML spells it, and what is deployed."""

    type: Word
    spec: ServiceSpec = ServiceSpec()


class Service(Organised):
    """A deployable thing with one deployment type."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    service_definition: ServiceDefinition

    @property
    def deployment_type(self) -> str:
        """The deployment type as the YAML spells it; not necessarily one that a platform carries."""
        return self.service_definition.type

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests without their wrappers, in written order."""
        return tuple(entry.manifest for entry in self.service_definition.spec.manifests)

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The service's own variables."""
        return self.service_definition.spec.variables

    @property
    def primary_source(self) -> ArtifactSource | None:
        """The artifact source that `primaryArtifactRef` names; the only source where it names none."""
        primary = self.service_definition.spec.artifacts.primary
        if primary is None:
            return None
        if primary.primary_artifact_ref is None:
            return primary.sources[0] if len(primary.sources) == 1 else None
        named = (source for source in primary.sources if source.identifier == primary.primary_artifact_ref)
        return next(named, None)
