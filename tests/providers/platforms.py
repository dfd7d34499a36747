"""The platforms and strategies that the contract runs over; a test compares them with the registry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.providers.helm.platform import HelmPlatform
from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.platform import Platform
from tests.vendor_clients import HELM_3, HELM_4

PLATFORMS: dict[str, Callable[[Path], Platform]] = {
    "kubernetes-rolling": KubernetesPlatform,
    "helm-3": partial(HelmPlatform, client=HELM_3),
    "helm-4": partial(HelmPlatform, client=HELM_4),
}
"""By platform and strategy. Each call makes a world of its own."""
