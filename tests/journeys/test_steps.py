"""Steps that reach out: HTTP, the cluster's other steps, and secrets that no answer and no record may hold."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import (
    MANIFEST,
    NEW,
    OLD,
    Yard,
    custom,
    on_failure,
    output,
    rollout,
    script,
    step,
    steps_of,
    undo,
)
from tests.support.unship import serving

SECRET = "s3cr3t-t0ken.with.dots"
CONNECTORS = """
connectors:
  - {identifier: cluster, type: Kubernetes, spec: {kubeconfig: ./kubeconfig, context: demo}}
secrets:
  - {identifier: token, ref: file:token}
"""


@pytest.fixture(scope="module")
def connectors(world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("connectors")
    world.write_kubeconfig(directory / "kubeconfig")
    (directory / "token").write_text(SECRET)
    (directory / "connectors.yaml").write_text(CONNECTORS)
    return directory / "connectors.yaml"


LOGIN = """
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {token: '<+secrets.getValue("token")>'}
---"""


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, as JSON; the path's first word is the status."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        asked = {"path": self.path, "token": self.headers.get("x-token"), "body": body}
        self.asked.append(asked)
        answer = json.dumps(asked).encode()
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing on the terminal."""


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a real HTTP server, and what it was asked."""
    asked: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Listening", (Echo,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def http(identifier: str, url: str, **spec: Any) -> dict[str, Any]:
    return step(identifier, "Http", {"url": url, "method": "POST", **spec}, timeout="10s")


def test_http_asks_judges_and_records(yard: Yard, echo: tuple[str, list[dict[str, Any]]]) -> None:
    url, asked = echo
    outputs = [{"name": "seen", "type": "String", "value": "<+httpResponseJson.body>"}]
    call = http(
        "call",
        f"{url}/201/<+pipeline.variables.tag>",
        requestBody="tag is <+pipeline.variables.tag>",
        assertion="<+httpResponseCode> == 201",
        outputVariables=outputs,
    )
    yard.apply(
        custom("only", call, script("say", 'echo "<+steps.call.output.outputVariables.seen>"')),
        custom("bad", http("fails", f"{url}/500/no")),
    )
    execution, status = yard.ran(NEW)
    assert status == "FAILED"
    assert output(yard.unship, execution, "only", "say") == f"tag is {NEW}"
    assert asked[0] == {"path": f"/201/{NEW}", "token": None, "body": f"tag is {NEW}"}
    failed = yard.unship.execution(execution)["stages"][1]["steps"][0]
    assert (failed["status"], "500" in failed["statusReason"]) == ("FAILED", True)


def test_apply_scale_and_delete_and_all_of_it_is_undone(yard: Yard) -> None:
    job = MANIFEST.replace("name: web", "name: extra").replace("name: settings", "name: more")
    inline = {"type": "K8sManifest", "spec": {"store": {"type": "Inline", "spec": {"content": job}}}}
    steps = [
        rollout(),
        step("more", "K8sApply", {"manifestSource": inline}, timeout="30s"),
        step(
            "scale",
            "K8sScale",
            {"workload": "Deployment/web", "instanceSelection": {"type": "Count", "spec": {"count": 4}}},
            timeout="30s",
        ),
        step(
            "remove",
            "K8sDelete",
            {"resources": {"type": "ResourceName", "spec": {"resourceNames": ["ConfigMap/settings"]}}},
            timeout="30s",
        ),
    ]
    yard.apply(yard.stage("prod"))
    yard.deploy(OLD)
    yard.apply(yard.stage("prod", steps=steps))
    execution = yard.deploy(NEW)
    assert set(steps_of(yard.unship, execution).values()) == {"SUCCEEDED"}
    assert yard.tags() == [NEW] * 6
    assert (yard.config(), _exists(yard, "extra")) == (None, True)
    rollback = yard.unship.rolled_back(execution)
    assert yard.unship.execution(rollback)["status"] == "SUCCEEDED"
    assert (yard.tags(), yard.config(), _exists(yard, "extra")) == ([OLD] * 2, {"release": OLD}, False)


def _exists(yard: Yard, deployment: str) -> bool:
    return yard.world.store.get("Deployment", yard.namespace(), deployment) is not None


@pytest.fixture(scope="module")
def careless(yards: Callable[..., Yard], echo: tuple[str, list[dict[str, Any]]]) -> tuple[Yard, list[str]]:
    """A pipeline that shows its secret wherever it can; its deployment, its failed one and the rollback."""
    secret = '<+secrets.getValue("token")>'
    yard = yards("careless", manifest=LOGIN + MANIFEST, variables={"login": secret})
    url, _ = echo
    careless = script(
        "careless",
        f"echo 'told {secret}'; echo \"<+serviceVariables.login>\" >&2; KEPT={secret}",
        outputs=("KEPT",),
    )
    call = http("call", f"{url}/200/x", headers=[{"key": "x-token", "value": secret}], requestBody=secret)
    again = script(
        "again", 'echo "<+steps.careless.output.outputVariables.KEPT>"; echo <+secrets.getValue("token")>'
    )
    fail = script("fail", f'if [ "<+artifact.tag>" = v3 ]; then echo "died of {secret}" >&2; exit 1; fi')
    unknown = {"workload": f"Deployment/{secret}", "instanceSelection": {"type": "Count", "spec": {"count": 1}}}
    third = {"condition": '<+artifact.tag> == "v3"'}
    scale = step("scale", "K8sScale", unknown, timeout="9s", when=third, failureStrategies=on_failure("Ignore"))
    steps = [careless, call, again, rollout(), scale, fail]
    yard.apply(yard.stage("prod", steps=steps, undo_=[undo(), careless]))
    yard.deploy(OLD)
    execution = yard.deploy(NEW)
    failed, status = yard.ran("v3")
    assert status == "FAILED"
    return yard, [execution, failed, yard.unship.rolled_back(execution)]


def test_a_secret_reaches_what_needs_it(
    careless: tuple[Yard, list[str]], echo: tuple[str, list[dict[str, Any]]]
) -> None:
    yard, _ = careless
    _, asked = echo
    mine = next(one for one in asked if one["path"] == "/200/x")
    assert (mine["token"], mine["body"]) == (SECRET, SECRET)
    login = yard.world.store.get("Secret", yard.namespace(), "login")
    assert login is not None


def test_a_secret_is_masked_in_every_answer_and_event(careless: tuple[Yard, list[str]]) -> None:
    yard, executions = careless
    for execution in executions:
        told = json.dumps([yard.unship.execution(execution), yard.unship.events(execution)])
        assert SECRET not in told
        assert "****" in told
    assert steps_of(yard.unship, executions[1])["scale"] == "IGNORED_FAILURE"
    assert "told ****" in output(yard.unship, executions[0], "prod", "careless")
    plan = yard.unship.plan(executionId=executions[0])
    assert SECRET not in json.dumps([plan, yard.dashboard()])


def test_a_secret_is_in_no_file_of_the_installation(careless: tuple[Yard, list[str]]) -> None:
    yard, _ = careless
    files = [path for path in yard.unship.directory.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"unship.db", "unship.db-engine", "server.log"}
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []


def test_scripts_that_were_loaded_do_not_run_once_they_are_switched_off(connectors: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with serving(tmp_path, connectors=str(connectors)) as unship:
        stage = custom("only", script("say", f"touch '{mark}'"))
        pipeline = {"identifier": "p", "name": "P", "stages": [stage]}
        assert unship.apply(yaml.safe_dump({"pipeline": pipeline})) == []
        unship.stop()
        unship.settings = {**unship.settings, "UNSHIP_ALLOW_SCRIPTS": "false"}
        unship.start()
        execution = unship.run("p")
        assert unship.finish(execution) == "FAILED"
        assert "UNSHIP_ALLOW_SCRIPTS=true" in unship.execution(execution)["stages"][0]["statusReason"]
    assert not mark.exists()
