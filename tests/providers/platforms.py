"""The platforms and strategies that the contract runs over; a test compares them with the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.providers.kubernetes.platform import (
    KubernetesBlueGreenPlatform,
    KubernetesCanaryPlatform,
    KubernetesPlatform,
)
from tests.providers.platform import Platform

PLATFORMS: dict[str, Callable[[Path], Platform]] = {
    "kubernetes-blue-green": KubernetesBlueGreenPlatform,
    "kubernetes-canary": KubernetesCanaryPlatform,
    "kubernetes-rolling": KubernetesPlatform,
}
"""By platform and strategy. Each call makes a world of its own."""
