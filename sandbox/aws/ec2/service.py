"""EC2 as one service of the world."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.ec2.images import Images
from sandbox.aws.ec2.instances import Instances
from sandbox.aws.ec2.launch_templates import LaunchTemplates
from sandbox.aws.names import Account
from sandbox.aws.services import Handler


class Ec2:
    """Images, launch templates and instances."""

    name = "ec2"

    def __init__(self, account: Account) -> None:
        self.images = Images(account)
        self.launch_templates = LaunchTemplates(account)
        self.instances = Instances(account, self.images)
        self.handlers: Mapping[str, Handler] = {
            **self.images.handlers,
            **self.launch_templates.handlers,
            **self.instances.handlers,
        }

    def tick(self, number: int) -> None:  # noqa: ARG002
        """Instances start and end."""
        self.instances.tick()
