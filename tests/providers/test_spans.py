"""What is not asked over our own HTTP client has spans all the same: calls of the AWS SDK, and commands."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from providers.aws.client import Accounts
from providers.connectors import Connector, Connectors
from providers.errors import ProviderRefused
from providers.processes import run
from providers.tracing import TRACING
from sandbox.aws import AwsWorld
from sandbox.core.faults import Fault, FaultMode
from server.tracing import traced
from tests.support.otlp import receiving


def test_a_call_of_the_sdk_has_a_span_and_so_has_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(world: AwsWorld) -> None:
        spec = world.connectors(tmp_path)[0]["spec"]
        accounts = Accounts(Connectors({"aws": Connector("aws", "Aws", spec, tmp_path)}))
        async with traced():
            with TRACING.span("outer"):
                assert await accounts.at("aws").call("sts", "GetCallerIdentity", {}, "ask")
                world.faults.add(Fault(FaultMode.STATUS, status=403))
                with pytest.raises(ProviderRefused):
                    await accounts.at("aws").call("sts", "GetCallerIdentity", {}, "ask")
                await run("script", ["sh", "-c", "exit 3 # secret"], {"PATH": os.environ["PATH"]}, tmp_path)
        await accounts.close()

    with receiving() as receiver, AwsWorld.start(tick=0.005) as world:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        asyncio.run(work(world))
        (outer,) = receiver.named("outer")
        calls = receiver.named("sts GetCallerIdentity")
        assert [(call.kind == 3, call.parent, call.failed) for call in calls] == [
            (True, outer.id, False),
            (True, outer.id, True),
        ]
        assert calls[0].facts == {
            "unship.platform": "Aws",
            "rpc.service": "sts",
            "rpc.method": "GetCallerIdentity",
        }
        (command,) = receiver.named("run script")
        assert (command.parent, command.facts) == (outer.id, {"process.exit.code": 3})
        assert b"secret" not in b"".join(receiver.bodies)
