"""One service at two places of a real cluster's API, with a gate and a saboteur: what the machine plays with."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import MANIFEST, Gate, Yard, rollout, script, undo, until_running
from tests.model.actions import ChangeByHand
from tests.model.reference import PLACES, Reasons, Version
from tests.support.unship import Unship

_PATIENCE_SECONDS = 30.0
_LOOK = """
query ($pipeline: String!, $service: String!) {
  pipeline(identifier: $pipeline) { executions(first: 100) { nodes {
    id kind status rollbackEligibility { reasons { code severity } } } } }
  service(identifier: $service) { environments { environment { identifier } instances(first: 100) {
    nodes { id artifact { tag } } } } }
}
"""


@dataclass(frozen=True)
class Shown:
    """What the API shows: executions by id, oldest first, and the instances of each place with their tags."""

    executions: dict[str, dict[str, Any]]
    instances: dict[str, dict[str, str]]


@dataclass
class Stand:
    """`unship` may be killed and started again; gate and sabotage are files that the scripts look for."""

    name: str
    unship: Unship
    world: KubernetesWorld
    directory: Path
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.yard = Yard(self.name, self.unship, self.world, manifest=MANIFEST)
        self.gate = Gate(self.directory / f"{self.name}.gate")
        self.sabotage = Gate(self.directory / f"{self.name}.sabotage")
        self.gate.open()

    def apply(self, undoable: bool) -> None:
        """The pipeline: `prod` waits at the gate before it changes anything, forward and back."""
        check = script("check", '[ "<+pipeline.variables.fails>" != <+stage.identifier> ]')
        spared = script("spared", f"[ ! -e '{self.sabotage.path}' ]")
        staging = self.yard.stage("staging", steps=[rollout(), check], undo_=[spared, undo()])
        back = [self.gate.step("hold"), undo()] if undoable else []
        prod = self.yard.stage("prod", steps=[self.gate.step("hold"), rollout(), check], undo_=back)
        fails = {"name": "fails", "type": "String", "value": "nowhere"}
        documents = (self.yard.service(), *self.yard.places(PLACES))
        self.yard.apply_documents(*documents, self.yard.pipeline(staging, prod, variables=[fails]))

    def finish(self, execution: str, crash_at: int | None) -> str:
        """Follow an execution to its end, which it reaches whether or not the server is killed at that event."""
        if crash_at is not None:
            with self.unship.progress(execution) as batches:
                next((one for one in batches if one["events"][-1]["sequence"] >= crash_at), None)
            self.crash()
        return self.unship.finish(execution)

    def until_held(self, execution: str) -> None:
        until_running(self.unship, execution, "hold")

    def crash(self) -> None:
        self.unship.kill(signal.SIGKILL)
        self.unship.start()

    def run(self, tag: str, fails_in: str) -> tuple[str | None, list[str]]:
        """Run the pipeline; the execution and the codes of the errors."""
        payload = self.unship.data(
            "mutation ($input: RunPipelineInput!) { runPipeline(input: $input) { execution { id } "
            "userErrors { code } } }",
            input={"pipelineIdentifier": self.name, "variables": {"tag": tag, "fails": fails_in}},
        )["runPipeline"]
        execution = payload["execution"]["id"] if payload["execution"] else None
        return execution, [error["code"] for error in payload["userErrors"]]

    def stage_of(self, execution: str, place: str) -> str:
        return self.yard.stage_id(execution, place)

    def change_by_hand(self, how: ChangeByHand, version: Version) -> None:
        """Somebody patches the workload; back when the cluster has done it."""
        change: dict[str, Any] = {} if how.copies is None else {"replicas": how.copies}
        if how.image is not None:
            image = f"shop/{self.name}:{how.image}"
            change["template"] = {"spec": {"containers": [{"name": "web", "image": image}]}}
        self._request("PATCH", how.place, "apis/apps/v1", "deployments/web", {"spec": change})
        self.settle(how.place, version)

    def restart_a_copy(self, place: str, version: Version) -> None:
        """Somebody deletes a pod; back when there is another one."""
        pod = min(self._pods(place), key=lambda one: str(one["metadata"]["name"]))
        self._request("DELETE", place, "api/v1", f"pods/{pod['metadata']['name']}")
        name = pod["metadata"]["name"]
        self._until(lambda: name not in {one["metadata"]["name"] for one in self._pods(place)})
        self.settle(place, version)

    def settle(self, place: str, version: Version) -> None:
        def is_settled() -> bool:
            pods = self._pods(place)
            workload = self.world.store.get("Deployment", self.yard.namespace(place), "web")
            status: dict[str, Any] = workload["status"] if workload else {}
            seen = status.get("observedGeneration") == (workload or {"metadata": {}})["metadata"].get("generation")
            ready = status.get("readyReplicas", 0) == status.get("replicas", 0) == version.copies
            return seen and ready and [_tag(one) for one in pods] == [version.image] * version.copies

        self._until(is_settled)

    def tags(self, place: str) -> list[str]:
        """Of the copies that run, as the cluster has them."""
        return sorted(_tag(pod) for pod in self._pods(place))

    def release(self, place: str) -> str | None:
        """What the configuration beside them names, as the cluster has it."""
        return (self.yard.config(place) or {}).get("release")

    def look(self) -> Shown:
        """What the API shows after it has listed the instances at the platform."""
        for place in PLACES:
            self.unship.data(
                "mutation ($input: SyncInstancesInput!) { syncInstances(input: $input) { userErrors { code } } }",
                input={"serviceIdentifier": self.name, "environmentIdentifier": self.yard.environment(place)},
            )
        shown = self.unship.data(_LOOK, pipeline=self.name, service=self.name)
        nodes = reversed(shown["pipeline"]["executions"]["nodes"])
        rows = {row["environment"]["identifier"]: row for row in shown["service"]["environments"]}
        return Shown(
            {node["id"]: node for node in nodes},
            {
                place: {
                    one["id"]: one["artifact"]["tag"]
                    for one in rows[self.yard.environment(place)]["instances"]["nodes"]
                }
                for place in PLACES
                if self.yard.environment(place) in rows
            },
        )

    def _pods(self, place: str) -> list[dict[str, Any]]:
        pods = self.world.store.list("Pod", self.yard.namespace(place))
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def _until(self, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < until, "the cluster does not settle"
            time.sleep(0.01)

    def _request(self, method: str, place: str, api: str, path: str, body: dict[str, Any] | None = None) -> None:
        answer = self.unship.client.request(
            method,
            f"{self.world.url}/{api}/namespaces/{self.yard.namespace(place)}/{path}",
            content=json.dumps(body) if body else None,
            headers={"authorization": "Bearer sandbox", "content-type": "application/strategic-merge-patch+json"},
        )
        assert answer.status_code == 200, answer.text


def _tag(pod: dict[str, Any]) -> str:
    image: str = pod["spec"]["containers"][0]["image"]
    return image.partition(":")[2]


def reasons_of(verdict: dict[str, Any]) -> Reasons:
    return {(reason["code"], reason["severity"]) for reason in verdict["reasons"]}
