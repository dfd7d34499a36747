"""Connectors of type Aws: what they may say, and how requests fare with them in a world that checks signatures."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.aws.client import Accounts, Region
from providers.aws.faults import code_of
from providers.connectors import Connector, Connectors
from providers.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnreachable
from providers.retry import patience
from providers.telemetry import PLATFORM_REQUESTS
from sandbox.aws import AwsWorld
from sandbox.aws.access import AccessKey
from sandbox.aws.world import KEY
from sandbox.core.faults import Fault, FaultMode

WHO = ("sts", "GetCallerIdentity")


@pytest.fixture
def world() -> Iterator[AwsWorld]:
    with AwsWorld.start(tick=0.005) as world:
        yield world


def connectors(spec: dict[str, Any], directory: Path) -> Connectors:
    return Connectors({"aws": Connector("aws", "Aws", spec, directory)})


def spec_of(world: AwsWorld, directory: Path) -> dict[str, Any]:
    return world.connectors(directory)[0]["spec"]


def replace(spec: dict[str, Any], key: AccessKey) -> None:
    """Somebody writes another key into the files that the connector names."""
    Path(spec["accessKeyRef"].removeprefix("file:")).write_text(key.id)
    Path(spec["secretKeyRef"].removeprefix("file:")).write_text(key.secret)


def ask(made: Connectors, story: Callable[[Region], Awaitable[None]]) -> None:
    """Run a story with the connector's region, and give the connections back."""

    async def run() -> None:
        accounts = Accounts(made)
        try:
            await story(accounts.at("aws"))
        finally:
            await accounts.close()

    asyncio.run(run())


async def refused(region: Region, **further: Any) -> ProviderError:
    """The error that asking who we are ends with."""
    with pytest.raises(ProviderError) as found:
        await region.call(*WHO, {}, "ask who we are", **further)
    return found.value


def test_the_server_does_not_import_the_sdk() -> None:
    code = "import server.app, sys; assert not {'botocore', 'aiobotocore'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({}, "region"),
        ({"region": "eu-west-1", "endpoint": "http://x"}, "endpoint"),
        ({"region": "eu-west-1", "accessKeyRef": "env:A"}, "secretKeyRef"),
        ({"region": "eu-west-1", "sessionTokenRef": "env:A"}, "sessionTokenRef"),
        ({"region": "eu-west-1", "externalId": "x"}, "roleArn"),
        ({"region": "eu-west-1", "endpointUrl": "ftp://x"}, "endpointUrl"),
        (
            {"region": "eu-west-1", "profile": "p", "accessKeyRef": "env:A", "secretKeyRef": "env:B"},
            "profile",
        ),
    ],
)
def test_a_wrong_spec_is_told_with_its_key(spec: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(ProviderRefused, match=told):
        Accounts(connectors(spec, tmp_path)).at("aws")


def test_a_missing_key_is_told_by_its_reference(world: AwsWorld, tmp_path: Path) -> None:
    spec = {**spec_of(world, tmp_path), "secretKeyRef": "env:NO_SUCH_VARIABLE"}

    async def story(region: Region) -> None:
        error = await refused(region)
        assert isinstance(error, ProviderRefused)
        assert "env:NO_SUCH_VARIABLE" in error.message
        assert "credentials" in error.message

    ask(connectors(spec, tmp_path), story)


def test_requests_are_signed_and_carry_our_name(world: AwsWorld, tmp_path: Path) -> None:
    world.access.demand(KEY)

    async def story(region: Region) -> None:
        assert (await region.call(*WHO, {}, "ask"))["Account"] == "123456789012"
        assert world.requests[-1].user_agent.startswith("unship/")

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_keys_that_were_replaced_are_read_again(world: AwsWorld, tmp_path: Path) -> None:
    spec = spec_of(world, tmp_path)
    new = AccessKey("AKIASANDBOX000000002", "another-secret")

    async def story(region: Region) -> None:
        await region.call(*WHO, {}, "ask")
        world.access.demand(new)
        replace(spec, new)
        mark = world.requests.mark
        effects: list[int] = []

        async def effect() -> None:
            effects.append(1)

        await region.call(*WHO, {}, "ask", effect=effect)
        assert [request.status for request in world.requests.since(mark)][-1] == 200
        assert len(effects) == len(world.requests.since(mark)) == 2

    ask(connectors(spec, tmp_path), story)


def test_credentials_that_stay_wrong_are_refused_without_a_word_of_them(world: AwsWorld, tmp_path: Path) -> None:
    world.access.demand(AccessKey("AKIAOTHER", "other"))

    async def story(region: Region) -> None:
        mark = world.requests.mark
        error = await refused(region)
        assert isinstance(error, ProviderRefused)
        assert "credentials" in error.message
        assert code_of(error) == "InvalidClientTokenId"
        assert KEY.secret not in str(error)
        assert len(world.requests.since(mark)) == 2

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_a_role_is_assumed_and_assumed_again_when_its_keys_are_over(world: AwsWorld, tmp_path: Path) -> None:
    world.access.demand(KEY)
    role = {"roleArn": "arn:aws:iam::123456789012:role/deployer", "externalId": "shop"}

    async def story(region: Region) -> None:
        assert await region.call(*WHO, {}, "ask")
        assert await region.call(*WHO, {}, "ask")
        assert [request.operation for request in world.requests] == [
            "sts:AssumeRole",
            "sts:GetCallerIdentity",
            "sts:GetCallerIdentity",
        ]
        assert world.requests[0].body["ExternalId"] == "shop"
        world.access.expire(world.access.issued[0].id)
        assert await region.call(*WHO, {}, "ask")
        assert len(world.access.issued) == 2

    ask(connectors({**spec_of(world, tmp_path), **role}, tmp_path), story)


def test_a_role_that_may_not_be_assumed_is_told(world: AwsWorld, tmp_path: Path) -> None:
    world.access.deny("sts:AssumeRole")
    role = {"roleArn": "arn:aws:iam::123456789012:role/deployer"}

    async def story(region: Region) -> None:
        error = await refused(region)
        assert isinstance(error, ProviderRefused)
        assert "sts:AssumeRole" in error.message

    ask(connectors({**spec_of(world, tmp_path), **role}, tmp_path), story)


def test_a_denied_action_is_named_as_a_policy_names_it(world: AwsWorld, tmp_path: Path) -> None:
    world.access.deny("elasticloadbalancing:.*")

    async def story(region: Region) -> None:
        with pytest.raises(ProviderRefused, match="may not elasticloadbalancing:DescribeLoadBalancers"):
            await region.call("elbv2", "DescribeLoadBalancers", {}, "read the load balancers")

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_without_any_credentials_it_says_what_to_set(
    world: AwsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async def story(region: Region) -> None:
        error = await refused(region)
        assert isinstance(error, ProviderRefused)
        assert "credentials" in error.message

    ask(connectors({"region": "eu-west-1", "endpointUrl": world.url}, tmp_path), story)


def test_the_environment_is_used_where_the_connector_names_no_keys(
    world: AwsWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.access.demand(KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY.secret)

    async def story(region: Region) -> None:
        assert await region.call(*WHO, {}, "ask")

    ask(connectors({"region": "eu-west-1", "endpointUrl": world.url}, tmp_path), story)


@pytest.mark.parametrize("mode", [FaultMode.LOST, FaultMode.RESET, FaultMode.GARBAGE, FaultMode.HALF_DONE])
def test_what_may_have_had_its_effect_is_only_sent_again_where_that_is_safe(
    world: AwsWorld, tmp_path: Path, mode: FaultMode
) -> None:
    async def story(region: Region) -> None:
        world.faults.add(Fault(mode))
        assert isinstance(await refused(region, repeatable=False), ProviderUnreachable)
        world.faults.add(Fault(mode))
        assert await region.call(*WHO, {}, "ask")

        async def look() -> dict[str, Any] | None:
            return {"found": True}

        world.faults.add(Fault(mode))
        mark = world.requests.mark
        assert await region.call(*WHO, {}, "ask", repeatable=False, look=look) == {"found": True}
        assert len(world.requests.since(mark)) == 1

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_every_request_is_counted_by_what_was_answered(world: AwsWorld, tmp_path: Path) -> None:
    counts = PLATFORM_REQUESTS.counts
    before = counts.copy()

    async def story(region: Region) -> None:
        assert await region.call(*WHO, {}, "ask")
        world.faults.add(Fault(FaultMode.STATUS, status=403))
        await refused(region, repeatable=False)
        world.faults.add(Fault(FaultMode.RESET))
        await refused(region, repeatable=False)

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)
    assert counts - before == {("Aws", "2xx"): 1, ("Aws", "4xx"): 1, ("Aws", "none"): 1}


def test_what_was_turned_away_is_always_sent_again_after_the_time_asked_for(
    world: AwsWorld, tmp_path: Path
) -> None:
    async def story(region: Region) -> None:
        world.faults.add(Fault(FaultMode.STATUS, status=429, retry_after=1))
        mark = world.requests.mark
        assert await region.call(*WHO, {}, "ask", repeatable=False)
        first, second = world.requests.since(mark)
        assert second.time - first.time >= 1

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_no_answer_is_waited_for_longer_than_who_asks_has_patience(world: AwsWorld, tmp_path: Path) -> None:
    async def story(region: Region) -> None:
        assert await region.call(*WHO, {}, "ask")
        world.faults.add(Fault(FaultMode.HANG, seconds=30, times=None))
        with patience(0.3):
            error = await refused(region)
        assert isinstance(error, ProviderUnreachable)
        assert "gave no answer in time" in error.message

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_an_unknown_parameter_is_told_and_a_value_is_not(world: AwsWorld, tmp_path: Path) -> None:
    async def story(region: Region) -> None:
        with pytest.raises(ProviderRefused) as found:
            await region.call("ecs", "DescribeServices", {"services": [{"a": "s3cret"}]}, "read")
        assert "services[0]" in str(found.value)
        assert "s3cret" not in str(found.value)
        fitted = await region.fit("ecs", "CreateService", {"DesiredCount": "3", "serviceName": 7}, "It")
        assert fitted == {"desiredCount": 3, "serviceName": "7"}
        with pytest.raises(ProviderRefused, match='unknown key "desiredCout"; did you mean "desiredCount"'):
            await region.fit("ecs", "CreateService", {"desiredCout": 3}, "It")
        wrong: dict[str, Any] = {"networkConfiguration": {"awsvpc": {}}}
        with pytest.raises(ProviderRefused, match=r"networkConfiguration\.awsvpc"):
            await region.fit("ecs", "CreateService", wrong, "It")

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_all_pages_are_read(world: AwsWorld, tmp_path: Path) -> None:
    async def story(region: Region) -> None:
        for number in range(3):
            await region.call("ecs", "CreateCluster", {"clusterName": f"c{number}"}, "create")
        mark = world.requests.mark
        found = await region.list("ecs", "ListClusters", {"maxResults": 2}, "list", "clusterArns")
        assert len(found) == 5
        assert len(world.requests.since(mark)) == 3

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)


def test_what_does_not_exist_is_none_where_that_was_asked(world: AwsWorld, tmp_path: Path) -> None:
    async def story(region: Region) -> None:
        wanted: dict[str, Any] = {"cluster": "none"}
        assert await region.find("ecs", "ListServices", wanted, "list") is None
        with pytest.raises(ProviderNotFound):
            await region.call("ecs", "ListServices", wanted, "list the services")

    ask(connectors(spec_of(world, tmp_path), tmp_path), story)
