"""The platforms and strategies that the contract runs over; a test compares them with the registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.providers.asg.platform import AsgPlatform
from tests.providers.asg.strategies import AsgBlueGreenPlatform, AsgCanaryPlatform
from tests.providers.ecs.bluegreen import BlueGreenPlatform
from tests.providers.ecs.platform import CanaryPlatform, EcsPlatform
from tests.providers.helm.platform import HelmPlatform
from tests.providers.kubernetes.platform import (
    KubernetesBlueGreenPlatform,
    KubernetesCanaryPlatform,
    KubernetesPlatform,
)
from tests.providers.platform import Platform
from tests.providers.tas.platform import TasBasicPlatform, TasBlueGreenPlatform, TasCanaryPlatform, TasPlatform
from tests.vendor_clients import HELM_3, HELM_4

PLATFORMS: dict[str, Callable[[Path], Platform]] = {
    "kubernetes-rolling": KubernetesPlatform,
    "kubernetes-canary": KubernetesCanaryPlatform,
    "kubernetes-blue-green": KubernetesBlueGreenPlatform,
    "helm-3": partial(HelmPlatform, client=HELM_3),
    "helm-4": partial(HelmPlatform, client=HELM_4),
    "ecs-rolling": EcsPlatform,
    "ecs-canary": CanaryPlatform,
    "ecs-blue-green": BlueGreenPlatform,
    "asg-rolling": AsgPlatform,
    "asg-canary": AsgCanaryPlatform,
    "asg-blue-green": AsgBlueGreenPlatform,
    "tas-rolling": TasPlatform,
    "tas-canary": TasCanaryPlatform,
    "tas-blue-green": TasBlueGreenPlatform,
    "tas-basic": TasBasicPlatform,
}
"""By platform and strategy. Each call makes a world of its own."""
