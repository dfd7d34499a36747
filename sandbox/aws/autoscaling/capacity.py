"""How a group comes to its capacity: members start, serve, fail, leave, and are replaced, tick by tick."""

from __future__ import annotations

from sandbox.aws.autoscaling.launching import PAUSE_TICKS, Launching
from sandbox.aws.autoscaling.state import Activity, Group, Lifecycle, Member
from sandbox.aws.ec2 import Ec2
from sandbox.aws.ec2.instances import State
from sandbox.aws.elbv2 import LoadBalancing
from sandbox.aws.elbv2.targets import Health
from sandbox.core.wire import Object

LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


class Capacity:
    """Moves groups."""

    def __init__(self, ec2: Ec2, balancing: LoadBalancing, launching: Launching) -> None:
        self._ec2 = ec2
        self._targets = balancing.targets
        self._launching = launching

    def tick(self, group: Group) -> None:
        """One second of a group's life."""
        for member in list(group.members.values()):
            member.ticks += 1
            self._live(group, member)
        group.pause = max(0, group.pause - 1)
        self._balance(group)

    def is_ready(self, group: Group, member: Member) -> bool:
        """Whether a member serves, also to the load balancers that its group is attached to."""
        if member.state is not Lifecycle.IN_SERVICE or not member.healthy:
            return False
        seen = [self._targets.health(arn, member.instance) for arn in group.target_groups]
        return all(health in (Health.HEALTHY, Health.UNUSED) for health in seen)

    def remove(self, group: Group, member: Member, why: str) -> None:
        """Lets a member go: first from the load balancers, then for good."""
        if not member.stays:
            return
        member.leaving = group.tell(Activity(f"Terminating EC2 instance: {member.instance}", why))
        member.move(Lifecycle.TERMINATING)
        for arn in group.target_groups:
            if self._targets.exists(arn):
                self._targets.deregister(arn, member.instance)
        self._ec2.instances.terminate(member.instance)

    def attach(self, group: Group, arn: str) -> None:
        """Attaches a target group."""
        group.target_groups.append(arn)
        for member in group.members.values():
            if member.state is Lifecycle.IN_SERVICE:
                self._targets.register(arn, member.instance)

    def detach(self, group: Group, arn: str) -> None:
        """Detaches a target group."""
        group.target_groups.remove(arn)
        for member in group.members.values():
            if self._targets.exists(arn):
                self._targets.deregister(arn, member.instance)

    def _live(self, group: Group, member: Member) -> None:
        instance = self._ec2.instances.get(member.instance)
        ended = instance is None or instance.state is State.TERMINATED
        match member.state:
            case Lifecycle.TERMINATING if ended:
                del group.members[member.instance]
                if member.leaving is not None:
                    member.leaving.end("Successful")
            case Lifecycle.TERMINATING:
                pass
            case Lifecycle.IN_SERVICE:
                self._check(group, member, gone=instance is None or instance.state is not State.RUNNING)
            case _ if ended:
                reason = "" if instance is None else instance.reason
                member.activity.end(
                    "Failed",
                    "Instance became unhealthy while waiting for instance to be in InService state. "
                    f"Termination Reason: {reason}",
                )
                del group.members[member.instance]
                group.pause = PAUSE_TICKS
            case _ if instance is not None and instance.state is State.RUNNING:
                self._welcome(group, member)
            case _:
                pass

    def _welcome(self, group: Group, member: Member) -> None:
        hooks = [hook for hook in group.hooks.values() if hook["LifecycleTransition"] == LAUNCHING]
        if member.state is Lifecycle.PENDING and hooks:
            member.move(Lifecycle.PENDING_WAIT)
            return
        if member.state is Lifecycle.PENDING_WAIT and not self._is_through(group, member, hooks):
            return
        member.move(Lifecycle.IN_SERVICE)
        member.activity.end("Successful")
        for arn in group.target_groups:
            if self._targets.exists(arn):
                self._targets.register(arn, member.instance)

    def _is_through(self, group: Group, member: Member, hooks: list[Object]) -> bool:
        for hook in hooks:
            if member.ticks < hook["HeartbeatTimeout"]:
                return False
            if hook["DefaultResult"] == "ABANDON":
                message = f"Lifecycle hook {hook['LifecycleHookName']} was abandoned: its heartbeat timed out"
                member.activity.end("Cancelled", message)
                self.remove(group, member, message)
                return False
        return True

    def _check(self, group: Group, member: Member, *, gone: bool) -> None:
        elb = group.settings["HealthCheckType"] == "ELB"
        late = member.ticks > group.settings["HealthCheckGracePeriod"]
        fails = (
            elb
            and late
            and any(self._targets.health(arn, member.instance) is Health.UNHEALTHY for arn in group.target_groups)
        )
        if (gone or fails) and "ReplaceUnhealthy" not in group.suspended:
            member.healthy = False
            kind = "an ELB system" if fails else "an EC2"
            cause = f"an instance was taken out of service in response to {kind} health check failure."
            self.remove(group, member, cause)

    def _balance(self, group: Group) -> None:
        staying = group.staying()
        wanted = 0 if group.deleting else group.desired + group.surge
        missing = wanted - len(staying)
        if missing > 0 and "Launch" not in group.suspended and not group.pause:
            for _ in range(missing):
                if self._launching.launch(group) is None:
                    break
        elif missing < 0 and "Terminate" not in group.suspended:
            for member in self._leaving_first(group, staying)[:-missing]:
                self.remove(group, member, "an instance was taken out of service to shrink the capacity.")

    def _leaving_first(self, group: Group, staying: list[Member]) -> list[Member]:
        """Those of another launch template first, then the oldest; protected ones stay."""
        wanted = self._launching.wanted(group)
        free = [member for member in staying if not member.protected or group.deleting]
        return sorted(free, key=lambda member: (self._launching.matches(member, wanted), member.order))
