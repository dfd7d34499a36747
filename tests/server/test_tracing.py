"""Traces: off without an endpoint, and with one the whole of a rollback, on a real server and a real collector."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx2
import pytest

from db.columns import new_id
from providers.telemetry import CURRENT_EXECUTION
from providers.tracing import TRACING, Kind
from providers.web import open_session
from sandbox.kubernetes import KubernetesWorld
from schema.ids import split_id
from server.settings import SettingsError
from server.tracing import collects
from server.tracing import traced as traced_process
from tests.support.otlp import Receiver, Seen, receiving
from tests.support.unship import ROOT, Unship, serving

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@dataclass
class Traced:
    """What a server sent until it had ended, and the ids of what it did."""

    receiver: Receiver
    rollback: str
    log: list[dict[str, str]]

    def inside(self, outer: Seen) -> list[Seen]:
        return [span for span in self.receiver.spans if span.parent == outer.id]


def id_of(node: str) -> str:
    parts = split_id(node)
    assert parts is not None
    return parts[1]


@pytest.fixture(scope="module")
def traced(
    world: KubernetesWorld, connectors: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Traced]:
    with receiving() as receiver, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=the-key")
        patch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=tests")
        with serving(tmp_path_factory.mktemp("traced"), connectors=str(connectors), log_format="json") as unship:
            rollback = work(unship)
            unship.stop()
            log = [json.loads(line) for line in unship.log.splitlines() if line.startswith("{")]
            yield Traced(receiver, id_of(rollback), log)


def work(unship: Unship) -> str:
    """Two deployments and a rollback, asked for by somebody who traces himself; an error; a subscription."""
    assert unship.apply((ROOT / "examples" / "kubernetes.yaml").read_text()) == []
    unship.deploy("web", tag="stable-perl")
    execution = unship.deploy("web", tag="stable-bullseye-perl")
    query = """mutation Undo ($id: ID!) { rollbackDeployment(input: {target: {executionId: $id}, reason: "words"})
      { execution { id } } }"""
    headers = {"traceparent": CALLER, "tracestate": "vendor=words"}
    body = {"query": query, "variables": {"id": execution}}
    answer = httpx2.post(unship.url, json=body, headers=headers, timeout=60).json()
    rollback: str = answer["data"]["rollbackDeployment"]["execution"]["id"]
    assert unship.finish(rollback) == "SUCCEEDED"
    wrong = httpx2.post(unship.url, json={"query": "{ services(first: 0) { nodes { id } } viewer { subject } }"})
    assert wrong.json()["errors"]
    return rollback


def test_a_rollback_is_one_trace_of_stages_steps_and_requests(traced: Traced) -> None:
    (root,) = [span for span in traced.receiver.named("execution ROLLBACK")]  # noqa: C416
    assert (root.trace, root.parent, root.failed) == (traced.rollback, "", False)
    assert root.facts == {
        "unship.execution.id": traced.rollback,
        "unship.execution.kind": "ROLLBACK",
        "unship.execution.status": "SUCCEEDED",
        "unship.execution.taken_up": "false",
        "unship.platform": "KUBERNETES",
    }
    stages = traced.inside(root)
    assert [stage.facts["unship.stage.identifier"] for stage in stages] == ["production", "staging"]
    for stage in stages:
        assert (stage.facts["unship.platform"], stage.facts["unship.result"]) == ("KUBERNETES", "DONE")
        steps = [span for span in traced.inside(stage) if span.name.startswith("step ")]
        assert [f"step {step.facts['unship.step.type']}" for step in steps] == [step.name for step in steps] != []
        requests = [span for step in steps for span in traced.inside(step) if span.kind == 3]
        assert {span.facts["server.address"] for span in requests} == {"127.0.0.1"}
        assert {span.facts["http.response.status_code"] for span in requests} >= {200}
        assert any(span.name in ("PATCH", "PUT", "POST") for span in requests)


def test_the_request_goes_on_with_the_callers_trace_and_names_the_execution(traced: Traced) -> None:
    (asked,) = traced.receiver.named("mutation rollbackDeployment")
    _, trace, parent, _ = CALLER.split("-")
    assert (asked.trace, asked.parent, asked.kind) == (trace, parent, 2)
    assert asked.facts == {
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "Undo",
        "unship.execution.id": traced.rollback,
    }
    (root,) = traced.receiver.named("execution ROLLBACK")
    assert root.links == [trace]


def test_an_operation_with_errors_says_which(traced: Traced) -> None:
    (failed,) = [span for span in traced.receiver.spans if span.failed and span.kind == 2]
    assert (failed.name, failed.facts["error.type"]) == ("query", "LIMIT_OUT_OF_RANGE")


def test_a_subscription_has_a_span_until_it_ends(traced: Traced) -> None:
    assert traced.receiver.named("subscription executionProgress")


def test_nothing_that_callers_wrote_is_in_it(traced: Traced) -> None:
    sent = b"".join(traced.receiver.bodies)
    for word in (b"words", b"stable-perl", b"the-key", b"/apis/", b"tracestate", b"first"):
        assert word not in sent, word
    assert {headers["x-key"] for headers in traced.receiver.headers} == {"the-key"}
    assert traced.receiver.resource["service.name"] == "unship"
    assert traced.receiver.resource["deployment.environment.name"] == "tests"


def test_no_platform_is_told_of_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers here is asked as a platform first, and gets the span of that afterwards."""

    async def ask(receiver: Receiver) -> None:
        async with traced_process(), open_session(receiver.url, False, "Kubernetes") as session:
            with TRACING.span("outer"):
                kind = {"content-type": "application/x-protobuf"}
                async with session.post(f"{receiver.url}/v1/traces?token=words", headers=kind) as answer:
                    assert answer.status == 200
            with TRACING.span("outer"), pytest.raises(aiohttp.ClientConnectorError):
                await session.get("http://127.0.0.1:1/")

    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        asyncio.run(ask(receiver))
        outer, other = sorted(receiver.named("outer"), key=lambda span: span.failed)
        (sent,), (unsent,) = receiver.named("POST"), receiver.named("GET")
        assert {sent.parent, unsent.parent} == {outer.id, other.id}
        assert (sent.facts["http.response.status_code"], sent.failed) == (200, False)
        assert (unsent.facts["error.type"], unsent.failed) == ("ClientConnectorError", True)
        asked, exported = receiver.headers
        assert not {"traceparent", "tracestate", "baggage"} & (set(asked) | set(exported))
        assert b"words" not in b"".join(receiver.bodies)


@pytest.mark.parametrize(("ratio", "least", "most"), [("0", 0, 0), ("0.5", 60, 140), ("1", 200, 200)])
def test_executions_are_sampled_fairly_and_wherever_they_go_on(
    monkeypatch: pytest.MonkeyPatch, ratio: str, least: int, most: int
) -> None:
    """Taken up by another process, an execution is in the same trace, or again in none."""

    async def work() -> tuple[list[str], list[str | None]]:
        ids, traces = [new_id() for _ in range(200)], list[str | None]()
        async with traced_process():
            for execution in (*ids, *ids):
                before = CURRENT_EXECUTION.set(execution)
                with TRACING.span("outer"), TRACING.span("execution", Kind.EXECUTION):
                    traces.append(TRACING.trace_id())
                CURRENT_EXECUTION.reset(before)
        return ids, traces

    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
        ids, traces = asyncio.run(work())
        assert traces == [*ids, *ids]
        sent = Counter(span.trace for span in receiver.named("execution"))
        assert least <= len(sent) <= most
        assert set(sent.values()) <= {2}


def test_a_collector_that_is_away_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refuses connections, or takes them and says nothing, for which the exporter would wait ten minutes."""

    async def work() -> None:
        async with asyncio.timeout(60), traced_process():
            with TRACING.span("work"):
                pass

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "600")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 1):
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
            asyncio.run(work())
    assert TRACING.collector is None


def test_the_log_names_the_trace(traced: Traced) -> None:
    lines = [line for line in traced.log if line["message"].startswith("rollbackDeployment")]
    assert [line["trace"] for line in lines] == [CALLER.split("-")[1]]
    of_it = [line for line in traced.log if line["message"].startswith("execution ")]
    assert traced.rollback in {line["trace"] for line in of_it}
    assert all(line["trace"] == line["execution"] for line in of_it)


SERVED = """
import asyncio, sys
from server.app import create_app
from server.settings import load_settings

async def main():
    app = create_app(load_settings())
    async with app.router.lifespan_context(app):
        pass

asyncio.run(main())
print(sorted(name for name in sys.modules if name.split(".")[0] in ("opentelemetry", "requests")
             or name.startswith("google.protobuf")))
"""


@pytest.mark.parametrize(
    ("variables", "imported"),
    [({}, False), (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False), (ENDPOINT, True)],
)
def test_without_an_endpoint_nothing_of_it_is_imported(
    tmp_path: Path, variables: dict[str, str], imported: bool
) -> None:
    environment = {"PATH": "/usr/bin", "UNSHIP_DATA_DIR": str(tmp_path / "data"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", SERVED], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    assert ("opentelemetry.sdk.trace" in done.stdout) is imported
    assert (done.stdout == "[]\n") is not imported


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_the_standard_variables_decide(variables: dict[str, str], wanted: bool) -> None:
    assert collects(variables) is wanted


@pytest.mark.parametrize(
    "variables", [{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_TRACES_EXPORTER": "zipkin"}]
)
def test_what_is_not_spoken_here_is_refused_by_its_name(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(variables))):
        collects(ENDPOINT | variables)
