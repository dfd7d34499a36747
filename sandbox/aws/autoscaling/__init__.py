"""Auto Scaling: groups of instances, and their refreshes, over ticks."""

from sandbox.aws.autoscaling.service import AutoScaling

__all__ = ["AutoScaling"]
