"""What changes a group by itself or waits in it: scaling policies, scheduled actions, lifecycle hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.aws.autoscaling.groups import hooked
from sandbox.aws.autoscaling.state import Group
from sandbox.aws.names import Account, request_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class Rules:
    """Policies, scheduled actions and hooks of all groups. None of them moves capacity by itself here."""

    def __init__(self, account: Account, groups: Mapping[str, Group], find: Callable[[str], Group]) -> None:
        self._account = account
        self._groups = groups
        self._find = find
        self.handlers: Mapping[str, Handler] = {
            "PutScalingPolicy": self._put_policy,
            "DescribePolicies": self._policies,
            "DeletePolicy": self._delete_policy,
            "PutScheduledUpdateGroupAction": self._put_scheduled,
            "DescribeScheduledActions": self._scheduled,
            "DeleteScheduledAction": self._delete_scheduled,
            "PutLifecycleHook": self._put_hook,
            "DescribeLifecycleHooks": self._hooks,
            "DeleteLifecycleHook": self._delete_hook,
        }

    def _arn(self, kind: str, group: Group, what: str, name: str) -> str:
        return self._account.arn(
            "autoscaling", f"{kind}:{request_id()}:autoScalingGroupName/{group.name}:{what}/{name}"
        )

    def _put_policy(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        name = params["PolicyName"]
        known = group.policies.get(name)
        arn = self._arn("scalingPolicy", group, "policyName", name) if known is None else known["PolicyARN"]
        alarms: list[Object] = []
        if params.get("PolicyType") == "TargetTrackingScaling":
            alarm = f"TargetTracking-{group.name}-AlarmHigh"
            alarms = [{"AlarmName": alarm, "AlarmARN": self._account.arn("cloudwatch", f"alarm:{alarm}")}]
        policy = {"PolicyType": "SimpleScaling", "Enabled": True, **params, "PolicyARN": arn, "Alarms": alarms}
        group.policies[name] = policy
        return {"PolicyARN": arn, "Alarms": alarms}

    def _policies(self, params: Object) -> Object:
        name: str | None = params.get("AutoScalingGroupName")
        groups = list(self._groups.values()) if name is None else [self._find(name)]
        names: list[str] = params.get("PolicyNames", [])
        found = [
            policy
            for group in groups
            for key, policy in sorted(group.policies.items())
            if not names or key in names or policy["PolicyARN"] in names
        ]
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
        return {"ScalingPolicies": pages.items, "NextToken": pages.next_token}

    def _delete_policy(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        if group.policies.pop(params["PolicyName"], None) is None:
            raise AwsError("ValidationError", "Policy name not found")
        return {}

    def _put_scheduled(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        name = params["ScheduledActionName"]
        known = group.scheduled.get(name)
        if known is None:
            arn = self._arn("scheduledUpdateGroupAction", group, "scheduledActionName", name)
        else:
            arn = known["ScheduledActionARN"]
        group.scheduled[name] = {**params, "ScheduledActionARN": arn}
        return {}

    def _scheduled(self, params: Object) -> Object:
        name: str | None = params.get("AutoScalingGroupName")
        groups = list(self._groups.values()) if name is None else [self._find(name)]
        names: list[str] = params.get("ScheduledActionNames", [])
        found = [
            action
            for group in groups
            for key, action in sorted(group.scheduled.items())
            if not names or key in names
        ]
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
        return {"ScheduledUpdateGroupActions": pages.items, "NextToken": pages.next_token}

    def _delete_scheduled(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        if group.scheduled.pop(params["ScheduledActionName"], None) is None:
            raise AwsError("ValidationError", "Scheduled action name not found")
        return {}

    def _put_hook(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        known = group.hooks.get(params["LifecycleHookName"], {})
        hook = {**known, **params}
        if "LifecycleTransition" not in hook:
            raise AwsError("ValidationError", "Lifecycle transition is required for a new lifecycle hook")
        group.hooks[params["LifecycleHookName"]] = hooked(group.name, hook)
        return {}

    def _hooks(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        names: list[str] = params.get("LifecycleHookNames", [])
        return {
            "LifecycleHooks": [hook for name, hook in sorted(group.hooks.items()) if not names or name in names]
        }

    def _delete_hook(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        if group.hooks.pop(params["LifecycleHookName"], None) is None:
            raise AwsError("ValidationError", "No Lifecycle Hook found")
        return {}
