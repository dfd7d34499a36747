"""The Helm example as it is: applied by the command, deployed twice, rolled back, with both majors of helm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kubernetes import KubernetesWorld
from tests.support.unship import ROOT, Unship, serving
from tests.vendor_clients import HELM_3, HELM_4, VendorClient, ensure, unsupported

CONNECTORS = """
connectors:
  - identifier: cluster
    type: Kubernetes
    spec: {{kubeconfig: ./kubeconfig, context: demo, helm: {helm}}}
"""


@pytest.fixture(scope="module", params=[HELM_3, HELM_4], ids=lambda client: client.name)
def helm(request: pytest.FixtureRequest) -> Path:
    reason = unsupported()
    if reason is not None:
        pytest.skip(reason)
    client: VendorClient = request.param
    return ensure(client)


@pytest.fixture(scope="module")
def world(helm: Path) -> Iterator[KubernetesWorld]:
    """One for each helm: they would go on from the other's revisions."""
    with KubernetesWorld.start(tick=0.002) as world:
        yield world


@pytest.fixture(scope="module")
def unship(helm: Path, world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unship]:
    directory = tmp_path_factory.mktemp("unship")
    world.write_kubeconfig(directory / "kubeconfig")
    (directory / "connectors.yaml").write_text(CONNECTORS.format(helm=helm))
    with serving(directory, connectors=str(directory / "connectors.yaml")) as unship:
        yield unship


def apply(unship: Unship, file: Path) -> subprocess.CompletedProcess[str]:
    """`python -m server apply FILE` beside the running server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UNSHIP_")}
    environment |= {"UNSHIP_DATA_DIR": str(unship.directory / "data"), **unship.settings}
    command = [sys.executable, "-m", "server", "apply", str(file)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def images(world: KubernetesWorld) -> list[str]:
    pods = [pod for pod in world.list("Pod", "catalog") if "deletionTimestamp" not in pod["metadata"]]
    return [container["image"] for pod in pods for container in pod["spec"]["containers"]]


def test_the_example_is_deployed_and_rolled_back(unship: Unship, world: KubernetesWorld, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    done = apply(unship, tmp_path / "examples" / "native-helm.yaml")
    assert done.returncode == 0, done.stderr
    # What runs later needs the directory no more.
    shutil.rmtree(tmp_path / "examples")
    unship.deploy("catalog", tag="1.0")
    deployment = unship.deploy("catalog", tag="1.10")
    assert images(world) == ["shop/catalog:1.10"] * 2
    plan = unship.plan(executionId=deployment)
    assert plan["eligibility"]["verdict"] == "ELIGIBLE"
    changes = {(change["resource"], change["field"]): change for change in plan["stages"][0]["changes"]}
    image = changes["Deployment/catalog", "image (catalog)"]
    assert (image["current"], image["target"]) == ("shop/catalog:1.10", "shop/catalog:1.0")
    rollback = unship.execution(unship.rolled_back(deployment))
    assert rollback["status"] == "SUCCEEDED"
    assert images(world) == ["shop/catalog:1.0"] * 2
    (stage,) = rollback["stages"]
    assert stage["artifact"]["displayName"] == "shop/catalog:1.0"
    (step,) = stage["steps"]
    assert step["outputs"]["restoredRevision"] == "1"
    assert step["outputs"]["revision"] == "3"


def test_a_directory_cannot_come_over_the_api(unship: Unship) -> None:
    (error,) = unship.apply((ROOT / "examples" / "native-helm.yaml").read_text())
    assert "python -m server apply FILE" in error["message"]
    assert "OciHelmChart" in error["message"]
