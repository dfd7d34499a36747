"""Short verbs for stories on a Kubernetes target."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from providers.kubernetes.values import KubernetesSnapshot
from providers.values import Change, LiveInstance, Obstacle, Outcome, Progress, Release
from tests.providers.attempts import TestAttempt
from tests.providers.kubernetes.platform import NAMESPACE, SHOP, KubernetesPlatform
from tests.providers.tools import call

EXTRAS = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
data: {a: b}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: store}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 9
"""


@dataclass
class Story:
    """A platform and its verbs; tokens are numbered where a test does not care."""

    platform: KubernetesPlatform
    steps: int = 0

    def attempt(self, token: str | None = None, seconds_left: float = 30.0) -> TestAttempt:
        self.steps += 1
        return TestAttempt(token or f"step-{self.steps}", seconds_left)

    def spec(self, step: str, **fields: object) -> BaseModel:
        return self.platform.provider.step_types[step].spec_model.model_validate(fields)

    async def deploy(self, content: str, attempt: TestAttempt | None = None, **fields: object) -> Outcome:
        return await self.step("K8sRollingDeploy", content, attempt, **fields)

    async def step(
        self, step: str, content: str = "", attempt: TestAttempt | None = None, **fields: object
    ) -> Outcome:
        provider, target = self.platform.provider, self.platform.target
        spec = self.spec(step, **fields)
        return await provider.deploy(target, self.release(content), spec, attempt or self.attempt())

    async def capture(self, content: str) -> KubernetesSnapshot:
        snapshot = await self.platform.provider.capture(self.platform.target, self.release(content))
        assert isinstance(snapshot, KubernetesSnapshot)
        return snapshot

    async def roll_back(self, snapshot: KubernetesSnapshot, attempt: TestAttempt | None = None) -> Outcome:
        return await self.undo("K8sRollingRollback", snapshot, attempt)

    async def undo(self, step: str, snapshot: KubernetesSnapshot, attempt: TestAttempt | None = None) -> Outcome:
        """One rollback step."""
        provider, target = self.platform.provider, self.platform.target
        return await provider.roll_back(target, snapshot, self.spec(step), attempt or self.attempt())

    async def preview(self, snapshot: KubernetesSnapshot) -> dict[tuple[str, str], tuple[str | None, str | None]]:
        """Current and target by resource and field."""
        changes: tuple[Change, ...] = await self.platform.provider.preview(self.platform.target, snapshot)
        return {(change.resource, change.field): (change.current, change.target) for change in changes}

    async def preflight(self, snapshot: KubernetesSnapshot) -> tuple[Obstacle, ...]:
        return await self.platform.provider.preflight(self.platform.target, snapshot)

    async def instances(self, content: str) -> tuple[LiveInstance, ...]:
        return await self.platform.provider.instances(self.platform.target, self.release(content))

    def release(self, content: str) -> Release:
        return self.platform.of_manifest(content) if content else self.platform.of_manifest(shop("unused"))


class Releasing(TestAttempt):
    """Lets go of an object that is held on its way out, as soon as the step says that it waits for that."""

    __test__ = False

    def __init__(self, token: str, platform: KubernetesPlatform, path: str) -> None:
        super().__init__(token)
        self._platform, self._path = platform, path
        _merge(platform, path, {"metadata": {"finalizers": ["example.com/held"]}})
        call(platform.world, "DELETE", path)

    async def report(self, progress: Progress) -> None:
        waits = progress.message.endswith("is gone") and progress not in self.told
        await super().report(progress)
        if waits:
            _merge(self._platform, self._path, {"metadata": {"finalizers": []}})


def _merge(platform: KubernetesPlatform, path: str, patch: object) -> None:
    call(platform.world, "PATCH", path, patch, "application/merge-patch+json")


def tell(platform: KubernetesPlatform, story: Callable[[Story], Awaitable[None]]) -> None:
    """Run a story in an event loop of its own, and give the connections back."""

    async def run() -> None:
        try:
            await story(Story(platform))
        finally:
            await platform.provider.close()

    asyncio.run(run())


def shop(version: str) -> str:
    return SHOP.format(version=version)


def kubectl(platform: KubernetesPlatform, directory: Path, *arguments: str, stdin: str = "") -> str:
    """The real kubectl against the platform's world; what it prints."""
    binary = Path(sys.executable).parent / "kubectl"
    command = [str(binary), "--kubeconfig", str(directory / "kubeconfig"), "-n", NAMESPACE, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(cluster: KubernetesPlatform, kind: str) -> list[str]:
    """The names of the objects of that kind in the shop's namespace."""
    return cluster.names(kind)
