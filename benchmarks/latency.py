"""How fast a rollback begins and ends, against the platform tool's own, in one world at the same tick.

`python -m benchmarks.latency [--runs 20]`; every figure is a median of interleaved runs in one process tree.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.kubernetes import KubernetesWorld
from tests.support.shop import NEW, OLD, Shop
from tests.support.unship import Unship, execute, serving

CONNECTORS = """
connectors:
  - {identifier: cluster, type: Kubernetes, spec: {kubeconfig: ./kubeconfig, context: demo}}
"""
TICK = 0.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="how often each figure is taken")
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as scratch, KubernetesWorld.start(port=0, tick=TICK) as world:
        directory = Path(scratch)
        kubeconfig = directory / "kubeconfig"
        world.write_kubeconfig(kubeconfig)
        (directory / "connectors.yaml").write_text(CONNECTORS)
        with serving(directory, execute, connectors=str(directory / "connectors.yaml")) as unship:
            _report(*_measure(unship, world, kubeconfig, runs))
    return 0


def _measure(
    unship: Unship, world: KubernetesWorld, kubeconfig: Path, runs: int
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Seconds: reply to first request, one eligibility, a whole rollback, the same by kubectl."""
    shop = Shop("bench", world)
    documents = shop.documents()
    stages = documents[-1]["pipeline"]["stages"]
    stages.pop(0)
    stages[0]["stage"]["spec"]["execution"]["rollbackSteps"].pop(1)
    unship.apply(shop.yaml(documents))
    unship.deploy(shop.name, tag=OLD)
    first: list[float] = []
    eligible: list[float] = []
    whole: list[float] = []
    tool: list[float] = []
    for _ in range(runs):
        deployment = unship.deploy(shop.name, tag=NEW)
        eligible.append(_timed(lambda id_=deployment: unship.eligibility(executionId=id_)))
        mark = world.requests.mark
        began = time.perf_counter()
        payload = unship.roll_back(target={"executionId": deployment})
        replied = time.time()
        unship.finish(payload["execution"]["id"])
        whole.append(time.perf_counter() - began)
        later = [record.time - replied for record in world.requests.since(mark) if record.time >= replied]
        first.append(later[0])
        unship.deploy(shop.name, tag=NEW)
        tool.append(_timed(lambda: _undo(kubeconfig, shop.namespace("prod"))))
    return first, eligible, whole, tool


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _undo(kubeconfig: Path, namespace: str) -> None:
    kubectl = shutil.which("kubectl", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert kubectl is not None, "kubectl is a development dependency; run `make test` once"
    base = [kubectl, "--kubeconfig", str(kubeconfig), "--namespace", namespace, "rollout"]
    subprocess.run([*base, "undo", "deployment/web"], check=True, capture_output=True)
    subprocess.run([*base, "status", "deployment/web"], check=True, capture_output=True)


def _report(first: list[float], eligible: list[float], whole: list[float], tool: list[float]) -> None:
    def line(what: str, values: list[float], bar: str) -> None:
        print(f"{what:<52} {statistics.median(values) * 1000:8.1f} ms   {bar}")

    load = os.getloadavg()[0]
    print(f"medians of {len(first)} runs, tick {TICK} s, {os.cpu_count()} cores, load average {load:.1f}\n")
    line("mutation's reply to the first platform request", first, "bar: under 50 ms")
    line("eligibility of one execution", eligible, "bar: under 50 ms")
    line("whole rollback, from the click to the terminal event", whole, "")
    line("kubectl rollout undo + rollout status", tool, "")
    ratio = statistics.median(whole) / statistics.median(tool)
    print(f"{'ratio of the two':<52} {ratio:8.2f}      bar: at most 1.20")


if __name__ == "__main__":
    raise SystemExit(main())
