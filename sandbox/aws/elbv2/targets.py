"""Target groups, what is registered in them, and how it fares in health checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sandbox.aws.names import Account, hex_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object

Probe = Callable[[str], bool]
"""Whether the target of an id (an instance id or an address) passes a health check."""

DEFAULTS: Object = {
    "HealthCheckEnabled": True,
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckPath": "/",
    "HealthCheckPort": "traffic-port",
    "HealthCheckProtocol": "HTTP",
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 5,
    "IpAddressType": "ipv4",
    "Matcher": {"HttpCode": "200"},
    "ProtocolVersion": "HTTP1",
    "TargetType": "instance",
    "UnhealthyThresholdCount": 2,
}


class Health(StrEnum):
    """The states of a target."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"


REASONS = {
    Health.INITIAL: ("Elb.RegistrationInProgress", "Target registration is in progress"),
    Health.UNHEALTHY: ("Target.FailedHealthChecks", "Health checks failed"),
    Health.UNUSED: ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
    Health.DRAINING: ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}


@dataclass
class Target:
    """Something registered; `ticks` counts those in its state."""

    id: str
    port: int
    health: Health = Health.INITIAL
    ticks: int = 0

    def move(self, health: Health) -> None:
        """Takes another state."""
        if health is not self.health:
            self.health, self.ticks = health, 0


@dataclass
class TargetGroup:
    """`shown` is what a description gives of it, but for its load balancers."""

    arn: str
    shown: Object
    targets: dict[tuple[str, int], Target] = field(default_factory=dict[tuple[str, int], Target])
    attributes: dict[str, str] = field(default_factory=dict[str, str])


class Targets:
    """The target groups. What is registered is healthy after `warmup` ticks, and drains for `drain` at the end."""

    warmup = 2
    drain = 2

    def __init__(self, account: Account, balancers_of: Callable[[str], list[str]]) -> None:
        self._account = account
        self._balancers_of = balancers_of
        self._groups: dict[str, TargetGroup] = {}
        self._probes: list[Probe] = []
        self.handlers: Mapping[str, Handler] = {
            "CreateTargetGroup": self._create,
            "DescribeTargetGroups": self._describe,
            "ModifyTargetGroup": self._modify,
            "DeleteTargetGroup": self._delete,
            "DescribeTargetGroupAttributes": self._attributes,
            "ModifyTargetGroupAttributes": self._modify_attributes,
            "RegisterTargets": self._register,
            "DeregisterTargets": self._deregister,
            "DescribeTargetHealth": self._describe_health,
        }

    def on_probe(self, probe: Probe) -> None:
        """A target is healthy if every probe passes it."""
        self._probes.append(probe)

    def find(self, arn: str) -> TargetGroup:
        """Raises AwsError where there is none."""
        group = self._groups.get(arn)
        if group is None:
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        return group

    def exists(self, arn: str) -> bool:
        """Whether there is such a target group."""
        return arn in self._groups

    def all(self) -> list[TargetGroup]:
        """Every target group."""
        return list(self._groups.values())

    def register(self, arn: str, target: str, port: int | None = None) -> None:
        """Registers a target; one that drains comes back."""
        group = self.find(arn)
        key = (target, port or group.shown.get("Port", 80))
        known = group.targets.get(key)
        if known is None or known.health is Health.DRAINING:
            group.targets[key] = Target(*key)

    def deregister(self, arn: str, target: str, port: int | None = None) -> None:
        """Lets a target drain; without a port at every port."""
        for key, known in self.find(arn).targets.items():
            if key[0] == target and port in (None, key[1]):
                known.move(Health.DRAINING)

    def health(self, arn: str, target: str) -> Health | None:
        """How a target fares; None where it is not registered."""
        group = self._groups.get(arn)
        found = [] if group is None else [known for key, known in group.targets.items() if key[0] == target]
        return self._seen(arn, found[0]) if found else None

    def tick(self) -> None:
        """Targets get healthy, fail or go."""
        for group in self._groups.values():
            for key, target in list(group.targets.items()):
                target.ticks += 1
                if target.health is not Health.DRAINING:
                    self._check(target)
                elif target.ticks >= self.drain or not self._balancers_of(group.arn):
                    del group.targets[key]

    def _check(self, target: Target) -> None:
        passes = all(probe(target.id) for probe in self._probes)
        if target.health is Health.INITIAL:
            if target.ticks >= self.warmup:
                target.move(Health.HEALTHY if passes else Health.UNHEALTHY)
        else:
            target.move(Health.HEALTHY if passes else Health.UNHEALTHY)

    def _seen(self, arn: str, target: Target) -> Health:
        return target.health if self._balancers_of(arn) else Health.UNUSED

    def _create(self, params: Object) -> Object:
        name: str = params["Name"]
        if any(group.shown["TargetGroupName"] == name for group in self._groups.values()):
            message = f"A target group with the same name '{name}' exists, but with different settings"
            raise AwsError("DuplicateTargetGroupName", message)
        arn = self._account.arn("elasticloadbalancing", f"targetgroup/{name}/{hex_id(16)}")
        given = {key: value for key, value in params.items() if key not in ("Name", "Tags")}
        shown = {**DEFAULTS, "TargetGroupArn": arn, "TargetGroupName": name, **given}
        self._groups[arn] = TargetGroup(arn, shown, attributes={"deregistration_delay.timeout_seconds": "300"})
        return {"TargetGroups": [self._shown(self._groups[arn])]}

    def _shown(self, group: TargetGroup) -> Object:
        return {**group.shown, "LoadBalancerArns": self._balancers_of(group.arn)}

    def _describe(self, params: Object) -> Object:
        arns: list[str] = params.get("TargetGroupArns", [])
        names: list[str] = params.get("Names", [])
        found = [self.find(arn) for arn in arns] if arns else self.all()
        if names:
            found = [group for group in found if group.shown["TargetGroupName"] in names]
        if len(found) < len(names):
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        balancer = params.get("LoadBalancerArn")
        if balancer is not None:
            found = [group for group in found if balancer in self._balancers_of(group.arn)]
        pages = page(found, params.get("Marker"), params.get("PageSize", 400), "ValidationError")
        return {"TargetGroups": [self._shown(group) for group in pages.items], "NextMarker": pages.next_token}

    def _modify(self, params: Object) -> Object:
        group = self.find(params["TargetGroupArn"])
        group.shown.update(params)
        return {"TargetGroups": [self._shown(group)]}

    def _delete(self, params: Object) -> Object:
        arn = params["TargetGroupArn"]
        if self._balancers_of(arn):
            message = f"Target group '{arn}' is currently in use by a listener or a rule"
            raise AwsError("ResourceInUse", message)
        self._groups.pop(arn, None)
        return {}

    def _attributes(self, params: Object) -> Object:
        attributes = self.find(params["TargetGroupArn"]).attributes
        return {"Attributes": [{"Key": key, "Value": value} for key, value in sorted(attributes.items())]}

    def _modify_attributes(self, params: Object) -> Object:
        group = self.find(params["TargetGroupArn"])
        group.attributes.update({item["Key"]: item["Value"] for item in params["Attributes"]})
        return self._attributes(params)

    def _register(self, params: Object) -> Object:
        for target in params["Targets"]:
            self.register(params["TargetGroupArn"], target["Id"], target.get("Port"))
        return {}

    def _deregister(self, params: Object) -> Object:
        for target in params["Targets"]:
            self.deregister(params["TargetGroupArn"], target["Id"], target.get("Port"))
        return {}

    def _describe_health(self, params: Object) -> Object:
        group = self.find(params["TargetGroupArn"])
        wanted = [target["Id"] for target in params.get("Targets", [])]
        shown = [
            _described(target, self._seen(group.arn, target))
            for target in group.targets.values()
            if not wanted or target.id in wanted
        ]
        return {"TargetHealthDescriptions": shown}


def _described(target: Target, health: Health) -> Object:
    reason, description = REASONS.get(health, (None, None))
    return {
        "Target": {"Id": target.id, "Port": target.port},
        "HealthCheckPort": str(target.port),
        "TargetHealth": {"State": health.value, "Reason": reason, "Description": description},
    }
