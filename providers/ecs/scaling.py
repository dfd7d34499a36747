"""The autoscaling of services: read, suspended while a rollback runs, and brought back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from providers.aws.account import Effect
from providers.aws.client import Region
from providers.ecs.values import ScalingState
from providers.errors import ProviderNotFound
from providers.tree import Tree, says_the_same, text, tree

SERVICE = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
ALL_SUSPENDED: Tree = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": True,
    "ScheduledScalingSuspended": True,
}
NOT_SUSPENDED: Tree = dict.fromkeys(ALL_SUSPENDED, False)
_TARGET_KEYS = ("MinCapacity", "MaxCapacity", "SuspendedState", "RoleARN")
# The role that is shown is the service's own, whichever was given.
_AS_WRITTEN = frozenset(_TARGET_KEYS) - {"RoleARN"}
_POLICY_KEYS = (
    "PolicyName",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)


@dataclass(frozen=True)
class Scaling:
    """The scaling of one cluster's services."""

    region: Region
    cluster: str

    async def read(self, services: Sequence[str]) -> dict[str, ScalingState]:
        """The state of each service that has a scalable target."""

        async def look() -> dict[str, ScalingState]:
            return {self._resource(name): state for name, state in (await self._read(services)).items()}

        request = f"scaling of {','.join(services)}"
        found = await self.region.written.read(request, look, map(self._resource, services))
        return {state.service: state for state in found.values()}

    async def _read(self, services: Sequence[str]) -> dict[str, ScalingState]:
        by_resource = {self._resource(name): name for name in services}
        wanted: Tree = {"ServiceNamespace": "ecs", "ScalableDimension": DIMENSION}
        targets = await self.region.list(
            SERVICE,
            "DescribeScalableTargets",
            {**wanted, "ResourceIds": list(by_resource)},
            "read the scalable targets of the service",
            "ScalableTargets",
        )
        found = [item for item in targets if isinstance(item, dict)]
        states = await asyncio.gather(*(self._state(item, by_resource) for item in found))
        return {state.service: state for state in states}

    async def _state(self, target: Tree, by_resource: dict[str, str]) -> ScalingState:
        resource = text(target, "ResourceId") or ""
        policies = await self.region.list(
            SERVICE,
            "DescribeScalingPolicies",
            {"ServiceNamespace": "ecs", "ScalableDimension": DIMENSION, "ResourceId": resource},
            "read the scaling policies of the service",
            "ScalingPolicies",
        )
        kept = [
            {key: item[key] for key in _POLICY_KEYS if item.get(key) is not None}
            for item in policies
            if isinstance(item, dict)
        ]
        return ScalingState(
            service=by_resource[resource],
            target={key: target[key] for key in _TARGET_KEYS if target.get(key) is not None},
            policies=tuple(sorted(kept, key=lambda item: str(item.get("PolicyName")))),
        )

    async def suspend(self, live: ScalingState, effect: Effect) -> None:
        """Nothing scales the service from now on, until its state is brought back."""
        if tree(live.target, "SuspendedState") != ALL_SUSPENDED:
            await self._register(live.service, {"SuspendedState": ALL_SUSPENDED}, effect)

    async def bring(self, live: ScalingState | None, wanted: ScalingState, effect: Effect) -> bool:
        """Make the state as wanted, policies that it has not go; whether anything had to be done."""
        changed = False
        target: Tree = {"SuspendedState": NOT_SUSPENDED, **wanted.target}
        if live is None or any(live.target.get(key) != value for key, value in target.items()):
            await self._register(wanted.service, target, effect)
            changed = True
        known = {} if live is None else {item.get("PolicyName"): item for item in live.policies}
        for policy in wanted.policies:
            if known.pop(policy.get("PolicyName"), None) != policy:
                await self._put(wanted.service, policy, effect)
                changed = True
        for name in known:
            await self._delete_policy(wanted.service, str(name), effect)
            changed = True
        return changed

    async def remove(self, service: str, effect: Effect) -> None:
        """Take the scalable target away, and its policies with it."""
        with contextlib.suppress(ProviderNotFound):
            await self.region.call(
                SERVICE,
                "DeregisterScalableTarget",
                self._key(service),
                f"remove the scalable target of service {service}",
                effect=effect,
                repeatable=True,
            )
        self.region.written.forget(self._resource(service))
        self._note(service, "target", lambda found: found is None)

    async def _register(self, service: str, changes: Tree, effect: Effect) -> None:
        await self.region.call(
            SERVICE,
            "RegisterScalableTarget",
            {**self._key(service), **changes},
            f"set the scalable target of service {service}",
            effect=effect,
            repeatable=True,
        )

        self._note(service, "target", lambda found: found is not None)
        for key in _AS_WRITTEN & changes.keys():
            self._note(service, key, partial(_has, key, changes[key]))

    async def _put(self, service: str, policy: Tree, effect: Effect) -> None:
        await self.region.call(
            SERVICE,
            "PutScalingPolicy",
            {**self._key(service), **policy},
            f"set scaling policy {text(policy, 'PolicyName')} of service {service}",
            effect=effect,
            repeatable=True,
        )

        def shows(found: ScalingState | None) -> bool:
            return found is None or any(says_the_same(policy, item) for item in found.policies)

        self._note(service, f"policy {text(policy, 'PolicyName')}", shows)

    async def _delete_policy(self, service: str, name: str, effect: Effect) -> None:
        with contextlib.suppress(ProviderNotFound):
            await self.region.call(
                SERVICE,
                "DeleteScalingPolicy",
                {**self._key(service), "PolicyName": name},
                f"delete scaling policy {name} of service {service}",
                effect=effect,
                repeatable=True,
            )

        def shows(found: ScalingState | None) -> bool:
            return found is None or all(item.get("PolicyName") != name for item in found.policies)

        self._note(service, f"policy {name}", shows)

    def _note(self, service: str, aspect: str, shows: Callable[[ScalingState | None], bool]) -> None:
        self.region.written.note(self._resource(service), aspect, shows)

    def _resource(self, service: str) -> str:
        return f"service/{self.cluster}/{service}"

    def _key(self, service: str) -> Tree:
        return {
            "ServiceNamespace": "ecs",
            "ScalableDimension": DIMENSION,
            "ResourceId": self._resource(service),
        }


def _has(key: str, value: JsonValue, found: ScalingState | None) -> bool:
    return found is None or found.target.get(key) == value


def declared(service: str, target: Tree, policies: Sequence[Tree]) -> ScalingState:
    """What manifests want, in the form of a state."""
    return ScalingState(
        service=service,
        target={key: target[key] for key in _TARGET_KEYS if key in target},
        policies=tuple({key: item[key] for key in _POLICY_KEYS if key in item} for item in policies),
    )
