"""The documents about environments, their groups and infrastructures. Imports the shared model base only."""

from enum import StrEnum

from pydantic import Field

from pipelines.documents.base import Description, Identifier, JsonObject, Name, Organised, Some, Tags, Word
from pipelines.documents.variables import Variable


class EnvironmentKind(StrEnum):
    """How the YAML spells the type of an environment."""

    PRODUCTION = "Production"
    PRE_PRODUCTION = "PreProduction"


class Environment(Organised):
    """Where services run. `require_rollback_approval`: a second person has to approve each rollback there."""

    identifier: Identifier
    name: Name
    type: EnvironmentKind
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    require_rollback_approval: bool = False
    variables: tuple[Variable, ...] = ()


class EnvironmentGroup(Organised):
    """Environments that belong together."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    env_identifiers: Some[Identifier]


class InfrastructureDefinition(Organised):
    """One concrete place in an environment; `spec` is the platform's own and is kept unrendered."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    environment_ref: Identifier
    deployment_type: Word
    type: Word
    spec: JsonObject = Field(default_factory=dict)
    allow_simultaneous_deployments: bool = False
