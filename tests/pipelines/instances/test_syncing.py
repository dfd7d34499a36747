"""Targets are synced with a working cluster: pods come, go and fall ill; clusters die and come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from db.columns import now
from db.tables import Target
from pipelines.answers import Refused
from pipelines.instances import keep_synced, record_instances, sync_instances, sync_target
from pipelines.runtime import Rules, Runtime
from providers.errors import ProviderError, ProviderTimedOut
from providers.values import DeploymentType, InstanceHealth
from sandbox.core.faults import Fault, FaultMode, InjectedFault
from tests.pipelines.instances.seeds import Seed, add_stage, live, seed, stored
from tests.providers.attempts import TestAttempt
from tests.providers.kubernetes.platform import NAMESPACE, KubernetesPlatform
from tests.providers.tools import kubectl_patch
from tests.support.runtimes import open_runtime


@pytest.fixture
def platform(tmp_path: Path) -> Generator[KubernetesPlatform]:
    with KubernetesPlatform(tmp_path) as running:
        yield running


def resolved(platform: KubernetesPlatform, version: str = "v1") -> dict[str, Any]:
    """What a stage's end leaves on the target."""
    return {
        "spec": platform.target.model_dump(mode="json", by_alias=True),
        "release": platform.release(version).as_json(),
    }


async def deploy(runtime: Runtime, platform: KubernetesPlatform, version: str) -> None:
    provider = runtime.registry.find(DeploymentType.KUBERNETES)
    assert provider is not None
    attempt = TestAttempt(f"deploy-{version}")
    await provider.deploy(platform.target, platform.release(version), platform.deploy_steps[0], attempt)


def scale(platform: KubernetesPlatform, replicas: int) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
    kubectl_patch(platform.world, path, {"spec": {"replicas": replicas}})


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Until it is so; the deadline is for the case that it never will be."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - a real cluster tells nobody
            await asyncio.sleep(0.01)


async def keys(runtime: Runtime, seeded: Seed) -> set[str]:
    return set(await stored(runtime, seeded.target.id))


def test_pods_are_found_followed_and_missed(database_url: str, platform: KubernetesPlatform) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=platform.connectors) as runtime:
            await deploy(runtime, platform, "v1")
            seeded = await seed(runtime, resolved=resolved(platform))
            async with runtime.database.write() as session:
                mark = await add_stage(session, seeded, 1, "ann")
            assert await sync_target(runtime, seeded.target.id) == 3
            rows = await stored(runtime, seeded.target.id)
            assert {row.display_name for row in rows.values()} == {"library/nginx:v1"}
            assert {row.health for row in rows.values()} == {InstanceHealth.HEALTHY}
            assert {(row.execution_id, row.deployed_by, row.deployed_at) for row in rows.values()} == {
                (mark.execution_id, "ann", mark.at)
            }
            assert await sync_target(runtime, seeded.target.id) == 0
            scale(platform, 5)
            await eventually(lambda: _five_ready(platform))
            assert await sync_target(runtime, seeded.target.id) == 2
            assert await keys(runtime, seeded) > set(rows)
            scale(platform, 0)
            await eventually(lambda: _none_left(platform))
            assert await sync_target(runtime, seeded.target.id) == 5
            assert await keys(runtime, seeded) == set()

    asyncio.run(scenario())


async def _five_ready(platform: KubernetesPlatform) -> bool:
    deployment = platform.world.get("Deployment", NAMESPACE, "web") or {}
    return deployment["status"].get("readyReplicas") == 5


async def _none_left(platform: KubernetesPlatform) -> bool:
    return not platform.pods()


def test_a_dead_platform_leaves_everything_as_last_seen_and_unknown(
    database_url: str, platform: KubernetesPlatform
) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=platform.connectors) as runtime:
            await deploy(runtime, platform, "v1")
            seeded = await seed(runtime, resolved=resolved(platform))
            await sync_target(runtime, seeded.target.id)
            before = await stored(runtime, seeded.target.id)
            synced_at = await _synced_at(runtime, seeded)
            fault = platform.world.faults.add(Fault(FaultMode.EXPIRED, times=None))
            with pytest.raises(ProviderError):
                await sync_target(runtime, seeded.target.id)
            assert fault.fired > 0
            rows = await stored(runtime, seeded.target.id)
            assert rows.keys() == before.keys()
            assert {row.health for row in rows.values()} == {InstanceHealth.UNKNOWN}
            assert {row.seen_at for row in rows.values()} == {row.seen_at for row in before.values()}
            assert await _synced_at(runtime, seeded) == synced_at
            refused = await sync_instances(runtime, "web", "prod")
            assert isinstance(refused, Refused)
            assert refused.code == "PROVIDER_UNREACHABLE"
            platform.world.faults.clear()
            assert await sync_target(runtime, seeded.target.id) == 3
            rows = await stored(runtime, seeded.target.id)
            assert {row.health for row in rows.values()} == {InstanceHealth.HEALTHY}

    asyncio.run(scenario())


async def _synced_at(runtime: Runtime, seeded: Seed) -> object:
    async with runtime.database.read() as connection:
        return await connection.scalar(sa.select(col(Target.synced_at)).where(col(Target.id) == seeded.target.id))


def test_a_platform_that_does_not_answer_in_time(
    tmp_path: Path, platform: KubernetesPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.instances._LIST_SECONDS", 0.2)

    async def scenario() -> None:
        async with open_runtime(f"sqlite:///{tmp_path}/db", connectors=platform.connectors) as runtime:
            seeded = await seed(runtime, resolved=resolved(platform))
            fault = platform.world.faults.add(Fault(FaultMode.SLOW, seconds=2, times=None))
            with pytest.raises(ProviderTimedOut, match=r"within 0\.2 s"):
                await sync_target(runtime, seeded.target.id)
            assert fault.fired > 0

    asyncio.run(scenario())


def test_a_stage_that_ends_meanwhile_knows_better(database_url: str, platform: KubernetesPlatform) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=platform.connectors) as runtime:
            await deploy(runtime, platform, "v1")
            seeded = await seed(runtime, resolved=resolved(platform))
            slow = platform.world.faults.add(Fault(FaultMode.SLOW, path="pods", seconds=0.5, times=None))
            syncing = asyncio.create_task(sync_target(runtime, seeded.target.id))
            await eventually(lambda: _fired(slow))
            async with runtime.database.write() as session:
                mark = await add_stage(session, seeded, 1, "ann")
                await record_instances(session, seeded.target, [live("newer")], mark)
            assert await syncing == 0
            assert await keys(runtime, seeded) == {"newer"}

    asyncio.run(scenario())


async def _fired(fault: InjectedFault) -> bool:
    return fault.fired > 0


def test_a_target_that_nobody_deployed_to_is_left_alone(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            seeded = await seed(runtime)
            assert await sync_target(runtime, seeded.target.id) == 0
            assert await sync_target(runtime, "no such target") == 0
            assert await _synced_at(runtime, seeded) is None
            assert await sync_instances(runtime, "web", "prod") == ()

    asyncio.run(scenario())


def test_syncing_on_request(database_url: str, platform: KubernetesPlatform) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=platform.connectors) as runtime:
            await deploy(runtime, platform, "v1")
            seeded = await seed(runtime, resolved=resolved(platform))
            await seed(runtime, "other")
            ids = await sync_instances(runtime, "web", "prod")
            rows = await stored(runtime, seeded.target.id)
            assert ids == tuple(sorted(row.id for row in rows.values()))
            assert len(rows) == 3
            for service, environment, path in (
                ("wob", "prod", "serviceIdentifier"),
                ("web", "prot", "environmentIdentifier"),
            ):
                refused = await sync_instances(runtime, service, environment)
                assert isinstance(refused, Refused)
                assert (refused.code, refused.path) == ("NOT_FOUND", (path,))

    asyncio.run(scenario())


def test_a_lost_connector_is_told(database_url: str, platform: KubernetesPlatform) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url) as runtime:
            await seed(runtime, resolved=resolved(platform))
            refused = await sync_instances(runtime, "web", "prod")
            assert isinstance(refused, Refused)
            assert "cluster" in refused.message

    asyncio.run(scenario())


def test_everything_is_kept_synced_whatever_fails(
    database_url: str, platform: KubernetesPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        rules = Rules(instance_sync_seconds=0.1)
        async with open_runtime(database_url, connectors=platform.connectors, rules=rules) as runtime:
            await deploy(runtime, platform, "v1")
            lost = resolved(platform)
            lost["spec"]["connectorRef"] = "lost"
            broken = await seed(runtime, "broken", resolved={"spec": {}, "release": {}})
            unreachable = await seed(runtime, "unreachable", resolved=lost)
            seeded = await seed(runtime, resolved=resolved(platform))
            async with runtime.database.write() as session:
                mark = await add_stage(session, unreachable, 1, "ann")
                await record_instances(session, unreachable.target, [live("a")], mark)

            async def count(wanted: int) -> bool:
                return len(await keys(runtime, seeded)) == wanted

            keeping = asyncio.create_task(keep_synced(runtime))
            await eventually(lambda: count(3))
            scale(platform, 4)
            await eventually(lambda: count(4))
            platform.world.faults.add(Fault(FaultMode.EXPIRED, times=None))
            await eventually(lambda: _all_unknown(runtime, seeded))
            platform.world.faults.clear()
            scale(platform, 2)
            await eventually(lambda: count(2))
            assert not keeping.done()
            keeping.cancel()
            assert await keys(runtime, broken) == set()
            assert await keys(runtime, unreachable) == {"a"}

    with caplog.at_level(logging.WARNING, logger="pipelines.instances"):
        asyncio.run(scenario())
    assert any("could not be synced" in record.getMessage() for record in caplog.records)


def test_only_the_process_that_leads_syncs(platform: KubernetesPlatform, database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=platform.connectors) as runtime:
            await deploy(runtime, platform, "v1")
            seeded = await seed(runtime, resolved=resolved(platform))
            requests = len(platform.world.requests)
            seen: list[int] = []

            def leads() -> bool:
                """Not when it is asked first."""
                seen.append(len(platform.world.requests))
                return len(seen) > 1

            async def synced() -> bool:
                return len(await keys(runtime, seeded)) == 3

            keeping = asyncio.create_task(keep_synced(runtime, leads))
            await eventually(synced)
            keeping.cancel()
            assert seen[:2] == [requests, requests]

    asyncio.run(scenario())


async def _all_unknown(runtime: Runtime, seeded: Seed) -> bool:
    rows = await stored(runtime, seeded.target.id)
    return {row.health for row in rows.values()} == {InstanceHealth.UNKNOWN}


def test_only_targets_that_are_due_are_asked(tmp_path: Path, platform: KubernetesPlatform) -> None:
    async def scenario() -> None:
        rules = Rules(instance_sync_seconds=3600)
        async with open_runtime(
            f"sqlite:///{tmp_path}/db", connectors=platform.connectors, rules=rules
        ) as runtime:
            await deploy(runtime, platform, "v1")
            fresh = await seed(runtime, "fresh", resolved=resolved(platform))
            stale = await seed(runtime, "stale", resolved=resolved(platform))
            async with runtime.database.write() as session:
                await session.execute(
                    sa.update(Target).where(col(Target.id) == fresh.target.id).values(synced_at=now())
                )
                long_ago = now() - timedelta(hours=2)
                await session.execute(
                    sa.update(Target).where(col(Target.id) == stale.target.id).values(synced_at=long_ago)
                )
            keeping = asyncio.create_task(keep_synced(runtime))
            await eventually(lambda: _has_three(runtime, stale))
            keeping.cancel()
            assert await keys(runtime, fresh) == set()

    asyncio.run(scenario())


async def _has_three(runtime: Runtime, seeded: Seed) -> bool:
    return len(await keys(runtime, seeded)) == 3
