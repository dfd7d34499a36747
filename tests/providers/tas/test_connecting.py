"""Reaching a foundation: connectors, tokens that end, and what is said when it cannot be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.connectors import Connector, Connectors
from providers.errors import ProviderError, ProviderNotFound, ProviderRefused, ProviderUnreachable
from providers.tas.access import read_access, tls_context
from providers.tas.provider import TasProvider
from providers.tas.values import TasTarget
from sandbox.cloudfoundry.identity import CLIENT, CLIENT_SECRET, PASSWORD
from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import TestAttempt
from tests.providers.stories import NEW, OLD, Story, tell
from tests.providers.tas.platform import TasPlatform

USER = {"usernameRef": "file:user", "passwordRef": "file:password"}


def reach(platform: TasPlatform, directory: Path, spec: Mapping[str, Any], space: str = "production") -> None:
    """Ask the foundation something with a connector of that spec."""
    whole = {"endpointUrl": platform.world.url, **spec}
    provider = TasProvider(Connectors({"foundation": Connector("foundation", "Tas", whole, directory)}))
    target = TasTarget(connector_ref="foundation", organization="shop", space=space)

    async def ask() -> None:
        try:
            await provider.instances(target, platform.release(OLD))
        finally:
            await provider.close()

    asyncio.run(ask())


def secrets(directory: Path, user: str = "deployer", password: str = PASSWORD) -> None:
    (directory / "user").write_text(user)
    (directory / "password").write_text(password)


def tokens_asked(platform: TasPlatform) -> list[str]:
    return [one.operation for one in platform.world.requests if one.path == "/oauth/token"]


def test_a_client_with_its_secret(rolling: TasPlatform, tmp_path: Path) -> None:
    secrets(tmp_path, CLIENT, CLIENT_SECRET)
    reach(rolling, tmp_path, {"clientIdRef": "file:user", "clientSecretRef": "file:password"})
    assert len(tokens_asked(rolling)) == 1


def test_secrets_from_the_environment(
    rolling: TasPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CF_USER", "deployer")
    monkeypatch.setenv("CF_PASSWORD", PASSWORD)
    reach(rolling, tmp_path, {"usernameRef": "env:CF_USER", "passwordRef": "env:CF_PASSWORD"})


def test_a_wrong_password_is_refused_once_and_not_told(rolling: TasPlatform, tmp_path: Path) -> None:
    secrets(tmp_path, password="wrong-7713")
    with pytest.raises(ProviderRefused) as refused:
        reach(rolling, tmp_path, USER)
    assert "credentials" in refused.value.message
    assert refused.value.said == "Bad credentials"
    assert "wrong-7713" not in str(refused.value)
    assert len(tokens_asked(rolling)) == 1


def test_a_missing_secret_is_named(rolling: TasPlatform, tmp_path: Path) -> None:
    with pytest.raises(ProviderRefused, match="file:user"):
        reach(rolling, tmp_path, USER)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({**USER, "skipTlsVerification": True}, "skipTlsVerification"),
        ({"usernameRef": "file:user"}, "usernameRef and passwordRef"),
        ({**USER, "clientIdRef": "file:user", "clientSecretRef": "file:password"}, "or clientIdRef"),
        ({**USER, "endpoint": "https://api.example.com"}, "endpoint: Extra inputs"),
        ({**USER, "endpointUrl": "api.example.com"}, "must be http"),
        ({}, "usernameRef and passwordRef"),
    ],
)
def test_a_connector_that_cannot_be_used_says_why(
    rolling: TasPlatform, tmp_path: Path, spec: dict[str, Any], told: str
) -> None:
    secrets(tmp_path)
    with pytest.raises(ProviderRefused, match=told):
        reach(rolling, tmp_path, spec)


def test_a_certificate_file_is_read_beside_the_connectors(tmp_path: Path) -> None:
    tls = Path(__file__).parents[1] / "kubernetes" / "tls"
    authority = next(tls.glob("*ca*.pem"), None) or next(path for path in tls.iterdir() if "ca" in path.name)
    (tmp_path / "ca.pem").write_bytes(authority.read_bytes())

    def trusting(name: str) -> ssl.SSLContext:
        spec: dict[str, Any] = {"endpointUrl": "https://api.example.com", **USER, "caFile": name}
        connectors = Connectors({"foundation": Connector("foundation", "Tas", spec, tmp_path)})
        return tls_context(read_access(connectors, "foundation"))

    context = trusting("ca.pem")
    assert context.check_hostname
    assert any(found for found in context.get_ca_certs() if found)
    with pytest.raises(ProviderRefused, match=r"missing\.pem"):
        trusting("missing.pem")


def test_a_space_that_is_not_there_is_named(rolling: TasPlatform, tmp_path: Path) -> None:
    secrets(tmp_path)
    with pytest.raises(ProviderNotFound, match="nowhere"):
        reach(rolling, tmp_path, USER, space="nowhere")


def test_a_missing_role_is_told(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        rolling.world.identity.deny("POST", "/v3/packages")
        with pytest.raises(ProviderRefused, match="Space Developer"):
            await story.deploy(NEW, TestAttempt("second"))

    tell(rolling, story)


def test_tokens_that_end_all_the_time_are_renewed(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        rolling.world.identity.lifetime = 0.05
        snapshot = await story.deployed_twice()
        await story.roll_back(snapshot, TestAttempt("third"))
        assert set(rolling.running()) == {OLD}
        assert rolling.world.identity.issued > 10

    tell(rolling, story)


@pytest.mark.parametrize("refreshable", [True, False])
def test_a_token_that_is_revoked_is_renewed_once(rolling: TasPlatform, refreshable: bool) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        rolling.world.identity.expire_all()
        if not refreshable:
            rolling.world.identity.forget_refresh_tokens()
        asked = len(tokens_asked(rolling))
        await story.deploy(NEW, TestAttempt("second"))
        assert len(tokens_asked(rolling)) - asked == (1 if refreshable else 2)

    tell(rolling, story)


def test_a_try_with_a_new_token_is_announced_too(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        fault = rolling.world.faults.add(
            Fault(FaultMode.EXPIRED, method="POST", path="/v3/apps$", user_agent="^unship/")
        )
        attempt = TestAttempt("first")
        mark = rolling.world.requests.mark
        await story.deploy(OLD, attempt)
        assert fault.fired == 1
        assert attempt.effects == len(rolling.effects(mark))

    tell(rolling, story)


def test_the_requests_say_who_we_are_and_carry_no_token_in_the_log(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, TestAttempt("first"))
        assert {one.user_agent for one in rolling.world.requests} == {"unship/0.1.0"}
        assert PASSWORD not in str(list(rolling.world.requests))

    tell(rolling, story)


def test_something_else_at_that_address_is_unreachable(rolling: TasPlatform, tmp_path: Path) -> None:
    secrets(tmp_path)
    rolling.world.faults.add(Fault(FaultMode.GARBAGE, times=None, user_agent="^unship/"))
    with pytest.raises(ProviderUnreachable, match="not the Cloud Foundry API"):
        reach(rolling, tmp_path, USER)


def test_no_error_carries_a_token(rolling: TasPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        rolling.world.faults.add(Fault(FaultMode.EXPIRED, times=None, user_agent="^unship/"))
        with pytest.raises(ProviderError) as refused:
            await story.roll_back(snapshot, TestAttempt("third"))
        assert "bearer" not in str(refused.value).lower()
        assert PASSWORD not in str(refused.value)

    tell(rolling, story)
