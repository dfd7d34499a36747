"""Groups: created, described, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.aws.autoscaling.capacity import Capacity
from sandbox.aws.autoscaling.launching import Launching
from sandbox.aws.autoscaling.state import Group, Member
from sandbox.aws.autoscaling.tags import tag_shown, tagged
from sandbox.aws.names import Account, request_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object

ELSEWHERE = frozenset(
    {
        "AutoScalingGroupName",
        "Tags",
        "TargetGroupARNs",
        "TrafficSources",
        "LifecycleHookSpecificationList",
        "InstanceId",
    }
)
DEFAULTS: Object = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "CapacityRebalance": False,
    "VPCZoneIdentifier": "",
}


class Groups:
    """The groups of the account."""

    def __init__(self, account: Account, launching: Launching, capacity: Capacity) -> None:
        self._account = account
        self._launching = launching
        self._capacity = capacity
        self.all: dict[str, Group] = {}
        self.handlers: Mapping[str, Handler] = {
            "CreateAutoScalingGroup": self._create,
            "DescribeAutoScalingGroups": self._describe,
            "UpdateAutoScalingGroup": self._update,
            "DeleteAutoScalingGroup": self._delete,
            "SetDesiredCapacity": self._set_desired,
            "DescribeScalingActivities": self._activities,
        }

    def find(self, name: str) -> Group:
        """Raises AwsError where there is none."""
        if name not in self.all:
            raise AwsError(
                "ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            )
        return self.all[name]

    def bury(self) -> None:
        """Forgets groups that were to be deleted and are empty."""
        for group in list(self.all.values()):
            if group.deleting and not group.members:
                del self.all[group.name]

    def _create(self, params: Object) -> Object:
        name: str = params["AutoScalingGroupName"]
        if name in self.all:
            message = "AutoScalingGroup by this name already exists - A group with the name"
            raise AwsError("AlreadyExists", f"{message} {name} already exists")
        if "LaunchTemplate" not in params and "MixedInstancesPolicy" not in params:
            message = "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or"
            raise AwsError("ValidationError", f"{message} MixedInstancesPolicy parameter.")
        given = {key: value for key, value in params.items() if key not in ELSEWHERE}
        settings = self._launching.checked({**DEFAULTS, "DesiredCapacity": params["MinSize"], **given})
        settings.setdefault("AvailabilityZones", self._zones(settings["VPCZoneIdentifier"]))
        if not settings["AvailabilityZones"]:
            raise AwsError("ValidationError", "At least one Availability Zone or VPC Subnet is required.")
        _check_sizes(settings)
        arn = self._account.arn("autoscaling", f"autoScalingGroup:{request_id()}:autoScalingGroupName/{name}")
        settings["CreatedTime"] = datetime.now(UTC)
        group = Group(name, arn, settings)
        for tag in params.get("Tags", []):
            group.tags[tag["Key"]] = tagged(tag)
        for hook in params.get("LifecycleHookSpecificationList", []):
            group.hooks[hook["LifecycleHookName"]] = hooked(name, hook)
        sources = [source["Identifier"] for source in params.get("TrafficSources", [])]
        for target_group in (*params.get("TargetGroupARNs", []), *sources):
            self._capacity.attach(group, target_group)
        self.all[name] = group
        return {}

    def _zones(self, subnets: str) -> list[str]:
        count = len([subnet for subnet in subnets.split(",") if subnet])
        return [f"{self._account.region}{letter}" for letter in "abc"[:count]]

    def _describe(self, params: Object) -> Object:
        names: list[str] = params.get("AutoScalingGroupNames", [])
        filters = {item["Name"]: item["Values"] for item in params.get("Filters", [])}
        found = [
            group
            for name, group in sorted(self.all.items())
            if (not names or name in names) and all(_has(group, key, values) for key, values in filters.items())
        ]
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
        return {"AutoScalingGroups": [_shown(group) for group in pages.items], "NextToken": pages.next_token}

    def _update(self, params: Object) -> Object:
        group = self.find(params["AutoScalingGroupName"])
        if group.deleting:
            raise AwsError("ValidationError", "You cannot update an AutoScalingGroup pending delete")
        changes = {key: value for key, value in params.items() if key not in ELSEWHERE}
        template = {"LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName"} & changes.keys()
        refresh = group.active_refresh
        if template and refresh is not None and refresh.desired:
            message = (
                "An active instance refresh with a desired configuration exists. All configuration options derived"
            )
            message = f"{message} from the desired configuration are not available for update while it is active."
            raise AwsError("ValidationError", message)
        settings = {key: value for key, value in group.settings.items() if not template or key not in TEMPLATES}
        settings = {**settings, **self._launching.checked(changes)}
        settings = {key: value for key, value in settings.items() if UNSET.get(key) != value}
        if "VPCZoneIdentifier" in changes:
            settings["AvailabilityZones"] = self._zones(changes["VPCZoneIdentifier"])
        if "DesiredCapacity" not in changes:
            least, most = settings["MinSize"], settings["MaxSize"]
            settings["DesiredCapacity"] = max(least, min(most, settings["DesiredCapacity"]))
        _check_sizes(settings)
        group.settings = settings
        return {}

    def _set_desired(self, params: Object) -> Object:
        group = self.find(params["AutoScalingGroupName"])
        settings = {**group.settings, "DesiredCapacity": params["DesiredCapacity"]}
        _check_sizes(settings, "New SetDesiredCapacity value")
        group.settings = settings
        return {}

    def _delete(self, params: Object) -> Object:
        group = self.find(params["AutoScalingGroupName"])
        if group.members and not params.get("ForceDelete"):
            message = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance"
            raise AwsError("ResourceInUse", f"{message} request(s) still in the group.")
        group.deleting = True
        return {}

    def _activities(self, params: Object) -> Object:
        name: str | None = params.get("AutoScalingGroupName")
        groups = list(self.all.values()) if name is None else [self.find(name)]
        found = [(group, activity) for group in groups for activity in reversed(group.activities)]
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 100))
        shown = [
            {
                "ActivityId": activity.id,
                "AutoScalingGroupName": group.name,
                "AutoScalingGroupARN": group.arn,
                "Description": activity.description,
                "Cause": activity.cause,
                "StartTime": activity.started,
                "EndTime": activity.ended,
                "StatusCode": activity.status,
                "StatusMessage": activity.message,
                "Progress": 50 if activity.ended is None else 100,
            }
            for group, activity in pages.items
        ]
        return {"Activities": shown, "NextToken": pages.next_token}


UNSET: Object = {
    "PlacementGroup": "",
    "MaxInstanceLifetime": 0,
    "DefaultInstanceWarmup": -1,
    "InstanceMaintenancePolicy": {"MinHealthyPercentage": -1, "MaxHealthyPercentage": -1},
    "Context": "",
}
"""What takes a setting away."""
TEMPLATES = frozenset({"LaunchTemplate", "MixedInstancesPolicy", "LaunchConfigurationName"})


def hooked(group: str, hook: Object) -> Object:
    """A lifecycle hook as it is described."""
    defaults = {"HeartbeatTimeout": 3600, "GlobalTimeout": 172800, "DefaultResult": "ABANDON"}
    return {**defaults, **hook, "AutoScalingGroupName": group}


def _check_sizes(settings: Object, what: str = "Desired capacity") -> None:
    least, most, desired = settings["MinSize"], settings["MaxSize"], settings["DesiredCapacity"]
    if least > most:
        raise AwsError(
            "ValidationError", f"Max bound, {most}, must be greater than or equal to min bound, {least}"
        )
    if not least <= desired <= most:
        message = f"{what}:{desired} must be between the specified min size:{least} and max size:{most}"
        raise AwsError("ValidationError", message)


def _has(group: Group, key: str, values: list[str]) -> bool:
    if key == "tag-key":
        return any(value in group.tags for value in values)
    name = key.removeprefix("tag:")
    return name in group.tags and group.tags[name]["Value"] in values


def _shown(group: Group) -> Object:
    return {
        **group.settings,
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "TargetGroupARNs": group.target_groups,
        "TrafficSources": [{"Identifier": arn, "Type": "elbv2"} for arn in group.target_groups],
        "LoadBalancerNames": [],
        "SuspendedProcesses": [
            {"ProcessName": name, "SuspensionReason": reason} for name, reason in sorted(group.suspended.items())
        ],
        "EnabledMetrics": [{"Metric": metric, "Granularity": "1Minute"} for metric in group.metrics],
        "Tags": [tag_shown(group.name, key, tag) for key, tag in sorted(group.tags.items())],
        "Instances": [_member_shown(member) for member in group.members.values()],
        "Status": "Delete in progress" if group.deleting else None,
    }


def _member_shown(member: Member) -> Object:
    return {
        "InstanceId": member.instance,
        "InstanceType": member.type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.state.value,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": member.template,
        "ProtectedFromScaleIn": member.protected,
    }
