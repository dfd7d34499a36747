"""Instance refreshes: how they go on tick by tick, and the operations that start, cancel and turn them round."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sandbox.aws.autoscaling.capacity import Capacity
from sandbox.aws.autoscaling.launching import Launching
from sandbox.aws.autoscaling.state import Group, Lifecycle, Member, Refresh, RefreshStatus, template_of
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object

DEFAULTS: Object = {
    "MinHealthyPercentage": 90,
    "MaxHealthyPercentage": 100,
    "SkipMatching": False,
    "AutoRollback": False,
    "ScaleInProtectedInstances": "Wait",
}
HOUR = 3600


class Refreshing:
    """The refreshes of all groups; one that makes no progress for `patience` ticks fails."""

    def __init__(self, find: Callable[[str], Group], capacity: Capacity, launching: Launching) -> None:
        self.patience = HOUR
        self._find = find
        self._capacity = capacity
        self._launching = launching
        self.handlers: Mapping[str, Handler] = {
            "StartInstanceRefresh": self._start,
            "CancelInstanceRefresh": self._cancel,
            "RollbackInstanceRefresh": self._roll_back,
            "DescribeInstanceRefreshes": self._describe,
        }

    def tick(self, group: Group) -> None:
        """One second of a group's refresh."""
        refresh = group.active_refresh
        group.surge = 0
        match None if refresh is None or group.deleting else refresh.status:
            case RefreshStatus.PENDING if refresh is not None:
                self._begin(group, refresh)
            case RefreshStatus.IN_PROGRESS | RefreshStatus.ROLLBACK_IN_PROGRESS if refresh is not None:
                self._go_on(group, refresh)
            case RefreshStatus.CANCELLING if refresh is not None:
                moving = {Lifecycle.PENDING, Lifecycle.TERMINATING}
                if not any(member.state in moving for member in group.members.values()):
                    refresh.end(RefreshStatus.CANCELLED, "Cancelled due to user request.")
            case _:
                pass

    def _begin(self, group: Group, refresh: Refresh) -> None:
        refresh.status = RefreshStatus.IN_PROGRESS
        wanted = self._launching.wanted(group)
        skip = refresh.preferences["SkipMatching"]
        refresh.old = {
            member.instance for member in group.staying() if not (skip and self._launching.matches(member, wanted))
        }
        refresh.total = refresh.left = len(refresh.old)
        if not refresh.old:
            self._succeed(group, refresh)

    def _go_on(self, group: Group, refresh: Refresh) -> None:
        staying = group.staying()
        old = [member for member in staying if member.instance in refresh.old]
        free = [m for m in old if not m.protected or refresh.preferences["ScaleInProtectedInstances"] == "Refresh"]
        ready = [member for member in staying if self._capacity.is_ready(group, member)]
        new_ready = [member for member in ready if member.instance not in refresh.old]
        left = max(len(old), min(refresh.total, group.desired - len(new_ready)))
        refresh.stuck = 0 if left < refresh.left else refresh.stuck + 1
        refresh.left = left
        if not old and len(ready) >= group.desired:
            self._succeed(group, refresh)
        elif refresh.stuck > self.patience:
            self._fail(group, refresh)
        else:
            self._replace(group, refresh, free, ready)

    def _replace(self, group: Group, refresh: Refresh, old: list[Member], ready: list[Member]) -> None:
        most = refresh.preferences["MaxHealthyPercentage"]
        more = max(1, group.desired * most // 100 - group.desired) if most > 100 else 0
        least = math.ceil(group.desired * refresh.preferences["MinHealthyPercentage"] / 100)
        # At least one at a time, whatever the percentages say.
        floor = group.desired if more else min(least, group.desired - 1)
        gone = [member for member in old if member not in ready]
        spare = len(ready) - floor
        for member in (*gone, *(member for member in old if member in ready)):
            if spare <= 0 and member in ready:
                break
            spare -= member in ready
            cause = "an instance was taken out of service in response to an instance refresh."
            self._capacity.remove(group, member, cause)
        group.surge = min(more, sum(member.stays for member in old))

    def _succeed(self, group: Group, refresh: Refresh) -> None:
        refresh.left = 0
        if refresh.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
            refresh.end(RefreshStatus.ROLLBACK_SUCCESSFUL)
            return
        if refresh.desired:
            for other in ("LaunchTemplate", "MixedInstancesPolicy"):
                group.settings.pop(other, None)
            group.settings.update(refresh.desired)
        refresh.end(RefreshStatus.SUCCESSFUL)

    def _fail(self, group: Group, refresh: Refresh) -> None:
        failed = [activity.message for activity in group.activities if activity.status == "Failed"]
        reason = (
            f"An instance refresh has failed to make progress for an hour. {failed[-1] if failed else ''}".strip()
        )
        if refresh.status is RefreshStatus.ROLLBACK_IN_PROGRESS:
            refresh.end(RefreshStatus.ROLLBACK_FAILED, reason)
        elif refresh.preferences["AutoRollback"]:
            self._turn(group, refresh, reason)
        else:
            refresh.end(RefreshStatus.FAILED, reason)

    def _turn(self, group: Group, refresh: Refresh, reason: str) -> None:
        refresh.rolled_back_at = refresh.percentage
        refresh.status, refresh.reason, refresh.stuck = RefreshStatus.ROLLBACK_IN_PROGRESS, reason, 0
        wanted = self._launching.wanted(group)
        refresh.old = {
            member.instance for member in group.staying() if not self._launching.matches(member, wanted)
        }
        refresh.total = refresh.left = len(refresh.old)

    def _start(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        if group.deleting:
            raise AwsError("ValidationError", f"AutoScalingGroup {group.name} is pending delete")
        if group.active_refresh is not None:
            message = (
                "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            )
            raise AwsError("InstanceRefreshInProgress", message)
        desired = params.get("DesiredConfiguration")
        checked = None if desired is None else self._launching.checked(desired)
        refresh = Refresh(checked, {**DEFAULTS, **params.get("Preferences", {})})
        group.refreshes.append(refresh)
        return {"InstanceRefreshId": refresh.id}

    def _active(self, params: Object) -> tuple[Group, Refresh]:
        group = self._find(params["AutoScalingGroupName"])
        refresh = group.active_refresh
        if refresh is None or refresh.status is RefreshStatus.CANCELLING:
            message = "No in progress or pending Instance Refresh found for Auto Scaling group " + group.name
            raise AwsError("ActiveInstanceRefreshNotFound", message)
        return group, refresh

    def _cancel(self, params: Object) -> Object:
        _, refresh = self._active(params)
        refresh.status = RefreshStatus.CANCELLING
        return {"InstanceRefreshId": refresh.id}

    def _roll_back(self, params: Object) -> Object:
        group, refresh = self._active(params)
        floating = str(template_of(group.settings)["Version"]).startswith("$")
        if refresh.desired is None or floating:
            message = (
                "The instance refresh cannot be rolled back: it has no desired configuration, or the group has no"
            )
            raise AwsError("IrreversibleInstanceRefresh", f"{message} specific version of its launch template.")
        self._turn(group, refresh, "Rollback due to user request.")
        return {"InstanceRefreshId": refresh.id}

    def _describe(self, params: Object) -> Object:
        group = self._find(params["AutoScalingGroupName"])
        wanted: list[str] = params.get("InstanceRefreshIds", [])
        found = [refresh for refresh in reversed(group.refreshes) if not wanted or refresh.id in wanted]
        if len(found) < len(wanted):
            raise AwsError("ValidationError", f"Instance Refresh not found for Auto Scaling group {group.name}")
        pages = page(found, params.get("NextToken"), params.get("MaxRecords", 50))
        return {
            "InstanceRefreshes": [_shown(group, refresh) for refresh in pages.items],
            "NextToken": pages.next_token,
        }


def _shown(group: Group, refresh: Refresh) -> Object:
    shown: Object = {
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": group.name,
        "Status": refresh.status.value,
        "StatusReason": refresh.reason,
        "StartTime": refresh.started,
        "EndTime": refresh.ended,
        "PercentageComplete": refresh.percentage,
        "InstancesToUpdate": refresh.left,
        "Preferences": refresh.preferences,
        "DesiredConfiguration": refresh.desired,
        "Strategy": "Rolling",
    }
    if refresh.rolled_back_at is not None:
        shown["RollbackDetails"] = {
            "RollbackReason": refresh.reason,
            "PercentageCompleteOnRollback": refresh.rolled_back_at,
        }
    return shown
