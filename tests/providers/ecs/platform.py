"""The shop's payments in a cluster of the AWS world, as the contract sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import Artifact, DeploymentType, Manifest, Release
from sandbox.aws import AwsWorld
from sandbox.aws.ecs.scaling import Dimension
from sandbox.aws.ecs.state import Definition, EcsService, TaskStatus
from sandbox.aws.ecs.views import service_view
from sandbox.core.requests import RequestRecord
from tests.providers.platform import Platform
from tests.sandbox.aws_clients import Client, client

CLUSTER, SERVICE = "shop", "payments"
TASK = """
family: payments
networkMode: awsvpc
requiresCompatibilities: [FARGATE]
cpu: "256"
memory: "512"
containerDefinitions:
  - name: payments
    image: library/nginx:{version}
    essential: true
    portMappings: [{{containerPort: 8080}}]
    environment: [{{name: B, value: "2"}}, {{name: A, value: "1"}}]
"""
SERVED = """
serviceName: payments
desiredCount: 3
launchType: FARGATE
networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-1], securityGroups: [sg-1]}}
deploymentConfiguration: {maximumPercent: 200, minimumHealthyPercent: 100}
"""
TARGET_KEYS = "serviceNamespace: ecs\nscalableDimension: ecs:service:DesiredCount\n"
SCALABLE = TARGET_KEYS + "minCapacity: 2\nmaxCapacity: 6\n"
POLICY = (
    TARGET_KEYS
    + """
policyName: cpu
policyType: TargetTrackingScaling
targetTrackingScalingPolicyConfiguration:
  targetValue: 60
  predefinedMetricSpecification: {predefinedMetricType: ECSServiceAverageCPUUtilization}
"""
)
OURS = "unship.dev/"


class EcsPlatform(Platform):
    """Payments, rolling, with an autoscaler."""

    served = SERVED
    of_failures = "RegisterScalableTarget"
    contended = "^(ecs:RegisterTaskDefinition|application-autoscaling:)"

    def __init__(
        self, directory: Path, *, tick: float = 0.005, scaled: bool = True, world: AwsWorld | None = None
    ) -> None:
        self._world = world or AwsWorld.start(tick=tick)
        self._scaled = scaled
        self._other: Client | None = None
        entry = self._world.connectors(directory)[0]
        connector = Connector(entry["identifier"], entry["type"], entry["spec"], directory)
        self.connectors = Connectors({connector.identifier: connector})
        self.registry = Registry(self.connectors)
        provider = self.registry.find(DeploymentType.ECS)
        assert provider is not None
        self.provider = provider
        self.target = provider.target_model(connectorRef="aws", region="eu-west-1", cluster=CLUSTER)
        self.choose_steps()

    def choose_steps(self) -> None:
        """The strategy."""
        self.deploy_steps = (self.spec("EcsRollingDeploy"),)
        self.rollback_steps = (self.spec("EcsRollingRollback"),)

    @property
    def world(self) -> AwsWorld:
        return self._world

    @property
    def client(self) -> Client:
        """Somebody else's client of ECS."""
        if self._other is None:
            self._other = client(self._world, "ecs")
        return self._other

    def release(self, version: str) -> Release:
        return self.of_manifests(TASK.format(version=version), self.served, version)

    def of_manifests(self, task: str, service: str, version: str = "1") -> Release:
        """A release of other manifests."""
        manifests = [
            Manifest(identifier="task", type="EcsTaskDefinition", content=task),
            Manifest(identifier="service", type="EcsServiceDefinition", content=service),
        ]
        if self._scaled:
            manifests += [
                Manifest(identifier="target", type="EcsScalableTargetDefinition", content=SCALABLE),
                Manifest(identifier="policy", type="EcsScalingPolicyDefinition", content=POLICY),
            ]
        artifact = Artifact(display_name=f"library/nginx:{version}", image="library/nginx", tag=version)
        return Release(service="payments", artifact=artifact, manifests=tuple(manifests))

    def service(self, name: str = SERVICE) -> EcsService | None:
        found = self._world.containers.state.clusters[CLUSTER].services.get(name)
        return None if found is None or found.status == "INACTIVE" else found

    def described(self, name: str = SERVICE) -> dict[str, Any] | None:
        """The service as the API shows it, from the world's own state."""
        cluster = self._world.containers.state.clusters[CLUSTER]

        def read() -> dict[str, Any]:
            service = self.service(name)
            return {} if service is None else service_view(cluster, service, tags=True)

        return self._world.look(read) or None

    def definitions(self) -> list[Definition]:
        return list(self._world.containers.state.families.get("payments", ()))

    def running(self) -> list[str]:
        def read() -> list[str]:
            return [
                container["image"].rpartition(":")[2]
                for task in self._world.containers.state.clusters[CLUSTER].tasks.values()
                if task.is_wanted and task.status is not TaskStatus.STOPPED
                for container in task.definition.body["containerDefinitions"]
            ]

        return self._world.look(read)

    def fingerprint(self) -> object:
        world = self._world
        return world.containers.state.revision, world.scaling.revision

    def state(self) -> object:
        scaling = self._world.scaling
        key = Dimension("ecs", f"service/{CLUSTER}/{SERVICE}", "ecs:service:DesiredCount")
        target = scaling.targets.get(key)
        return (
            self.service_state(SERVICE),
            target and {name: target[name] for name in ("MinCapacity", "MaxCapacity", "SuspendedState")},
            json.dumps(scaling.policies.get(key) or {}, default=str, sort_keys=True),
            sorted(self.running()),
        )

    def service_state(self, name: str) -> object:
        """What a rollback is to bring back of a service."""
        found = self.described(name)
        if found is None:
            return None
        left_out = {"deployments", "events", "currentServiceDeployment", "currentServiceRevisions", "tags"}
        kept = {key: value for key, value in found.items() if key not in left_out}
        tags = [tag for tag in found["tags"] if not tag["key"].startswith(OURS)]
        return json.dumps({**kept, "tags": tags}, default=str, sort_keys=True)

    def break_version(self, version: str) -> None:
        self._world.containers.images.bad(f":{version}$")

    def registered_by_hand(self) -> str:
        """Somebody registers a revision with another image; its ARN."""
        task = self.client.describe_task_definition(taskDefinition="payments")["taskDefinition"]
        container = {**task["containerDefinitions"][0], "image": "library/nginx:by-hand"}
        keys = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory")
        made = self.client.register_task_definition(
            **{key: task[key] for key in keys}, containerDefinitions=[container]
        )
        return made["taskDefinition"]["taskDefinitionArn"]

    def change_by_hand(self) -> None:
        self.client.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=self.registered_by_hand())

    def close_the_way(self) -> None:
        for definition in self.definitions():
            if definition.is_active and definition.arn != (self.described() or {})["taskDefinition"]:
                self.client.deregister_task_definition(taskDefinition=definition.arn)

    def is_harmless(self, request: RequestRecord) -> bool:
        return False

    def safeguard(self, request: RequestRecord) -> str:
        return request.operation

    def close(self) -> None:
        self._world.close()


class CanaryPlatform(EcsPlatform):
    """Payments, a canary first and then rolling; without an autoscaler."""

    # A rollback notes what it does, and does it; the canary is gone by then.
    fewest_announced = 2

    def __init__(self, directory: Path, *, tick: float = 0.005, scaled: bool = False) -> None:
        super().__init__(directory, tick=tick, scaled=scaled)

    def choose_steps(self) -> None:
        delete = self.spec("EcsCanaryDelete")
        self.deploy_steps = (self.spec("EcsCanaryDeploy"), delete, self.spec("EcsRollingDeploy"))
        self.rollback_steps = (delete, self.spec("EcsRollingRollback"))

    def state(self) -> object:
        return super().state(), self.service_state(SERVICE + "Canary")
