"""Asks the platforms themselves what runs there, with clients that are not Unship's. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx2
import yaml

Asking = Callable[[Path], list[str]]
"""The image of every live copy, asked with the access that the directory's connectors file gives."""


@dataclass(frozen=True)
class Proof:
    """`count` copies of `image`, in which the variables of a version stand in braces, are to run at `platform`."""

    platform: str
    count: int
    image: str
    ask: Asking

    def wanted(self, version: Mapping[str, str]) -> list[str]:
        return [self.image.format_map(version)] * self.count


def images_in_namespace(namespace: str) -> Asking:
    """Of the pods of a namespace that are there to stay."""

    def ask(directory: Path) -> list[str]:
        access: dict[str, Any] = yaml.safe_load((directory / "kubeconfig").read_text())
        server = access["clusters"][0]["cluster"]["server"]
        token = access["users"][0]["user"]["token"]
        pods = _json(f"{server}/api/v1/namespaces/{namespace}/pods", token)["items"]
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return [container["image"] for pod in staying for container in pod["spec"]["containers"]]

    return ask


def images_of_service(cluster: str, service: str) -> Asking:
    """Of the running tasks of an ECS service."""

    def ask(directory: Path) -> list[str]:
        client = _aws(directory, "ecs")
        tasks = client.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
        described: list[Any] = client.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else []
        return [container["image"] for task in described for container in task["containers"]]

    return ask


def images_of_group(name: str) -> Asking:
    """Of the instances in service of an Auto Scaling group."""

    def ask(directory: Path) -> list[str]:
        groups = _aws(directory, "autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        instances = [one["InstanceId"] for group in groups["AutoScalingGroups"] for one in group["Instances"]]
        described = _aws(directory, "ec2").describe_instances(InstanceIds=instances)["Reservations"]
        return [one["ImageId"] for reservation in described for one in reservation["Instances"]]

    return ask


def images_of_app(name: str) -> Asking:
    """Of the running copies of the web process of an app."""

    def ask(directory: Path) -> list[str]:
        spec = _spec(directory, "Tas")
        url = spec["endpointUrl"]
        links = _json(f"{url}/")["links"]
        form = {"grant_type": "password"}
        for field in ("username", "password"):
            form[field] = _secret(directory, spec[f"{field}Ref"])
        issued = httpx2.post(f"{links['uaa']['href']}/oauth/token", data=form, auth=("cf", ""))
        token = issued.raise_for_status().json()["access_token"]
        app = _json(f"{url}/v3/apps?names={name}", token)["resources"][0]["guid"]
        image = _json(f"{url}/v3/apps/{app}/droplets/current", token)["image"]
        stats = _json(f"{url}/v3/apps/{app}/processes/web/stats", token)["resources"]
        return [image for one in stats if one["state"] == "RUNNING"]

    return ask


def _json(url: str, token: str | None = None) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx2.get(url, headers=headers).raise_for_status().json()


def _aws(directory: Path, service: str) -> Any:
    spec = _spec(directory, "Aws")
    sdk: Any = import_module("botocore.session")
    return sdk.Session().create_client(
        service,
        region_name=spec["region"],
        endpoint_url=spec["endpointUrl"],
        aws_access_key_id=_secret(directory, spec["accessKeyRef"]),
        aws_secret_access_key=_secret(directory, spec["secretKeyRef"]),
    )


def _spec(directory: Path, connector_type: str) -> dict[str, Any]:
    connectors = yaml.safe_load((directory / "connectors.yaml").read_text())["connectors"]
    return next(connector["spec"] for connector in connectors if connector["type"] == connector_type)


def _secret(directory: Path, reference: str) -> str:
    return (directory / reference.removeprefix("file:")).read_text()
