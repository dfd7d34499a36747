"""The demonstration's acts: deploy twice, look, plan, roll back, prove. Imports its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import yaml

from demo import operations
from demo.client import Client
from demo.live import Followed, follow
from demo.screen import Screen

BEFORE, AFTER = "stable-perl", "stable-bullseye-perl"
_NAMESPACES = ("prod", "staging")


class Wrong(Exception):
    """Something is not as it should be; the demonstration fails."""


class Story:
    """One run against one server and the cluster that its connectors file names."""

    def __init__(self, client: Client, kubeconfig: Path, screen: Screen) -> None:
        self._client = client
        self._screen = screen
        self._kubeconfig = kubeconfig

    def configure(self, example: Path) -> None:
        payload = self._mutate(operations.APPLY, {"yaml": example.read_text()}, "applyConfiguration")
        kinds = [node["__typename"] for node in payload["applied"]]
        self._screen.line(f"   {example.name}: {', '.join(kinds)}")

    def deploy(self, tag: str) -> str:
        """Run the pipeline with that tag and follow it to its end; returns the execution's id."""
        choice = {"pipelineIdentifier": "web", "variables": {"tag": tag}}
        payload = self._mutate(operations.RUN, {"input": choice}, "runPipeline")
        followed = follow(self._client, payload["execution"]["id"], self._screen)
        _expect(followed.status, "SUCCEEDED", f"the deployment of {tag}")
        _expect(followed.finished, ["Staging", "Production"], "the order of the deployment")
        return payload["execution"]["id"]

    def show_dashboard(self) -> None:
        rows = [["SERVICE", "ENVIRONMENT", "RUNNING", "LAST EXECUTION", "ROLLBACK"]]
        for service in self._client.run(operations.DASHBOARD)["services"]["nodes"]:
            for entry in service["environments"]:
                running = [f"{it['instanceCount']} x {it['artifact']['displayName']}" for it in entry["artifacts"]]
                last = entry["lastExecution"]
                rows.append(
                    [
                        service["name"],
                        entry["environment"]["name"],
                        ", ".join(running),
                        f"#{last['sequenceId']} {last['status'].lower()}",
                        entry["rollbackStatus"].lower(),
                    ]
                )
        self._screen.table(rows)

    def show_plan(self, execution_id: str) -> str:
        """What a rollback of that execution would do; returns the plan's hash."""
        plan = self._client.run(operations.PLAN, {"id": execution_id})["rollbackPlan"]
        _expect(plan["eligibility"]["verdict"], "ELIGIBLE", f"the verdict {plan['eligibility']['reasons']}")
        self._screen.line(f"   {plan['eligibility']['verdict'].lower()}, plan {plan['hash'][:12]}")
        for number, stage in enumerate(plan["stages"], 1):
            steps = ", ".join(step["name"] for step in stage["steps"] if step["willRun"])
            self._screen.line(f"   {number}. {stage['stage']['name']}: {steps}")
            for change in stage["changes"]:
                moved = f"{change['current']} {self._screen.arrow()} {change['target']}"
                self._screen.line(f"      {change['resource']}  {change['field']}: {moved}")
        return plan["hash"]

    def roll_back(self, execution_id: str, plan_hash: str) -> Followed:
        choice = {"target": {"executionId": execution_id}, "planHash": plan_hash, "reason": "Demonstration"}
        payload = self._mutate(operations.ROLL_BACK, {"input": choice}, "rollbackDeployment")
        followed = follow(self._client, payload["execution"]["id"], self._screen)
        _expect(followed.status, "SUCCEEDED", "the rollback")
        _expect(followed.finished, ["Production", "Staging"], "the order of the rollback")
        return followed

    def prove(self, tag: str) -> None:
        """Every instance runs `tag` again: by Unship's own list, and by the cluster's."""
        nodes = self._client.run(operations.INSTANCES)["instances"]["nodes"]
        shown = {(node["environment"]["name"], node["artifact"]["displayName"]) for node in nodes}
        wanted = f"library/nginx:{tag}"
        _expect(shown, {("Production", wanted), ("Staging", wanted)}, "what Unship lists")
        _expect(len(nodes), 6, "the number of instances")
        self._claim("Unship lists", f"{len(nodes)} instances, all {wanted}, in production and staging")
        for namespace in _NAMESPACES:
            _expect(_images(self._kubeconfig, namespace), [wanted] * 3, f"the pods in {namespace}")
            self._claim("The cluster says", f"3 pods in {namespace}, all {wanted}")

    def _claim(self, who: str, what: str) -> None:
        self._screen.line(f"   {self._screen.mark(True)} {who}: {what}")

    def _mutate(self, document: str, variables: dict[str, Any], field: str) -> dict[str, Any]:
        payload: dict[str, Any] = self._client.run(document, variables)[field]
        if payload["userErrors"]:
            reasons = [error["message"] for error in payload["userErrors"]]
            raise Wrong(f"{field} was refused: {'; '.join(reasons)}")
        return payload


def _images(kubeconfig: Path, namespace: str) -> list[str]:
    """The images of the pods that are there to stay, asked of the cluster itself."""
    access: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    server = access["clusters"][0]["cluster"]["server"]
    token = access["users"][0]["user"]["token"]
    url = f"{server}/api/v1/namespaces/{namespace}/pods"
    pods = httpx2.get(url, headers={"authorization": f"Bearer {token}"}).raise_for_status().json()["items"]
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return [container["image"] for pod in staying for container in pod["spec"]["containers"]]


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {found}, but it should be {wanted}")
