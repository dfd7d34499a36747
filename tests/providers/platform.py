"""What the contract needs to know of a platform: a world, a provider in it, a target, versions and steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from pydantic import BaseModel

from providers.registry import AnyProvider
from providers.values import Artifact, LiveInstance, Release
from sandbox.core.requests import RequestRecord
from sandbox.core.world import World

Steps = tuple[BaseModel, ...]
"""The specs of a strategy's steps, in their order."""


class Platform(ABC):
    """A world, a provider connected to it, a target in it, and two versions to deploy there."""

    provider: AnyProvider
    target: BaseModel
    agent: str = "^unship/"
    """What the user agent of every request matches that the provider causes."""
    fewest_announced: int = 3
    """How many requests a deployment announces at least."""
    fewest_effects: int = 4
    """How many operations a deployment and its rollback take at least to change what they change."""
    loses_many_answers: bool = True
    """Whether an attempt comes to its end where several of its requests get no answer."""
    contended: str = ""
    """A pattern of the operations to which the platform may say that something else is not done yet."""
    waits_for_ever: bool = False
    """Whether a step that gets no answer ends with its time only: then it is taken again."""
    of_failures: str = "$^"
    """A pattern of the effects by which a step that fails notes that, or takes back what it did."""
    deploy_steps: Steps
    rollback_steps: Steps

    @property
    @abstractmethod
    def world(self) -> World:
        """The sandbox world that the platform runs on."""

    @abstractmethod
    def release(self, version: str) -> Release:
        """The release of a version; versions differ in what runs and in nothing else."""

    @abstractmethod
    def running(self) -> list[str]:
        """The versions that serve, one entry for each live copy, from the world's own state."""

    def serves(self, instance: LiveInstance) -> bool:
        """Whether an instance is one of those that `running` tells: of two colours, only one is."""
        return True

    @abstractmethod
    def fingerprint(self) -> object:
        """A value of the world that changes with every change of it."""

    @abstractmethod
    def state(self) -> object:
        """All that a rollback is to bring back, from the world's own state."""

    @abstractmethod
    def break_version(self, version: str) -> None:
        """From now on this version does not get up."""

    @abstractmethod
    def change_by_hand(self) -> None:
        """Somebody changes what the release manages, past Unship."""

    @abstractmethod
    def close_the_way(self) -> None:
        """Make it impossible to go back to any earlier version."""

    @abstractmethod
    def is_harmless(self, request: RequestRecord) -> bool:
        """Whether a request other than GET asks something only and changes nothing."""

    @abstractmethod
    def safeguard(self, request: RequestRecord) -> str:
        """The key of the provider's `safeguards` for a request."""

    @abstractmethod
    def close(self) -> None:
        """End the world."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spec(self, step_type: str, **keys: object) -> BaseModel:
        """The spec of a step, as its YAML would give it."""
        return self.provider.step_types[step_type].spec_model.model_validate(keys)

    def version(self, artifact: Artifact) -> str | None:
        """The version of a release that an artifact is."""
        return artifact.tag

    def effects(self, mark: int) -> list[RequestRecord]:
        """The requests after `mark` that could change something."""
        return [request for request in self.world.requests.writes(mark) if not self.is_harmless(request)]

    def announced(self, effects: list[RequestRecord]) -> int:
        """How often the provider had to announce these effects: each by itself.

        Not so where a program of the vendor's makes them, which is announced when it is started.
        """
        return len(effects)
