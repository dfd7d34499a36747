"""The platforms of the crash matrix: a world with traps, and a pipeline of one stage or of parallel ones in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from providers.connectors import Connectors
from providers.values import DeploymentType, Manifest
from sandbox.kubernetes.controllers.manager import Pace
from tests.durability.traps import TrappedCluster, TrappedFoundation, TrappedRegion, TrappedWorld
from tests.providers.applied import in_words
from tests.providers.asg.platform import AsgPlatform
from tests.providers.ecs.platform import EcsPlatform
from tests.providers.helm.charts import WEB
from tests.providers.helm.platform import HelmPlatform
from tests.providers.kubernetes.platform import RELEASE, KubernetesPlatform
from tests.providers.platform import Platform
from tests.providers.tas.platform import TasPlatform
from tests.vendor_clients import HELM_4

TICK = 0.005
PIPELINE = "crash"
PLACES = {"one": ("first",), "parallel": ("first", "second")}
"""By shape, the stages: each has an environment and objects at the platform of its own."""

_VERSION = "<+pipeline.variables.version>"
_HERE = "<+env.identifier>"

Document = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A platform in a trapped world, in a directory with its connectors file.

    `names` is a pattern of what must be another one at each place.
    """

    platform: Platform
    world: TrappedWorld
    directory: Path
    names: str

    def prepare(self, shape: str) -> Path:
        """Write the connectors file, and the configuration, whose path is returned."""
        found = self.platform.__dict__["connectors"]
        entries = found.by_identifier if isinstance(found, Connectors) else found
        connectors = [
            {"identifier": one.identifier, "type": one.type, "spec": dict(one.spec)} for one in entries.values()
        ]
        (self.directory / "connectors.yaml").write_text(yaml.safe_dump({"connectors": connectors}))
        documents = [self._service(), *(part for place in PLACES[shape] for part in self._place(place))]
        path = self.directory / "configuration.yaml"
        path.write_text(yaml.safe_dump_all([*documents, self._pipeline(PLACES[shape])], sort_keys=False))
        return path

    def effects(self, since: int) -> list[str]:
        """What was changed at the platform, after the first `since` times, in words that fit every run."""
        return in_words(self.world.effects[since:])

    def unsettled(self) -> list[str]:
        """The releases of helm whose newest record does not say that it is deployed."""
        if not isinstance(self.world, TrappedCluster):
            return []
        newest: dict[str, tuple[int, str]] = {}
        for secret in self.world.list("Secret"):
            labels = secret["metadata"].get("labels", {})
            if labels.get("owner") == "helm":
                record = (int(labels["version"]), labels["status"])
                newest[labels["name"]] = max(newest.get(labels["name"], record), record)
        return [f"{name} {record}" for name, record in newest.items() if record[1] != "deployed"]

    @property
    def by_proxy(self) -> bool:
        """Whether a program of the vendor's sends the requests, which a killed server leaves behind."""
        return self.platform.agent != Platform.agent

    def _service(self) -> Document:
        provider = self.platform.provider
        source: Document = {
            "identifier": "primary",
            "type": "DockerRegistry",
            "spec": {"imagePath": "library/nginx", "tag": _VERSION},
        }
        if provider.deployment_type is DeploymentType.ASG:
            spec = {"region": "eu-west-1", "version": f"ami-{_VERSION}"}
            source |= {"type": "AmazonMachineImage", "spec": spec}
        manifests = [self._manifest(one) for one in self.platform.release(_VERSION).manifests]
        spec = {
            "artifacts": {"primary": {"primaryArtifactRef": "primary", "sources": [source]}},
            "manifests": manifests,
        }
        definition = {"type": provider.yaml_type, "spec": spec}
        return {"service": {"identifier": PIPELINE, "name": PIPELINE, "serviceDefinition": definition}}

    def _manifest(self, manifest: Manifest) -> Document:
        store: Document = {"type": "Inline", "spec": {"content": self._named(manifest.content, _HERE)}}
        if manifest.archive is not None:
            _write_chart(self.directory / "chart", self.names)
            store = {"type": "Local", "spec": {"path": "./chart"}}
        return {
            "manifest": {"identifier": manifest.identifier, "type": manifest.type, "spec": {"store": store}},
        }

    def _place(self, place: str) -> tuple[Document, Document]:
        provider = self.platform.provider
        target = self._named(json.dumps(_plain(self.platform.target)), place)
        infrastructure = {
            "identifier": place,
            "name": place,
            "environmentRef": place,
            "deploymentType": provider.yaml_type,
            "type": provider.infrastructure_type,
            "spec": json.loads(target),
        }
        return (
            {"environment": {"identifier": place, "name": place, "type": "Production"}},
            {"infrastructureDefinition": infrastructure},
        )

    def _pipeline(self, places: tuple[str, ...]) -> Document:
        stages = [self._stage(place) for place in places]
        document = {
            "identifier": PIPELINE,
            "name": PIPELINE,
            "variables": [{"name": "version", "type": "String", "value": "none"}],
            "stages": stages if len(stages) == 1 else [{"parallel": stages}],
        }
        return {"pipeline": document}

    def _stage(self, place: str) -> Document:
        steps, rollback_steps = (
            [self._step(index, step) for index, step in enumerate(found)]
            for found in (self.platform.deploy_steps, self.platform.rollback_steps)
        )
        spec = {
            "deploymentType": self.platform.provider.yaml_type,
            "service": {"serviceRef": PIPELINE},
            "environment": {"environmentRef": place, "infrastructureDefinitions": [{"identifier": place}]},
            "execution": {"steps": steps, "rollbackSteps": rollback_steps},
        }
        return {"stage": {"identifier": place, "name": place, "type": "Deployment", "spec": spec}}

    def _step(self, index: int, step: BaseModel) -> Document:
        types = self.platform.provider.step_types.values()
        (name,) = (one.name for one in types if one.spec_model is type(step))
        identifier = f"step{index}"
        return {
            "step": {
                "identifier": identifier,
                "name": identifier,
                "type": name,
                "timeout": "300s",
                "spec": _plain(step),
            }
        }

    def _named(self, text: str, place: str) -> str:
        return re.sub(rf"\b({self.names})\b", rf"\1-{place}", text)


def _plain(model: BaseModel) -> Document:
    found: Document = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return found


def _write_chart(directory: Path, names: str) -> None:
    for name, text in WEB.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(rf"\b{names}\b", "{{ .Release.Name }}", text) if "templates/" in name else text)


def _kubernetes(directory: Path) -> Scene:
    world = TrappedCluster.start(tick=TICK)
    return Scene(KubernetesPlatform(directory, world=world), world, directory, f"web|{RELEASE}")


def _helm(directory: Path) -> Scene:
    world = TrappedCluster.start(tick=TICK, pace=Pace(ready=1))
    return Scene(HelmPlatform(directory, HELM_4, world=world), world, directory, "web")


def _ecs(directory: Path) -> Scene:
    world = TrappedRegion.start(tick=TICK)
    return Scene(EcsPlatform(directory, world=world), world, directory, "payments")


def _asg(directory: Path) -> Scene:
    world = TrappedRegion.start(tick=TICK)
    return Scene(AsgPlatform(directory, world=world), world, directory, "search")


def _tas(directory: Path) -> Scene:
    world = TrappedFoundation.start(tick=TICK)
    return Scene(TasPlatform(directory, world=world), world, directory, "mailer")


SCENES: dict[str, Callable[[Path], Scene]] = {
    "kubernetes": _kubernetes,
    "helm": _helm,
    "ecs": _ecs,
    "asg": _asg,
    "tas": _tas,
}
"""By platform. Each call makes a world of its own, which its platform closes."""
