"""The demonstration's acts: deploy twice, look, plan, roll back, prove. Imports its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demo import operations
from demo.client import Client
from demo.journeys import Journey
from demo.live import Followed, follow
from demo.screen import Screen


class Wrong(Exception):
    """Something is not as it should be; the demonstration fails."""


class Story:
    """A journey against one server and the platforms of the connectors file in `worlds`."""

    def __init__(self, client: Client, worlds: Path, journey: Journey, screen: Screen) -> None:
        self._client = client
        self._worlds = worlds
        self._journey = journey
        self._screen = screen

    def deploy(self, version: Mapping[str, str]) -> str:
        """Run the pipeline with that version and follow it to its end; returns the execution's id."""
        choice = {"pipelineIdentifier": self._journey.pipeline, "variables": dict(version)}
        payload = self._mutate(operations.RUN, {"input": choice}, "runPipeline")
        followed = follow(self._client, payload["execution"]["id"], self._screen)
        _expect(followed.status, "SUCCEEDED", f"the deployment of {named(version)}")
        _expect(_blocks(followed.finished, self._journey.blocks), self._journey.blocks, "the deployment's order")
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
        backwards = self._journey.blocks[::-1]
        _expect(_blocks(followed.finished, backwards), backwards, "the order of the rollback")
        return followed

    def prove(self, version: Mapping[str, str]) -> None:
        """Every instance runs `version` again: by Unship's own list, and by what the platforms themselves say."""
        nodes = self._client.run(operations.INSTANCES)["instances"]["nodes"]
        listed = Counter(node["artifact"]["displayName"] for node in nodes)
        wanted = Counter(image for proof in self._journey.proofs for image in proof.wanted(version))
        _expect(listed, wanted, "what Unship lists")
        told = ", ".join(f"{count} x {image}" for image, count in listed.items())
        self._claim("Unship lists", f"{len(nodes)} instances: {told}")
        for proof in self._journey.proofs:
            _expect(proof.ask(self._worlds), proof.wanted(version), f"what runs at {proof.platform}")
            self._claim(f"{proof.platform} says", f"{proof.count} x {proof.image.format_map(version)}")

    def _claim(self, who: str, what: str) -> None:
        self._screen.line(f"   {self._screen.mark(True)} {who}: {what}")

    def _mutate(self, document: str, variables: dict[str, Any], field: str) -> dict[str, Any]:
        payload: dict[str, Any] = self._client.run(document, variables)[field]
        if payload["userErrors"]:
            reasons = [error["message"] for error in payload["userErrors"]]
            raise Wrong(f"{field} was refused: {'; '.join(reasons)}")
        return payload


def named(version: Mapping[str, str]) -> str:
    """A version in words."""
    return ", ".join(version.values())


def _blocks(finished: Sequence[str], blocks: Sequence[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """The stages in the order in which they finished, cut as the blocks are."""
    cut: list[frozenset[str]] = []
    for block in blocks:
        begin = sum(map(len, cut))
        cut.append(frozenset(finished[begin : begin + len(block)]))
    return tuple(cut)


def _expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Wrong(f"{what}: {found}, but it should be {wanted}")
