"""Application autoscaling of services: scalable targets, policies, scheduled actions.

It keeps what it is told. It never changes a count by itself: whoever plays the load does, with UpdateService.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sandbox.aws.ecs.state import now
from sandbox.aws.names import Account, hex_id, request_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, clone

_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


class Dimension(NamedTuple):
    """What is scaled."""

    namespace: str
    resource: str
    dimension: str

    @classmethod
    def of(cls, parameters: Object) -> Dimension:
        return cls(parameters["ServiceNamespace"], parameters["ResourceId"], parameters["ScalableDimension"])

    def __str__(self) -> str:
        return f"service namespace: {self.namespace}, resource ID: {self.resource}, scalable dimension: " + (
            self.dimension
        )


class ApplicationScaling:
    """application-autoscaling in one region."""

    name = "application-autoscaling"

    def __init__(self, account: Account) -> None:
        self._account = account
        self.targets: dict[Dimension, Object] = {}
        self.policies: dict[Dimension, dict[str, Object]] = {}
        self.actions: dict[Dimension, dict[str, Object]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.revision = 0
        self.handlers: Mapping[str, Handler] = {
            "RegisterScalableTarget": self._register,
            "DeregisterScalableTarget": self._deregister,
            "DescribeScalableTargets": self._describe_targets,
            "PutScalingPolicy": self._put_policy,
            "DeleteScalingPolicy": self._delete_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "PutScheduledAction": self._put_action,
            "DeleteScheduledAction": self._delete_action,
            "DescribeScheduledActions": self._describe_actions,
            "ListTagsForResource": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def tick(self, number: int) -> None:
        """Nothing happens by itself."""

    def _register(self, parameters: Object) -> Object:
        key = Dimension.of(parameters)
        found = self.targets.get(key)
        if found is None and not {"MinCapacity", "MaxCapacity"} <= parameters.keys():
            message = "You must specify both a minimum capacity and a maximum capacity."
            raise AwsError("ValidationException", message)
        wanted: Object = parameters.get("SuspendedState") or {}
        known = found or self._new_target(key)
        limits = {name: parameters[name] for name in ("MinCapacity", "MaxCapacity") if name in parameters}
        changed: Object = {**known, **limits, "SuspendedState": {**known["SuspendedState"], **wanted}}
        if changed["MinCapacity"] > changed["MaxCapacity"]:
            raise AwsError("ValidationException", "Maximum capacity cannot be less than minimum capacity")
        self.targets[key] = changed
        self.tags.setdefault(changed["ScalableTargetARN"], {}).update(parameters.get("Tags") or {})
        self.revision += changed != found
        return {"ScalableTargetARN": changed["ScalableTargetARN"]}

    def _new_target(self, key: Dimension) -> Object:
        role = (
            f"arn:aws:iam::{self._account.id}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/"
            "AWSServiceRoleForApplicationAutoScaling_ECSService"
        )
        return {
            "ServiceNamespace": key.namespace,
            "ResourceId": key.resource,
            "ScalableDimension": key.dimension,
            "RoleARN": role,
            "CreationTime": now(),
            "ScalableTargetARN": self._account.arn("application-autoscaling", f"scalable-target/{hex_id(16)}"),
            "SuspendedState": dict.fromkeys(_SUSPENDED, False),
        }

    def _demand(self, key: Dimension) -> None:
        if key not in self.targets:
            raise AwsError("ObjectNotFoundException", f"No scalable target found for {key}")

    def _deregister(self, parameters: Object) -> Object:
        key = Dimension.of(parameters)
        self._demand(key)
        del self.targets[key]
        self.policies.pop(key, None)
        self.actions.pop(key, None)
        self.revision += 1
        return {}

    def _describe_targets(self, parameters: Object) -> Object:
        found = [
            item
            for key, item in self.targets.items()
            if key.namespace == parameters["ServiceNamespace"]
            and (not parameters.get("ResourceIds") or key.resource in parameters["ResourceIds"])
            and parameters.get("ScalableDimension") in (None, key.dimension)
        ]
        return _page("ScalableTargets", found, parameters)

    def _put_policy(self, parameters: Object) -> Object:
        key = Dimension.of(parameters)
        self._demand(key)
        policies = self.policies.setdefault(key, {})
        name: str = parameters["PolicyName"]
        found = policies.get(name)
        arn = (
            f"arn:aws:autoscaling:{self._account.region}:{self._account.id}:scalingPolicy:{request_id()}:"
            f"resource/ecs/{key.resource}:policyName/{name}"
        )
        alarms = []
        if parameters.get("PolicyType") == "TargetTrackingScaling":
            alarm = f"TargetTracking-{key.resource}-AlarmHigh-{request_id()}"
            alarms = [{"AlarmName": alarm, "AlarmARN": self._account.arn("cloudwatch", f"alarm:{alarm}")}]
        policies[name] = {
            "PolicyARN": arn,
            "CreationTime": now(),
            "Alarms": alarms,
            "PolicyType": "StepScaling",
            **{known: found[known] for known in ("PolicyARN", "CreationTime", "Alarms") if found},
            **parameters,
        }
        self.revision += 1
        return {"PolicyARN": policies[name]["PolicyARN"], "Alarms": clone(policies[name]["Alarms"])}

    def _delete_policy(self, parameters: Object) -> Object:
        if self.policies.get(Dimension.of(parameters), {}).pop(parameters["PolicyName"], None) is None:
            message = f"No scaling policy found for {Dimension.of(parameters)}"
            raise AwsError("ObjectNotFoundException", message)
        self.revision += 1
        return {}

    def _describe_policies(self, parameters: Object) -> Object:
        names = parameters.get("PolicyNames")
        found = [item for item in _members(self.policies, parameters) if not names or item["PolicyName"] in names]
        return _page("ScalingPolicies", found, parameters)

    def _put_action(self, parameters: Object) -> Object:
        key = Dimension.of(parameters)
        self._demand(key)
        name: str = parameters["ScheduledActionName"]
        arn = (
            f"arn:aws:autoscaling:{self._account.region}:{self._account.id}:scheduledAction:{request_id()}:"
            f"resource/ecs/{key.resource}:scheduledActionName/{name}"
        )
        actions = self.actions.setdefault(key, {})
        known: Object = actions.get(name) or {"ScheduledActionARN": arn, "CreationTime": now()}
        actions[name] = {**known, **parameters}
        self.revision += 1
        return {}

    def _delete_action(self, parameters: Object) -> Object:
        if self.actions.get(Dimension.of(parameters), {}).pop(parameters["ScheduledActionName"], None) is None:
            message = f"No scheduled action found for {Dimension.of(parameters)}"
            raise AwsError("ObjectNotFoundException", message)
        self.revision += 1
        return {}

    def _describe_actions(self, parameters: Object) -> Object:
        return _page("ScheduledActions", _members(self.actions, parameters), parameters)

    def _tags_of(self, parameters: Object) -> dict[str, str]:
        arn = parameters["ResourceARN"]
        if arn not in self.tags:
            raise AwsError("ResourceNotFoundException", f"No scalable target found for {arn}")
        return self.tags[arn]

    def _list_tags(self, parameters: Object) -> Object:
        return {"Tags": dict(self._tags_of(parameters))}

    def _tag(self, parameters: Object) -> Object:
        self._tags_of(parameters).update(parameters["Tags"])
        self.revision += 1
        return {}

    def _untag(self, parameters: Object) -> Object:
        tags = self._tags_of(parameters)
        for name in parameters["TagKeys"]:
            tags.pop(name, None)
        self.revision += 1
        return {}


def _members(kept: Mapping[Dimension, Mapping[str, Object]], parameters: Object) -> list[Object]:
    return [
        item
        for key, members in kept.items()
        for item in members.values()
        if key.namespace == parameters["ServiceNamespace"]
        and parameters.get("ResourceId") in (None, key.resource)
        and parameters.get("ScalableDimension") in (None, key.dimension)
    ]


def _page(name: str, found: list[Object], parameters: Object) -> Object:
    shown = page(
        found, parameters.get("NextToken"), parameters.get("MaxResults") or 50, "InvalidNextTokenException"
    )
    return {name: clone(list(shown.items)), "NextToken": shown.next_token}
