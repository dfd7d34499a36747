"""What hangs on a group: tags, target groups, suspended processes, metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.aws.autoscaling.capacity import Capacity
from sandbox.aws.autoscaling.state import Group
from sandbox.aws.autoscaling.tags import tag_shown, tagged
from sandbox.aws.elbv2 import LoadBalancing
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object

PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)


class Attachments:
    """Operations on what hangs on groups."""

    def __init__(
        self,
        groups: Mapping[str, Group],
        find: Callable[[str], Group],
        capacity: Capacity,
        balancing: LoadBalancing,
    ) -> None:
        self._groups = groups
        self._find = find
        self._capacity = capacity
        self._exists = balancing.targets.exists
        self.handlers: Mapping[str, Handler] = {
            "CreateOrUpdateTags": self._tag,
            "DeleteTags": self._untag,
            "DescribeTags": self._tags,
            "AttachLoadBalancerTargetGroups": self._attach,
            "DetachLoadBalancerTargetGroups": self._detach,
            "DescribeLoadBalancerTargetGroups": self._attached,
            "AttachTrafficSources": self._attach,
            "DetachTrafficSources": self._detach,
            "DescribeTrafficSources": self._sources,
            "SuspendProcesses": self._suspend,
            "ResumeProcesses": self._resume,
            "EnableMetricsCollection": self._enable_metrics,
            "DisableMetricsCollection": self._disable_metrics,
        }

    def _tag(self, params: Object) -> Object:
        for tag in params["Tags"]:
            group = self._find(tag["ResourceId"])
            group.tags[tag["Key"]] = tagged(tag)
        return {}

    def _untag(self, params: Object) -> Object:
        for tag in params["Tags"]:
            self._find(tag["ResourceId"]).tags.pop(tag["Key"], None)
        return {}

    def _tags(self, params: Object) -> Object:
        filters = {item["Name"]: item["Values"] for item in params.get("Filters", [])}
        found = [
            tag_shown(group.name, key, tag)
            for group in self._groups.values()
            for key, tag in sorted(group.tags.items())
            if group.name in filters.get("auto-scaling-group", [group.name]) and key in filters.get("key", [key])
        ]
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
        return {"Tags": pages.items, "NextToken": pages.next_token}

    def _attach(self, params: Object) -> Object:
        group = self._free(params)
        for arn in _target_groups(params):
            if not self._exists(arn):
                raise AwsError("ValidationError", f"Provided Target Groups may not be valid: '{arn}' not found")
            if arn not in group.target_groups:
                self._capacity.attach(group, arn)
        return {}

    def _detach(self, params: Object) -> Object:
        group = self._free(params)
        for arn in _target_groups(params):
            if arn not in group.target_groups:
                raise AwsError(
                    "ValidationError", f"Trying to remove Target Groups that are not part of the group: {arn}"
                )
            self._capacity.detach(group, arn)
        return {}

    def _free(self, params: Object) -> Group:
        group = self._find(params["AutoScalingGroupName"])
        refresh = group.active_refresh
        if refresh is not None and refresh.desired:
            message = "An active instance refresh with a desired configuration exists for the group."
            raise AwsError("InstanceRefreshInProgress", message)
        return group

    def _attached(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        states = [{"LoadBalancerTargetGroupARN": arn, "State": "InService"} for arn in group.target_groups]
        return {"LoadBalancerTargetGroups": states}

    def _sources(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        states = [
            {"TrafficSource": arn, "Identifier": arn, "Type": "elbv2", "State": "InService"}
            for arn in group.target_groups
        ]
        return {"TrafficSources": states}

    def _suspend(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        for process in params.get("ScalingProcesses") or PROCESSES:
            group.suspended.setdefault(process, "User suspended")
        return {}

    def _resume(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        for process in params.get("ScalingProcesses") or PROCESSES:
            group.suspended.pop(process, None)
        return {}

    def _enable_metrics(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        group.metrics = sorted({*group.metrics, *params.get("Metrics", ["GroupDesiredCapacity"])})
        return {}

    def _disable_metrics(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        gone = params.get("Metrics", group.metrics)
        group.metrics = [metric for metric in group.metrics if metric not in gone]
        return {}


def _target_groups(params: Object) -> list[str]:
    return [*params.get("TargetGroupARNs", []), *(item["Identifier"] for item in params.get("TrafficSources", []))]
