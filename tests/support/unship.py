"""A real server process with a client, for tests that drive /graphql: start, kill, restart, follow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import httpx2

from tests.support.nursery import ROOT, Nursery, Nursling

_START_SECONDS = 60.0
_FINISH_SECONDS = 60.0

PROGRESS = """
subscription ($id: ID!, $after: String) {
  executionProgress(executionId: $id, after: $after) {
    cursor
    hasMorePastEvents
    execution { status }
    events {
      __typename
      sequence
      ... on ExecutionStatusChanged { executionStatus: status reason }
      ... on StageStatusChanged { stage { identifier } stageStatus: status reason }
      ... on StepStatusChanged { stage { identifier } step { identifier } stepStatus: status reason }
      ... on StepProgressed { stage { identifier } step { identifier } message ready desired }
    }
  }
}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process(Protocol):
    """What is used of a `subprocess.Popen`."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...

    def wait(self, timeout: float) -> int: ...

    def send_signal(self, sig: int) -> None: ...


Launch = Callable[[list[str], Mapping[str, str], Path], Process]
"""Starts `python -m server` with these arguments, this environment, and this log to append to."""


def execute(arguments: list[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """As a user starts it."""
    with log.open("ab") as output:
        command = [sys.executable, "-m", "server", *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)


def nurse(arguments: list[str], environment: Mapping[str, str], log: Path) -> Nursling:
    """As a copy of a process that has loaded the application."""
    return _nursery().start(arguments, environment, log)


@cache
def _nursery() -> Nursery:
    return Nursery()


@dataclass
class Unship:
    """One installation: a data directory, settings, and while it runs a server process."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    port: int = field(default_factory=free_port)
    process: Process | None = None
    launch: Launch = nurse
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=30, verify=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    @property
    def log(self) -> str:
        return (self.directory / "server.log").read_text()

    def start(self) -> None:
        """Start the server and wait until it says that it is ready."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UNSHIP_")}
        environment |= {
            "UNSHIP_DATA_DIR": str(self.directory / "data"),
            "UNSHIP_PORT": str(self.port),
            "UNSHIP_POST_PROD_ROLLBACK": "true",
            "UNSHIP_ALLOW_SCRIPTS": "true",
            **self.settings,
        }
        self.process = self.launch(["serve"], environment, self.directory / "server.log")
        self._wait_until_ready(self.process)

    def _wait_until_ready(self, process: Process) -> None:
        deadline = time.monotonic() + _START_SECONDS
        ready = self.url.removesuffix("graphql") + "readyz"
        while time.monotonic() < deadline:
            assert process.poll() is None, f"the server ended with {process.returncode}:\n{self.log}"
            try:
                if self.client.get(ready, timeout=1).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the server was not ready within {_START_SECONDS} s:\n{self.log}")

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> int:
        """End the process and return its exit status."""
        process = self.process
        assert process is not None, "the server does not run"
        process.send_signal(with_signal)
        self.process = None
        return process.wait(timeout=30)

    def stop(self) -> None:
        if self.process is not None:
            self.kill(signal.SIGTERM)

    def post(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole response of one operation."""
        response = self.client.post(self.url, json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    def data(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of one operation that must not have errors."""
        answer = self.post(query, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def apply(self, yaml: str) -> list[dict[str, Any]]:
        """Apply configuration; returns the user errors."""
        payload = self.data(
            "mutation ($yaml: String!) { applyConfiguration(input: {yaml: $yaml}) "
            "{ applied { id } userErrors { code message path } } }",
            yaml=yaml,
        )["applyConfiguration"]
        errors: list[dict[str, Any]] = payload["userErrors"]
        return errors

    def run(self, pipeline: str, **variables: str) -> str:
        """Start a deployment that must be accepted; returns the execution's id."""
        payload = self.data(
            "mutation ($pipeline: String!, $variables: JSON) { runPipeline(input: {pipelineIdentifier: $pipeline, "
            "variables: $variables}) { execution { id } userErrors { code message } } }",
            pipeline=pipeline,
            variables=variables,
        )["runPipeline"]
        assert payload["userErrors"] == [], payload
        execution: str = payload["execution"]["id"]
        return execution

    def deploy(self, pipeline: str, **variables: str) -> str:
        """Run a deployment to its successful end; returns the execution's id."""
        execution = self.run(pipeline, **variables)
        assert self.finish(execution) == "SUCCEEDED", self.execution(execution)
        return execution

    def roll_back(self, **request: Any) -> dict[str, Any]:
        """Ask for a rollback; returns the payload."""
        payload: dict[str, Any] = self.data(
            "mutation ($input: RollbackDeploymentInput!) { rollbackDeployment(input: $input) { execution { id } "
            "eligibility { verdict reasons { code severity message remedy stage { identifier } "
            "execution { id } } } userErrors { code message path } clientMutationId } }",
            input=request,
        )["rollbackDeployment"]
        return payload

    def rolled_back(self, execution: str) -> str:
        """Roll an execution back to the end, whatever it is; returns the rollback's id."""
        payload = self.roll_back(target={"executionId": execution})
        assert payload["userErrors"] == [], payload
        rollback: str = payload["execution"]["id"]
        self.finish(rollback)
        return rollback

    def abort(self, execution: str) -> dict[str, Any]:
        payload: dict[str, Any] = self.data(
            'mutation ($id: ID!) { abortExecution(input: {executionId: $id, reason: "test"}) '
            "{ execution { status } userErrors { code message } } }",
            id=execution,
        )["abortExecution"]
        return payload

    def eligibility(self, **target: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.data(
            "query ($target: RollbackTargetInput!) { rollbackEligibility(target: $target) { verdict "
            "reasons { code severity message remedy stage { identifier } execution { id } overridable } "
            "evaluatedAt } }",
            target=target,
        )["rollbackEligibility"]
        return found

    def reasons(self, **target: Any) -> list[str]:
        """The codes of all reasons, in order."""
        return [reason["code"] for reason in self.eligibility(**target)["reasons"]]

    def plan(self, **target: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.data(
            "query ($target: RollbackTargetInput!) { rollbackPlan(target: $target) { hash eligibility { verdict } "
            "stages { stage { id identifier } position currentArtifact { displayName } targetArtifact "
            "{ displayName } steps { identifier type willRun skippedReason } "
            "changes { resource field current target } skippedReason } } }",
            target=target,
        )["rollbackPlan"]
        return found

    def execution(self, execution: str) -> dict[str, Any]:
        """An execution with its stages and steps."""
        found: dict[str, Any] = self.data(
            "query ($id: ID!) { execution(id: $id) { id kind sequenceId status statusReason rollbackStatus reason "
            "yaml originalExecution { id } rollbacks { id status } "
            "stages { id identifier position status statusReason "
            "artifact { displayName tag digest revision } previousArtifact { displayName tag } "
            "steps { identifier type status statusReason outputs } } } }",
            id=execution,
        )["execution"]
        return found

    def stages(self, execution: str) -> dict[str, str]:
        """The status of each stage, by identifier, in order."""
        return {stage["identifier"]: stage["status"] for stage in self.execution(execution)["stages"]}

    @contextmanager
    def progress(self, execution: str, after: str | None = None) -> Generator[Iterator[dict[str, Any]]]:
        """The batches of executionProgress over Server-Sent Events, until the stream completes."""
        body = {"query": PROGRESS, "variables": {"id": execution, "after": after}}
        timeout = httpx2.Timeout(10, read=30)
        with self.client.stream(
            "POST", self.url, json=body, headers={"accept": "text/event-stream"}, timeout=timeout
        ) as response:
            assert response.status_code == 200, response.read()
            yield _batches(response)

    def finish(self, execution: str) -> str:
        """Follow an execution to its end; returns the status."""
        status = ""
        with self.progress(execution) as batches:
            for batch in batches:
                status = batch["execution"]["status"]
        return status

    def events(self, execution: str) -> list[dict[str, Any]]:
        """All events of an execution, which must have ended."""
        with self.progress(execution) as batches:
            return [event for batch in batches for event in batch["events"]]


def _batches(response: httpx2.Response) -> Iterator[dict[str, Any]]:
    until = time.monotonic() + _FINISH_SECONDS
    for line in response.iter_lines():
        # Signs of life come all the time, so that the read timeout alone would let a test hang for ever.
        assert time.monotonic() < until, f"the stream did not complete within {_FINISH_SECONDS} s"
        if line.startswith("data:") and line != "data:":
            message = json.loads(line.removeprefix("data:"))
            if message is None or message == {}:
                continue
            assert "errors" not in message, message
            yield message["data"]["executionProgress"]


@contextmanager
def serving(directory: Path, launch: Launch = nurse, /, **settings: str) -> Generator[Unship]:
    """A running installation in a fresh directory; settings without their prefix, in lower case."""
    variables = {f"UNSHIP_{name.upper()}": value for name, value in settings.items()}
    unship = Unship(directory, variables, launch=launch)
    unship.start()
    try:
        yield unship
    finally:
        unship.stop()
        unship.client.close()
