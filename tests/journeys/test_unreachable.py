"""A platform that cannot be asked makes the verdict UNKNOWN, never ELIGIBLE; and what special servers show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.core.faults import Fault, FaultMode
from sandbox.kubernetes import KubernetesWorld
from tests.journeys.yard import NEW, OLD, Yard, executions_of, refused
from tests.support.unship import serving

CONNECTORS = """
connectors:
  - {identifier: cluster, type: Kubernetes, spec: {kubeconfig: ./kubeconfig, context: demo}}
  - {identifier: doomed, type: Kubernetes, spec: {kubeconfig: ./doomed, context: demo}}
"""
TROUBLES = {
    "hangs": Fault(FaultMode.HANG, seconds=60, times=None),
    "fails": Fault(FaultMode.STATUS, status=500, times=None),
    "refuses": Fault(FaultMode.EXPIRED, times=None),
    "babbles": Fault(FaultMode.GARBAGE, method="GET", times=None),
    "is_busy": Fault(FaultMode.STATUS, status=429, retry_after=20, times=None),
}


@pytest.fixture(scope="module")
def doomed() -> Iterator[KubernetesWorld]:
    """A cluster that a test may end."""
    with KubernetesWorld.start(port=0, tick=0.02) as world:
        yield world


@pytest.fixture(scope="module")
def connectors(world: KubernetesWorld, doomed: KubernetesWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("connectors")
    world.write_kubeconfig(directory / "kubeconfig")
    doomed.write_kubeconfig(directory / "doomed")
    (directory / "connectors.yaml").write_text(CONNECTORS)
    return directory / "connectors.yaml"


Answers = tuple[dict[str, Any], dict[str, Any], int]


@pytest.fixture(scope="module")
def troubled(yards: Callable[..., Yard], doomed: KubernetesWorld) -> Iterator[dict[str, Answers]]:
    """For each trouble the verdict and the mutation's answer while it lasted, and how many changes it made."""
    made: dict[str, tuple[Yard, str]] = {}
    for name in (*TROUBLES, "is_gone"):
        yard = yards(f"it_{name}", connector="doomed" if name == "is_gone" else "cluster")
        yard.apply(yard.stage("prod"))
        yard.deploy(OLD)
        made[name] = (yard, yard.deploy(NEW))
    world = yards("any").world
    for name, fault in TROUBLES.items():
        path = f"namespaces/{made[name][0].namespace()}/"
        world.faults.add(replace(fault, path=path, times=None))
    doomed.close()
    with ThreadPoolExecutor() as pool:
        answers = pool.map(_ask, made.values())
        yield dict(zip(made, answers, strict=True))
    world.faults.clear()


def _ask(asked: tuple[Yard, str]) -> Answers:
    yard, execution = asked
    mark = yard.world.requests.mark
    verdict = yard.unship.eligibility(executionId=execution)
    payload = yard.unship.roll_back(target={"executionId": execution})
    kinds = {one["kind"] for one in executions_of(yard.unship, yard.name)}
    assert kinds == {"DEPLOYMENT"}
    return verdict, payload, len(yard.writes(mark))


@pytest.mark.parametrize("trouble", [*TROUBLES, "is_gone"])
def test_provider_unreachable_makes_the_verdict_unknown(troubled: dict[str, Answers], trouble: str) -> None:
    verdict, payload, changes = troubled[trouble]
    assert verdict["verdict"] == "UNKNOWN"
    assert [reason["code"] for reason in verdict["reasons"]] == ["PROVIDER_UNREACHABLE"]
    assert verdict["reasons"][0]["stage"] == {"identifier": "prod"}
    assert payload["execution"] is None
    assert payload["eligibility"]["verdict"] == "UNKNOWN"
    assert [error["code"] for error in payload["userErrors"]] == ["PROVIDER_UNREACHABLE"]
    assert changes == 0


def test_what_the_platform_said_is_told(troubled: dict[str, Answers]) -> None:
    told = {name: verdict["reasons"][0]["message"] for name, (verdict, _, _) in troubled.items()}
    assert re.search(r" 127\.0\.0\.1:\d+ gave no answer in time\.$", told["hangs"])
    assert "limits the rate of requests. It asked to wait 20 s." in told["is_busy"]
    assert "does not accept the credentials of the connector" in told["refuses"]


def test_certain_reasons_outweigh_an_unreachable_platform(
    troubled: dict[str, Answers], yards: Callable[..., Yard]
) -> None:
    """What the records alone forbid is INELIGIBLE, whatever the platform would say."""
    assert troubled
    yard = yards("it_is_gone", connector="doomed")
    first = executions_of(yard.unship, yard.name)[-1]["id"]
    verdict = yard.unship.eligibility(executionId=first)
    assert verdict["verdict"] == "INELIGIBLE"
    assert "NOT_LATEST_DEPLOYMENT" in {reason["code"] for reason in verdict["reasons"]}


def test_too_old_and_switched_off_at_once(connectors: Path, tmp_path: Path, yard: Yard) -> None:
    limits = {"rollback_max_age_days": "0.000000001", "post_prod_rollback": "false"}
    with serving(tmp_path, connectors=str(connectors), **limits) as strict:
        old = Yard(yard.name, strict, yard.world)
        old.apply(old.stage("prod"))
        old.deploy(OLD)
        execution = old.deploy(NEW)
        reasons = strict.eligibility(executionId=execution)["reasons"]
        assert refused(old, executionId=execution) == ["FEATURE_DISABLED", "TOO_OLD"]
    assert [reason["stage"] for reason in reasons] == [None, None]
    assert "days ago; the limit is" in reasons[1]["message"]
    assert "UNSHIP_ROLLBACK_MAX_AGE_DAYS" in reasons[1]["remedy"]
