"""The manifests, applied to the sandbox by the real kubectl, and what they promise a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.children import ROOT
from sandbox.kubernetes import KubernetesWorld
from server.settings import Settings

FILE = ROOT / "deploy" / "kubernetes" / "unship.yaml"
KUBECTL = Path(sys.executable).with_name("kubectl")


@pytest.fixture(scope="module")
def applied(world: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every object as the cluster has it, by kind and name; a second time changes nothing."""
    home = tmp_path_factory.mktemp("home")
    command = [str(KUBECTL), "--kubeconfig", str(world.write_kubeconfig(home / "kubeconfig")), "-n", "staging"]

    def kubectl(*arguments: str) -> str:
        done = subprocess.run(
            [*command, *arguments], env={"HOME": str(home)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for word in ("created", "unchanged"):
        lines = kubectl("apply", "--server-side=false", "-f", str(FILE)).splitlines()
        assert [line.rsplit(" ", 1)[1] for line in lines] == [word] * len(documents())
    items: list[dict[str, Any]] = json.loads(kubectl("get", "-f", str(FILE), "-o", "json"))["items"]
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in items}


def documents() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = list(yaml.safe_load_all(FILE.read_text()))
    return found


def pod(applied: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = applied["Deployment/unship"]["spec"]["template"]["spec"]
    return found


def test_a_cluster_takes_every_object(applied: dict[str, Any]) -> None:
    assert set(applied) == {
        "ServiceAccount/unship",
        "Deployment/unship",
        "Service/unship-operations",
        "NetworkPolicy/unship",
    }
    selector = applied["Service/unship-operations"]["spec"]["selector"]
    template = applied["Deployment/unship"]["spec"]["template"]
    for wanted in (
        selector,
        applied["Deployment/unship"]["spec"]["selector"]["matchLabels"],
        applied["NetworkPolicy/unship"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert wanted.items() <= template["metadata"]["labels"].items()


def test_the_pod_may_do_nothing_that_it_need_not(applied: dict[str, Any]) -> None:
    (container,) = pod(applied)["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(applied)["securityContext"]["runAsNonRoot"] is True
    assert pod(applied)["automountServiceAccountToken"] is False
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    volumes = {volume["name"] for volume in pod(applied)["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    # The key of the audit log must not be open to others than its group.
    (files,) = [volume["secret"] for volume in pod(applied)["volumes"] if "secret" in volume]
    assert files["defaultMode"] & 0o037 == 0


def test_probes_ask_the_operations_port_and_the_end_has_its_time(applied: dict[str, Any]) -> None:
    (container,) = pod(applied)["containers"]
    (port,) = container["ports"]
    asked = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert {probe["port"] for probe in asked.values()} == {port["name"]}
    paths = ["/readyz", "/readyz", "/livez"]
    assert [probe["path"] for probe in asked.values()] == paths
    environment = {entry["name"]: entry.get("value") for entry in container["env"]}
    drain = int(environment["UNSHIP_DRAIN_SECONDS"] or 0)
    assert pod(applied)["terminationGracePeriodSeconds"] > drain + Settings().shutdown_seconds + 5
    ingress = applied["NetworkPolicy/unship"]["spec"]["ingress"]
    assert [entry["ports"] for entry in ingress] == [[{"protocol": "TCP", "port": port["containerPort"]}]]
    image = (ROOT / "Containerfile").read_text()
    assert f"UNSHIP_OPERATIONS_PORT={port['containerPort']}\n" in image
