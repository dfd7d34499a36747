"""The platforms and strategies that the contract runs over; a test compares them with the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.providers.asg.platform import AsgPlatform
from tests.providers.asg.strategies import AsgBlueGreenPlatform, AsgCanaryPlatform
from tests.providers.ecs.bluegreen import BlueGreenPlatform
from tests.providers.ecs.platform import CanaryPlatform, EcsPlatform
from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.platform import Platform

PLATFORMS: dict[str, Callable[[Path], Platform]] = {
    "kubernetes-rolling": KubernetesPlatform,
    "asg-rolling": AsgPlatform,
    "asg-canary": AsgCanaryPlatform,
    "asg-blue-green": AsgBlueGreenPlatform,
    "ecs-rolling": EcsPlatform,
    "ecs-canary": CanaryPlatform,
    "ecs-blue-green": BlueGreenPlatform,
}
"""By platform and strategy. Each call makes a world of its own."""
