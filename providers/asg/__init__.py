"""AWS Auto Scaling groups."""

from providers.asg.provider import AsgProvider

__all__ = ["AsgProvider"]
