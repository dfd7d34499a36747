"""What operators configure: services, environments, groups, infrastructures, pipelines, freeze windows."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel, col

from db.columns import UtcDateTime, new_id, now, text_enum
from db.folding import Folded
from db.statuses import EnvironmentType
from providers.values import DeploymentType


class Service(SQLModel, table=True):
    """A deployable thing with one deployment type. `definition` is its parsed YAML document."""

    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str = Field(unique=True)
    name: str
    description: str | None = None
    tags: dict[str, str] = Field(default_factory=dict, sa_type=sa.JSON)
    deployment_type: DeploymentType = Field(sa_type=text_enum(DeploymentType))
    definition: dict[str, Any] = Field(sa_type=sa.JSON)
    last_deployed_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


sa.Index("ix_service_folded_name", Folded(col(Service.name)), col(Service.id))


class Package(SQLModel, table=True):
    """A directory that a service's manifest named, packed (tar.gz) when its configuration was applied.

    By content: `digest` is its hex SHA-256, so that the same directory is stored once and never changes.
    """

    digest: str = Field(primary_key=True)
    content: bytes = Field(sa_type=sa.LargeBinary)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class Environment(SQLModel, table=True):
    """Where services run. `definition` is its parsed YAML document."""

    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str = Field(unique=True)
    name: str
    type: EnvironmentType = Field(sa_type=text_enum(EnvironmentType))
    definition: dict[str, Any] = Field(sa_type=sa.JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class EnvironmentGroup(SQLModel, table=True):
    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str = Field(unique=True)
    name: str


class EnvironmentGroupMember(SQLModel, table=True):
    group_id: str = Field(primary_key=True, foreign_key="environmentgroup.id")
    environment_id: str = Field(primary_key=True, foreign_key="environment.id", index=True)
    position: int


class Infrastructure(SQLModel, table=True):
    """One concrete place in an environment. `spec` is the YAML block, its expressions not yet resolved."""

    __table_args__ = (sa.UniqueConstraint("environment_id", "identifier"),)

    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str
    name: str
    environment_id: str = Field(foreign_key="environment.id")
    deployment_type: DeploymentType = Field(sa_type=text_enum(DeploymentType))
    spec: dict[str, Any] = Field(sa_type=sa.JSON)


class Pipeline(SQLModel, table=True):
    """A pipeline as it is now; executions own frozen copies. `last_sequence` counts its executions."""

    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str = Field(unique=True)
    name: str
    yaml: str
    last_sequence: int = 0
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class FreezeWindow(SQLModel, table=True):
    """A time in which environments are left as they are. `definition` is its parsed YAML document."""

    id: str = Field(default_factory=new_id, primary_key=True)
    identifier: str = Field(unique=True)
    name: str
    definition: dict[str, Any] = Field(sa_type=sa.JSON)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class FreezeWindowEnvironment(SQLModel, table=True):
    """An environment that a freeze window names itself."""

    window_id: str = Field(primary_key=True, foreign_key="freezewindow.id")
    environment_id: str = Field(primary_key=True, foreign_key="environment.id", index=True)
    position: int


class FreezeWindowGroup(SQLModel, table=True):
    """A group that a freeze window names: it covers what belongs to the group at the time."""

    window_id: str = Field(primary_key=True, foreign_key="freezewindow.id")
    group_id: str = Field(primary_key=True, foreign_key="environmentgroup.id", index=True)
    position: int
