"""The platforms and strategies that the contract runs over; a test compares them with the registry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.platform import Platform
from tests.providers.tas.platform import TasBasicPlatform, TasBlueGreenPlatform, TasCanaryPlatform, TasPlatform

PLATFORMS: dict[str, Callable[[Path], Platform]] = {
    "kubernetes-rolling": KubernetesPlatform,
    "tas-rolling": TasPlatform,
    "tas-blue-green": TasBlueGreenPlatform,
    "tas-canary": TasCanaryPlatform,
    "tas-basic": TasBasicPlatform,
}
"""By platform and strategy. Each call makes a world of its own."""
