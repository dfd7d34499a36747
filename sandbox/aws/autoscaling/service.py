"""Auto Scaling as one service of the world."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.autoscaling.attachments import Attachments
from sandbox.aws.autoscaling.capacity import Capacity
from sandbox.aws.autoscaling.groups import Groups
from sandbox.aws.autoscaling.launching import Launching
from sandbox.aws.autoscaling.refreshing import Refreshing
from sandbox.aws.autoscaling.rules import Rules
from sandbox.aws.autoscaling.state import Group
from sandbox.aws.ec2 import Ec2
from sandbox.aws.elbv2 import LoadBalancing
from sandbox.aws.names import Account
from sandbox.aws.services import Handler


class AutoScaling:
    """Groups of EC2 instances behind load balancers."""

    name = "autoscaling"

    def __init__(self, account: Account, ec2: Ec2, balancing: LoadBalancing) -> None:
        launching = Launching(ec2)
        self._capacity = Capacity(ec2, balancing, launching)
        self._groups = Groups(account, launching, self._capacity)
        find = self._groups.find
        self.refreshing = Refreshing(find, self._capacity, launching)
        attachments = Attachments(self._groups.all, find, self._capacity, balancing)
        self.handlers: Mapping[str, Handler] = {
            **self._groups.handlers,
            **self.refreshing.handlers,
            **attachments.handlers,
            **Rules(account, self._groups.all, find).handlers,
        }

    @property
    def groups(self) -> Mapping[str, Group]:
        """By name; to be read through the world's `look`."""
        return self._groups.all

    def tick(self, number: int) -> None:  # noqa: ARG002
        """One second."""
        for group in list(self._groups.all.values()):
            self.refreshing.tick(group)
            self._capacity.tick(group)
        self._groups.bury()
