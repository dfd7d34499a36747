"""The result of loading a configuration. Imports the models only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from pipelines.documents.environment import Environment, EnvironmentGroup, InfrastructureDefinition
from pipelines.documents.freeze_window import FreezeWindow
from pipelines.documents.pipeline import Pipeline
from pipelines.documents.service import Service

ModelT = TypeVar("ModelT", bound=BaseModel)

AnyDocument = Service | Environment | EnvironmentGroup | InfrastructureDefinition | Pipeline | FreezeWindow

KINDS: Mapping[str, type[AnyDocument]] = {
    "service": Service,
    "environment": Environment,
    "environmentGroup": EnvironmentGroup,
    "infrastructureDefinition": InfrastructureDefinition,
    "pipeline": Pipeline,
    "freezeWindow": FreezeWindow,
}


@dataclass(frozen=True)
class Loaded(Generic[ModelT]):
    """One document: its model, its position in the input (from 1) and its verbatim YAML."""

    model: ModelT
    document: int
    source: str


@dataclass(frozen=True)
class Configuration:
    """Every document of an input, checked; each tuple in written order."""

    services: tuple[Loaded[Service], ...] = ()
    environments: tuple[Loaded[Environment], ...] = ()
    groups: tuple[Loaded[EnvironmentGroup], ...] = ()
    infrastructures: tuple[Loaded[InfrastructureDefinition], ...] = ()
    pipelines: tuple[Loaded[Pipeline], ...] = ()
    freeze_windows: tuple[Loaded[FreezeWindow], ...] = ()
