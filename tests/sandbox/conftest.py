"""One world for the whole of these tests with a namespace for each, and runners of the vendors' own clients."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from sandbox.kubernetes import KubernetesWorld
from tests.sandbox.cluster import Namespace
from tests.vendor_clients import HELM_3, HELM_4, VendorClient, ensure, unsupported

TICK = 0.01
CLIENT_SECONDS = 60
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def world() -> Iterator[KubernetesWorld]:
    """A world that every test shares; nothing in it may be changed for all (no faults, no denials)."""
    with KubernetesWorld.start(tick=TICK) as shared:
        yield shared


@pytest.fixture
def own_world() -> Iterator[KubernetesWorld]:
    """A world of the test's own, for faults, denials and a stopped clock."""
    with KubernetesWorld.start(tick=TICK) as own:
        yield own


@pytest.fixture
def namespace(world: KubernetesWorld) -> Iterator[Namespace]:
    """A fresh namespace of the shared world."""
    with httpx2.Client(base_url=world.url, timeout=20, verify=False) as client:
        yield Namespace.create(client, world, f"test-{next(NUMBERS)}")


@pytest.fixture
def own_namespace(own_world: KubernetesWorld) -> Iterator[Namespace]:
    """A fresh namespace of the test's own world."""
    with httpx2.Client(base_url=own_world.url, timeout=20, verify=False) as client:
        yield Namespace.create(client, own_world, "own")


@dataclass(frozen=True, slots=True)
class Tool:
    """A vendor's client with a home, a kubeconfig and caches of its own."""

    binary: Path
    environment: dict[str, str]
    namespace: str

    def run(self, *arguments: str, stdin: str | None = None, fails: bool = False) -> str:
        """Its output, standard error after it; fails the test when the exit code is not as expected."""
        done = subprocess.run(
            [str(self.binary), "-n", self.namespace, *arguments],
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        text = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, f"{arguments} -> {done.returncode}\n{text}"
        return done.stdout if not fails else text


@pytest.fixture
def kubectl(namespace: Namespace, tmp_path: Path) -> Tool:
    """The real kubectl."""
    binary = Path(sys.executable).with_name("kubectl")
    return Tool(binary, _environment(namespace, tmp_path), namespace.name)


@pytest.fixture(params=[HELM_3, HELM_4], ids=lambda client: client.name)
def helm(request: pytest.FixtureRequest, namespace: Namespace, tmp_path: Path) -> Tool:
    """The real helm, both majors."""
    reason = unsupported()
    if reason is not None:
        pytest.skip(reason)
    client: VendorClient = request.param
    return Tool(ensure(client), _environment(namespace, tmp_path), namespace.name)


def _environment(namespace: Namespace, home: Path) -> dict[str, str]:
    kubeconfig = namespace.world.write_kubeconfig(home / "kubeconfig")
    folders = {f"HELM_{kind}_HOME": str(home / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return {
        "HOME": str(home),
        "KUBECONFIG": str(kubeconfig),
        "PATH": os.environ["PATH"],
        "TMPDIR": str(home),
        **folders,
    }
