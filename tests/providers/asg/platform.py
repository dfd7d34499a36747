"""A search service in Auto Scaling groups of a sandbox region, as the contract sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from providers.connectors import Connector, Connectors
from providers.registry import Registry
from providers.values import Artifact, DeploymentType, Manifest, Release
from sandbox.aws import AwsWorld
from sandbox.aws.autoscaling.state import Group, Lifecycle, template_of
from sandbox.aws.ec2.instances import State
from sandbox.core.requests import RequestRecord
from tests.providers.platform import Platform

NAME = "search"
TEMPLATE = """
LaunchTemplateName: search
LaunchTemplateData: {{ImageId: ami-{version}, InstanceType: t3.micro}}
"""
GROUP = """
AutoScalingGroupName: search
MinSize: 1
MaxSize: 6
DesiredCapacity: 3
VPCZoneIdentifier: subnet-1,subnet-2
HealthCheckGracePeriod: 0
"""


class AsgPlatform(Platform):
    """The service, rolled out by instance refreshes."""

    group = GROUP
    contended = "^(autoscaling:|ec2:CreateTags)"
    fewest_announced = 2

    def __init__(self, directory: Path, *, tick: float = 0.005, world: AwsWorld | None = None) -> None:
        self._world = world or AwsWorld.start(tick=tick)
        entries = [
            Connector(entry["identifier"], entry["type"], entry["spec"], directory)
            for entry in self.world.connectors(directory)
        ]
        self.connectors = Connectors({entry.identifier: entry for entry in entries})
        provider = Registry(self.connectors).find(DeploymentType.ASG)
        assert provider is not None
        self.provider = provider
        self.target = provider.target_model(connectorRef="aws", region="eu-west-1")
        self.prepare()

    def prepare(self) -> None:
        """What the strategy needs."""
        self.deploy_steps = (self.spec("AsgRollingDeploy", maximumHealthyPercentage=150),)
        self.rollback_steps = (self.spec("AsgRollingRollback"),)

    @property
    def world(self) -> AwsWorld:
        return self._world

    def release(self, version: str) -> Release:
        return self.of_group(self.group, version)

    def of_group(self, group: str, version: str, *others: Manifest) -> Release:
        """A release with another manifest of its group, and further manifests."""
        image = f"ami-{version}"
        manifests = (
            Manifest(identifier="template", type="AsgLaunchTemplate", content=TEMPLATE.format(version=version)),
            Manifest(identifier="group", type="AsgConfiguration", content=group),
            *others,
        )
        return Release(service=NAME, artifact=Artifact(display_name=image, image=image), manifests=manifests)

    def version(self, artifact: Artifact) -> str | None:
        return (artifact.image or "").removeprefix("ami-")

    def groups(self) -> dict[str, Any]:
        """What a rollback is to bring back of every group."""
        return self.world.look(
            lambda: {name: self._shown(group) for name, group in self.world.auto_scaling.groups.items()}
        )

    def _shown(self, group: Group) -> dict[str, Any]:
        settings = {
            key: value
            for key, value in group.settings.items()
            if key not in ("CreatedTime", "LaunchTemplate", "MixedInstancesPolicy")
        }
        return {
            "settings": settings,
            "version": template_of(group.settings)["Version"],
            "targets": list(group.target_groups),
            "tags": {key: dict(tag) for key, tag in group.tags.items()},
            "hooks": dict(group.hooks),
            "policies": dict(group.policies),
            "scheduled": dict(group.scheduled),
            "suspended": sorted(group.suspended),
            "images": sorted(member.image for member in group.members.values() if member.stays),
        }

    def running(self) -> list[str]:
        def images() -> list[str]:
            return [
                member.image.removeprefix("ami-")
                for group in self.world.auto_scaling.groups.values()
                for member in group.members.values()
                if member.state is not Lifecycle.TERMINATING
            ]

        return self.world.look(images)

    def fingerprint(self) -> object:
        """How many requests changed something, and what there is."""
        taken = [item for item in self.world.requests.writes() if item.effect is not None and item.effect < 300]
        return len(taken), self.state()

    def state(self) -> object:
        templates = {template.name for template in self.world.ec2.launch_templates.all()}
        return self.groups(), templates, self.routes()

    def routes(self) -> Any:
        """Where listeners and rules send traffic."""
        routing = self.world.load_balancing.routing
        return self.world.look(lambda: [dict(routing.listeners), dict(routing.rules)])

    def break_version(self, version: str) -> None:
        self.world.ec2.images.bad(f"^ami-{version}$")

    def by_hand(self, service: str, operation: str, **parameters: Any) -> Any:
        """A request of somebody else, past Unship: straight to the service."""
        world = self.world
        services = {"ec2": world.ec2, "autoscaling": world.auto_scaling, "elbv2": world.load_balancing}
        return world.look(lambda: dict(services[service].handlers[operation](parameters)))

    def change_by_hand(self) -> None:
        made = self.by_hand(
            "ec2",
            "CreateLaunchTemplateVersion",
            LaunchTemplateName=NAME,
            LaunchTemplateData={"ImageId": "ami-by-hand", "InstanceType": "t3.micro"},
        )
        version = str(made["LaunchTemplateVersion"]["VersionNumber"])
        for name in self.serving():
            self.by_hand(
                "autoscaling",
                "UpdateAutoScalingGroup",
                AutoScalingGroupName=name,
                LaunchTemplate={"LaunchTemplateName": NAME, "Version": version},
            )
            self.by_hand("autoscaling", "StartInstanceRefresh", AutoScalingGroupName=name)

    def serving(self) -> list[str]:
        """The groups that somebody would change by hand."""
        return [NAME]

    def close_the_way(self) -> None:
        self.world.ec2.images.deregister("^ami-")

    def is_harmless(self, request: RequestRecord) -> bool:
        return False

    def safeguard(self, request: RequestRecord) -> str:
        return request.operation

    def machines(self) -> list[str]:
        """The ids of the instances that run."""
        instances = self.world.ec2.instances
        return self.world.look(lambda: [item.id for item in instances.all() if item.state is State.RUNNING])

    def close(self) -> None:
        self.world.close()
