"""EC2 as far as scaling needs it: images, launch templates, instances."""

from sandbox.aws.ec2.service import Ec2

__all__ = ["Ec2"]
