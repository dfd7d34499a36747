"""What others do to a release, with a helm of their own, and what Helm's records say afterwards."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from providers.helm.values import HelmSnapshot
from providers.values import Change
from sandbox.core.faults import InjectedFault
from tests.providers.attempts import TestAttempt
from tests.providers.helm.charts import archive
from tests.providers.helm.platform import NAMESPACE, RELEASE, HelmPlatform
from tests.providers.stories import Story
from tests.providers.tools import call

RELEASE_SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/sh.helm.release.v1.{RELEASE}.v"


def run(platform: HelmPlatform, directory: Path, *arguments: str, helm: Path | None = None) -> str:
    """A helm that somebody else starts; what it prints."""
    environment = {"HOME": str(directory), "PATH": os.environ["PATH"]}
    place = ["--kubeconfig", str(directory / "kubeconfig"), "-n", NAMESPACE]
    command = [str(helm or platform.binary), *arguments, *place]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def upgrade(platform: HelmPlatform, directory: Path, tag: str, helm: Path | None = None) -> None:
    """Somebody else installs the web shop, or upgrades it."""
    (directory / "web.tgz").write_bytes(archive())
    chart = str(directory / "web.tgz")
    run(platform, directory, "upgrade", "--install", RELEASE, chart, "--set", f"tag={tag}", helm=helm)


def history(platform: HelmPlatform, directory: Path) -> list[tuple[int, str, str]]:
    """(revision, status, description), as `helm history` prints it."""
    entries: list[dict[str, Any]] = json.loads(run(platform, directory, "history", RELEASE, "-o", "json"))
    return [(entry["revision"], entry["status"], entry["description"]) for entry in entries]


def rewrite(platform: HelmPlatform, number: int, status: str, **info: str) -> None:
    """Write into Helm's record of a revision, as it would be after an interruption."""
    secret = call(platform.world, "GET", f"{RELEASE_SECRET}{number}")
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    content["info"] |= {"status": status, **info}
    secret["metadata"]["labels"]["status"] = status
    inner = base64.b64encode(gzip.compress(json.dumps(content).encode()))
    secret["data"]["release"] = base64.b64encode(inner).decode()
    call(platform.world, "PUT", f"{RELEASE_SECRET}{number}", secret)


def forget(platform: HelmPlatform, number: int) -> None:
    """Delete a revision from the history, as --history-max would."""
    call(platform.world, "DELETE", f"{RELEASE_SECRET}{number}")


async def captured(story: Story, version: str) -> HelmSnapshot:
    snapshot = await story.capture(version)
    assert isinstance(snapshot, HelmSnapshot)
    return snapshot


async def previewed(story: Story, snapshot: HelmSnapshot) -> dict[tuple[str, str], Change]:
    platform = story.platform
    changes = await platform.provider.preview(platform.target, snapshot)
    return {(change.resource, change.field): change for change in changes}


async def fired(fault: InjectedFault) -> None:
    """Until the fault has met its request."""
    async with asyncio.timeout(20):
        while True:
            if fault.fired:
                return
            await asyncio.sleep(0.005)


def attempt(token: str, seconds: float = 30.0) -> TestAttempt:
    return TestAttempt(token, seconds_left=seconds)
