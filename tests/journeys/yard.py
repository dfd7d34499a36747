"""A service with pipelines that a test composes from stages and steps, in namespaces of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.core.requests import RequestRecord
from sandbox.kubernetes import KubernetesWorld
from tests.support.unship import Unship

Entry = dict[str, Any]

OLD, NEW, NEXT = "v1", "v2", "v3"
BAD = "broken"
KUBECTL = Path(sys.executable).parent / "kubectl"

MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {release: <+artifacts.primary.tag>}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  progressDeadlineSeconds: 100
  strategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: <+artifacts.primary.image>}]}
"""

_INSTANCES = """
query ($service: String!) { service(identifier: $service) { environments { environment { identifier }
  rollbackStatus rollbackEligibility { verdict reasons { code } } lastExecution { id }
  instances(first: 100) { nodes {
    id key artifact { tag digest } health rollbackStatus execution { id kind } } } } } }
"""


def step(identifier: str, type_: str, spec: Entry | None = None, **more: Any) -> Entry:
    """One item of a list of steps."""
    return {"step": {"identifier": identifier, "name": identifier, "type": type_, "spec": spec or {}, **more}}


def rollout(identifier: str = "rollout", timeout: str = "30s", **more: Any) -> Entry:
    return step(identifier, "K8sRollingDeploy", timeout=timeout, **more)


def undo(identifier: str = "undo", timeout: str = "30s", **more: Any) -> Entry:
    return step(identifier, "K8sRollingRollback", timeout=timeout, **more)


def script(identifier: str, text: str, outputs: tuple[str, ...] = (), timeout: str = "30s", **more: Any) -> Entry:
    spec: Entry = {"shell": "Bash", "source": {"type": "Inline", "spec": {"script": text}}}
    if outputs:
        spec["outputVariables"] = [{"name": name, "type": "String", "value": name} for name in outputs]
    return step(identifier, "ShellScript", spec, timeout=timeout, **more)


def group(identifier: str, *entries: Entry, **more: Any) -> Entry:
    return {"stepGroup": {"identifier": identifier, "name": identifier, "steps": list(entries), **more}}


def together(*entries: Entry) -> Entry:
    """Steps, or stages, side by side."""
    return {"parallel": list(entries)}


def on_failure(action: str, spec: Entry | None = None, errors: str = "AllErrors") -> list[Entry]:
    """The value of `failureStrategies`."""
    chosen: Entry = {"type": action} | ({"spec": spec} if spec else {})
    return [{"onFailure": {"errors": [errors], "action": chosen}}]


def custom(identifier: str, *steps: Entry, **more: Any) -> Entry:
    """A stage that deploys nothing."""
    spec = {"execution": {"steps": list(steps)}}
    return {"stage": {"identifier": identifier, "name": identifier, "type": "Custom", "spec": spec, **more}}


class _Plain(yaml.SafeDumper):
    """Writes every value out: anchors are not allowed."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class Gate:
    """A script step that ends when the test says so; its path reaches the script as it is."""

    path: Path

    def step(self, identifier: str = "gate", **more: Any) -> Entry:
        return script(identifier, f"while [ ! -e '{self.path}' ]; do sleep 0.05; done", **more)

    def open(self) -> None:
        self.path.touch()

    def close(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Yard:
    """One service and its pipeline, both named `name`; environments are named for the test's own words."""

    name: str
    unship: Unship
    world: KubernetesWorld
    type: str = "Kubernetes"
    manifest: str = MANIFEST
    connector: str = "cluster"
    variables: dict[str, str] = field(default_factory=dict[str, str])

    def stage(
        self, identifier: str, environment: str = "", steps: Any = None, undo_: Any = None, **more: Any
    ) -> Entry:
        """A stage that deploys the service to the environment of that name (its own identifier's by default)."""
        where = environment or identifier
        spec: Entry = {
            "deploymentType": self.type,
            "service": {"serviceRef": self.name},
            "environment": {
                "environmentRef": self.environment(where),
                "infrastructureDefinitions": [{"identifier": "cluster"}],
            },
            "execution": {
                "steps": [rollout()] if steps is None else steps,
                "rollbackSteps": [undo()] if undo_ is None else undo_,
            },
        }
        return {
            "stage": {"identifier": identifier, "name": identifier, "type": "Deployment", "spec": spec, **more}
        }

    def environment(self, name: str) -> str:
        return name if name.startswith("<+") else f"{self.name}_{name}"

    def namespace(self, environment: str = "prod") -> str:
        return f"{self.name}-{environment}".replace("_", "-")

    def apply(self, *stages: Entry, environments: tuple[str, ...] = ("prod",), **pipeline: Any) -> None:
        """Apply service, environments and the pipeline of these stages; nothing may be wrong with them."""
        self.apply_documents(self.service(), *self.places(environments), self.pipeline(*stages, **pipeline))

    def apply_documents(self, *documents: Entry) -> None:
        problems = self.unship.apply(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False))
        assert problems == [], problems

    def service(self) -> Entry:
        source = {
            "identifier": "image",
            "type": "DockerRegistry",
            "spec": {"imagePath": f"shop/{self.name}", "tag": "<+pipeline.variables.tag>"},
        }
        spec: Entry = {
            "artifacts": {"primary": {"primaryArtifactRef": "image", "sources": [source]}},
            "variables": [{"name": k, "type": "String", "value": v} for k, v in self.variables.items()],
        }
        if self.type == "Kubernetes":
            store = {"type": "Inline", "spec": {"content": self.manifest}}
            spec["manifests"] = [
                {"manifest": {"identifier": "web", "type": "K8sManifest", "spec": {"store": store}}}
            ]
        definition = {"type": self.type, "spec": spec}
        return {"service": {"identifier": self.name, "name": self.name, "serviceDefinition": definition}}

    def places(self, environments: tuple[str, ...]) -> list[Entry]:
        found: list[Entry] = []
        for name in environments:
            environment = {"identifier": self.environment(name), "name": name, "type": "Production"}
            infrastructure = {
                "identifier": "cluster",
                "name": "cluster",
                "environmentRef": self.environment(name),
                "deploymentType": self.type,
                "type": "KubernetesDirect",
                "spec": {
                    "connectorRef": self.connector,
                    "namespace": self.namespace(name),
                    "releaseName": "release-<+INFRA_KEY_SHORT_ID>",
                },
            }
            found += [{"environment": environment}, {"infrastructureDefinition": infrastructure}]
        return found

    def pipeline(self, *stages: Entry, variables: Any = (), identifier: str = "", **more: Any) -> Entry:
        """The pipeline; `variables` come after the tag."""
        tag = {"name": "tag", "type": "String", "value": OLD}
        name = identifier or self.name
        document = {
            "identifier": name,
            "name": name,
            "variables": [tag, *variables],
            "stages": list(stages),
            **more,
        }
        return {"pipeline": document}

    def deploy(self, tag: str = OLD, **variables: str) -> str:
        """Deploy to the successful end."""
        return self.unship.deploy(self.name, tag=tag, **variables)

    def run(self, tag: str = OLD, **variables: str) -> str:
        return self.unship.run(self.name, tag=tag, **variables)

    def ran(self, tag: str = OLD, **variables: str) -> tuple[str, str]:
        """Run to the end, whatever it is; the execution and its status."""
        execution = self.run(tag, **variables)
        return execution, self.unship.finish(execution)

    def stage_id(self, execution: str, identifier: str = "prod") -> str:
        stages = self.unship.execution(execution)["stages"]
        found: str = next(stage["id"] for stage in stages if stage["identifier"] == identifier)
        return found

    def tags(self, environment: str = "prod") -> list[str]:
        """The tags of the pods that run now, as the cluster has them."""
        pods = self.world.store.list("Pod", self.namespace(environment))
        running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return sorted(pod["spec"]["containers"][0]["image"].partition(":")[2] for pod in running)

    def config(self, environment: str = "prod") -> dict[str, str] | None:
        found = self.world.store.get("ConfigMap", self.namespace(environment), "settings")
        return None if found is None else found["data"]

    def dashboard(self, environment: str = "prod") -> dict[str, Any]:
        """The service's row for that environment, with its instances."""
        rows = self.unship.data(_INSTANCES, service=self.name)["service"]["environments"]
        return next(row for row in rows if row["environment"]["identifier"] == self.environment(environment))

    def instances(self, environment: str = "prod") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.dashboard(environment)["instances"]["nodes"]
        return found

    def writes(self, mark: int, environment: str = "prod") -> list[RequestRecord]:
        """The requests since `mark` that changed something there; questions about permission change nothing."""
        inside = f"namespaces/{self.namespace(environment)}"
        return [record for record in self.world.requests.writes(mark) if inside in record.path]

    def kubectl(self, *arguments: str, environment: str = "prod", stdin: str | None = None) -> str:
        """What somebody else does to the cluster, with the real kubectl."""
        command = [str(KUBECTL), "--server", self.world.url, "--token", "sandbox"]
        command += ["--namespace", self.namespace(environment), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


def executions_of(unship: Unship, pipeline: str) -> list[dict[str, Any]]:
    """Every execution of a pipeline, as its list shows them."""
    found = unship.data(
        "query ($p: String!) { pipeline(identifier: $p) { executions(first: 100) { nodes { id kind status } } } }",
        p=pipeline,
    )
    nodes: list[dict[str, Any]] = found["pipeline"]["executions"]["nodes"]
    return nodes


def until_running(unship: Unship, execution: str, step_: str) -> None:
    """Follow an execution until that step runs."""
    with unship.progress(execution) as batches:
        for batch in batches:
            for event in batch["events"]:
                if event.get("stepStatus") == "RUNNING" and event["step"]["identifier"] == step_:
                    return
    raise AssertionError(f"{step_} never ran")


@contextmanager
def nothing_happens(yard: Yard, environment: str = "prod") -> Generator[None]:
    """Within the block no execution is made and the cluster sees no changing request."""
    mark, before = yard.world.requests.mark, _ids(yard)
    yield
    assert yard.writes(mark, environment) == []
    assert _ids(yard) == before


def _ids(yard: Yard) -> list[str]:
    return [execution["id"] for execution in executions_of(yard.unship, yard.name)]


def refused(yard: Yard, environment: str = "prod", **target: Any) -> list[str]:
    """Ask for a rollback that must be refused, with the codes of the query, and must do nothing; the codes."""
    verdict = yard.unship.eligibility(**target)
    blocking = [reason["code"] for reason in verdict["reasons"] if reason["severity"] == "BLOCKING"]
    assert blocking, verdict
    with nothing_happens(yard, environment):
        payload = yard.unship.roll_back(target=target)
    assert payload["execution"] is None
    assert [error["code"] for error in payload["userErrors"]] == blocking
    assert payload["eligibility"]["verdict"] == verdict["verdict"]
    assert [reason["code"] for reason in payload["eligibility"]["reasons"]] == [
        reason["code"] for reason in verdict["reasons"]
    ]
    return blocking


def output(unship: Unship, execution: str, stage: str, step_: str) -> str:
    """What a script of an execution printed."""
    stages = unship.execution(execution)["stages"]
    steps = next(item for item in stages if item["identifier"] == stage)["steps"]
    printed: str = next(item for item in steps if item["identifier"] == step_)["outputs"]["output"]
    return printed.strip()


def steps_of(unship: Unship, execution: str, stage: str = "prod") -> dict[str, str]:
    """The status of each step of a stage, by identifier, in order."""
    stages = unship.execution(execution)["stages"]
    found = next(item for item in stages if item["identifier"] == stage)
    return {item["identifier"]: item["status"] for item in found["steps"]}
