"""A marker in every credential, then a day's work on a real server: none is in what it wrote, answered or sent."""

from __future__ import annotations

import base64
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from sandbox.cloudfoundry import CloudFoundryWorld
from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import MANIFEST, Yard, custom, script
from tests.security.operator import Operator
from tests.support.otlp import Receiver, receiving
from tests.support.unship import ROOT, Unship, free_port, serving

CLUSTER, FILE, ENVIRONMENT, ACCESS, SECRET, PASSWORD, COLLECTOR = (
    f"canary-{place}-5d41402abc4b2a76"
    for place in ("cluster", "file", "environment", "access", "secret", "password", "collector")
)
LOGIN = """
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {token: '<+secrets.getValue("file")>', other: '<+secrets.getValue("environment")>'}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: word}
data: {word: '<+artifacts.primary.tag> <+secrets.getValue("file")>', other: <+artifacts.primary.tag>}
---"""
REFUSED_FILES = {"payments": "ecs.yaml", "mailer": "tas.yaml"}


@dataclass
class Day:
    """The server and everything that it has ever answered; `token` is the machine token that all came with."""

    unship: Unship
    port: int
    token: str
    collected: Receiver
    answers: list[str] = field(default_factory=list[str])

    def hear(self, response: httpx2.Response) -> None:
        self.answers.append(response.read().decode())


@pytest.fixture(scope="module")
def connectors(world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The cluster's token is asked for; the others are wrong where they are sent, or lead nowhere."""
    directory = tmp_path_factory.mktemp("connectors")
    world.access.require_token(CLUSTER)
    world.write_kubeconfig(directory / "kubeconfig")
    for name, content in {"file": FILE, "access": ACCESS, "secret": SECRET, "password": PASSWORD}.items():
        (directory / name).write_text(content)
    (directory / "user").write_text("admin")
    with CloudFoundryWorld.start() as foundation:
        aws = {"region": "eu-west-1", "endpointUrl": "http://127.0.0.1:1"}
        specs: dict[str, tuple[str, dict[str, Any]]] = {
            "cluster": ("Kubernetes", {"kubeconfig": "./kubeconfig", "context": "demo"}),
            "aws": ("Aws", {**aws, "accessKeyRef": "file:access", "secretKeyRef": "file:secret"}),
            "foundation": (
                "Tas",
                {"endpointUrl": foundation.url, "usernameRef": "file:user", "passwordRef": "file:password"},
            ),
        }
        listed = [{"identifier": name, "type": kind, "spec": spec} for name, (kind, spec) in specs.items()]
        secrets = [
            {"identifier": "file", "ref": "file:file"},
            {"identifier": "environment", "ref": "env:CANARY"},
        ]
        file = directory / "connectors.yaml"
        file.write_text(yaml.safe_dump({"connectors": listed, "secrets": secrets}))
        yield file


@pytest.fixture(scope="module")
def day(connectors: Path, world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Generator[Day]:
    port = free_port()
    settings = {"connectors": str(connectors), "operations_port": str(port), "log_format": "json"}
    with receiving() as collected, pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY", ENVIRONMENT)
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.url)
        patch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-key={COLLECTOR}")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        with serving(tmp_path_factory.mktemp("unship"), **settings) as unship:
            made = Day(unship, port, Operator(unship.directory / "data").token("canary"), collected)
            unship.client.headers["authorization"] = f"Bearer {made.token}"
            unship.client.event_hooks["response"].append(made.hear)
            _work(made, world)
            yield made


def _work(day: Day, world: KubernetesWorld) -> None:
    """Deployments and a rollback that succeed, scripts that tell what they know, platforms that refuse."""
    unship = day.unship
    yard = Yard("canary", unship, world, manifest=LOGIN + MANIFEST)
    tell = (
        'echo "<+secrets.getValue("file")> <+secrets.getValue("environment")> <+pipeline.variables.key>" >&2;'
        ' word="<+secrets.getValue("file")>"; echo "$word"; exit 3'
    )
    secret = {"name": "key", "type": "Secret", "value": ""}
    yard.apply(yard.stage("prod"), variables=[secret])
    yard.deploy("v1", key="environment")
    yard.deploy("v2", key="environment")
    refused = unship.run(yard.name, tag="v3", key="environment")
    unship.finish(refused)
    unship.plan(executionId=refused)
    unship.rolled_back(refused)
    telling = yard.pipeline(custom("tell", script("tell", tell)), variables=[secret], identifier="telling")
    yard.apply_documents(telling)
    unship.finish(unship.run("telling", key="environment"))
    for pipeline, file in REFUSED_FILES.items():
        assert unship.apply((ROOT / "examples" / file).read_text()) == []
        execution = unship.run(pipeline, tag="1.0")
        assert unship.finish(execution) == "FAILED"
        unship.execution(execution)
        unship.data(
            "mutation ($s: String!) { "
            'syncInstances(input: {serviceIdentifier: $s, environmentIdentifier: "prod"}) '
            "{ instances { id } userErrors { code message } } }",
            s=pipeline,
        )
    unship.kill()
    unship.start()
    steps = "stages { steps { statusReason outputs } }"
    unship.data(f"{{ executions(first: 20) {{ nodes {{ statusReason yaml {steps} }} }} }}")


def test_the_credentials_were_used(day: Day, world: KubernetesWorld) -> None:
    """Otherwise nothing could have been given away."""
    login = world.store.get("Secret", "canary-prod", "login")
    assert login is not None
    held = {base64.b64decode(value).decode() for value in login["data"].values()}
    assert held == {FILE, ENVIRONMENT}
    everything = "\n".join(day.answers)
    for said in ("gave no connection", "log in", "exit code 3: ***"):
        assert said in everything
    assert '"subject": "canary"' in day.unship.log
    assert {headers["x-key"] for headers in day.collected.headers} == {COLLECTOR}
    assert {"execution ROLLBACK", "step ShellScript"} <= {span.name for span in day.collected.spans}


def test_no_credential_is_in_a_file_an_answer_a_metric_or_a_trace(day: Day) -> None:
    metrics = httpx2.get(f"http://127.0.0.1:{day.port}/metrics").text
    places = {
        str(path.relative_to(day.unship.directory)): path.read_bytes()
        for path in day.unship.directory.rglob("*")
        if path.is_file()
    }
    places |= {"answers": "\n".join(day.answers).encode(), "metrics": metrics.encode()}
    places |= {"traces": b"".join(day.collected.bodies)}
    assert {"server.log", "data/unship.db", "data/unship.db-engine"} <= set(places)
    assert len(day.answers) > 20
    shown = len("unship_") + 6
    wanted = [CLUSTER, FILE, ENVIRONMENT, ACCESS, SECRET, PASSWORD, COLLECTOR, day.token[shown:]]
    forms = {form: word for word in wanted for form in (word.encode(), base64.b64encode(word.encode()))}
    found = {(place, forms[form]) for place, content in places.items() for form in forms if form in content}
    assert found == set()
