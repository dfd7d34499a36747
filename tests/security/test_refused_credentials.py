"""Who tried with bad credentials is in the audit log: how often, from where and why, however many it were."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from db.columns import now
from db.security.audit import AuditLog, Entry
from db.security.chain import first_break
from db.security.tokens import create_token
from db.statuses import Role
from sandbox.kubernetes import KubernetesWorld
from server.callers import TokenDoor, Unauthenticated, Unwelcome
from server.jwks import Jwks, fetch_over_http
from server.oidc import Issuer, JwtVerifier
from server.refused_credentials import RefusedCredentials, WatchedDoor
from tests.security.books import read_log, tamper
from tests.security.callers import SSE, TRANSPORTS, Client
from tests.security.issuer import AUDIENCE, NAME, claims, issuing, rsa_key, signed
from tests.security.operator import Operator
from tests.support.runtimes import open_runtime
from tests.support.unship import serving

KEY = b"k" * 32
UNKNOWN = "unship_" + "x" * 43


def counted(entry: Entry) -> tuple[str, str | None, str, int]:
    return entry.subject, entry.code, entry.details.get("address", "-"), entry.details["count"]


def test_a_server_writes_them_before_it_ends(world: KubernetesWorld, connectors: Path, tmp_path: Path) -> None:
    with serving(tmp_path, connectors=str(connectors), auth="token") as unship:
        operator = Operator(unship.directory / "data", {"auth": "token"})
        revoked, good = operator.token("gone", "viewer"), operator.token("good", "auditor")
        operator.done("token", "revoke", "gone")
        for transport in TRANSPORTS:
            for secret in (UNKNOWN, revoked, "unship_", "a.b.c"):
                assert Client(unship.url, unship.client, secret).ask("{ __typename }", transport).status != 200
            assert Client(unship.url, unship.client, good).ask("{ __typename }", transport).status == 200
        basic = {"authorization": "Basic dXNlcjpwYXNz", "accept": SSE}
        assert httpx2.post(unship.url, json={"query": "{ __typename }"}, headers=basic).status_code == 401
        assert httpx2.post(unship.url, json={"query": "{ __typename }"}).status_code == 401
        url = f"sqlite:///{unship.directory}/data/unship.db"
        assert [entry.action for entry in read_log(url)] == ["createToken", "createToken", "revokeToken"]
        unship.stop()
        log = read_log(url)[3:]
        assert {entry.action for entry in log} == {"authenticate"}
        assert sorted(map(counted, log)) == [
            ("anonymous", "CREDENTIALS_MALFORMED", "127.0.0.1", 1),
            ("anonymous", "TOKEN_UNKNOWN", "127.0.0.1", 9),
            ("gone", "TOKEN_REVOKED", "127.0.0.1", 3),
        ]
        assert UNKNOWN not in str(log)
        assert operator.run("audit", "verify").code == 0
        unship.start()
        query = """{ auditLog(first: 9, filter: {action: "authenticate", object: "MachineToken:gone"})
          { nodes { actor attempts source code message objects { type name } } } }"""
        (shown,) = Client(unship.url, unship.client, good).ask(query).data["auditLog"]["nodes"]
        assert shown == {
            "actor": "gone",
            "attempts": 3,
            "source": "127.0.0.1",
            "code": "TOKEN_REVOKED",
            "message": "The token was revoked.",
            "objects": [{"type": "MachineToken", "name": "gone"}],
        }
        assert unship.log.count("credentials were refused") == 3


def play(url: str, scenario: Callable[[AuditLog], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_runtime(url) as runtime:
            await scenario(AuditLog(runtime.database, KEY))

    asyncio.run(run())


def test_jwts_that_let_nobody_in_are_in_the_log_and_nothing_of_what_they_say(database_url: str) -> None:
    away = int(time.time()) - 3600
    refused_jwts = {
        Unwelcome.JWT_INVALID: [
            signed(key=rsa_key("mine")),
            signed(claims(sub="operator:mallory")),
            signed(claims(aud="mallory")),
            signed(kid="../mallory"),
            "mallory.mallory.mallory",
        ],
        Unwelcome.EXPIRED: [signed(claims(sub="mallory", exp=away))],
        Unwelcome.NAME_IN_USE: [signed(claims(sub="robot"))] * 2,
    }

    async def scenario(log: AuditLog) -> None:
        async with log.database.write() as session:
            await create_token(session, "robot", Role.VIEWER, now() + timedelta(days=1), "tester")
        verifier = JwtVerifier(Issuer(NAME, AUDIENCE), Jwks(issuer.url, fetch_over_http))
        refused = RefusedCredentials()
        door = WatchedDoor(TokenDoor(lambda: log.database, required=True, verifier=verifier), refused)
        assert (await door.admit(f"Bearer {signed()}", "10.0.0.1")).subject == "alice"
        for why, tokens in refused_jwts.items():
            for token in tokens:
                with pytest.raises(Unauthenticated) as caught:
                    await door.admit(f"Bearer {token}", "10.0.0.1")
                assert caught.value.why is why
        await refused.write(log)

    with issuing() as issuer:
        play(database_url, scenario)
    log = read_log(database_url)
    assert first_break(log, KEY) is None
    assert sorted(map(counted, log)) == [
        ("anonymous", "JWT_INVALID", "10.0.0.1", 5),
        ("anonymous", "NAME_IN_USE", "10.0.0.1", 2),
        ("anonymous", "TOKEN_EXPIRED", "10.0.0.1", 1),
    ]
    assert "mallory" not in str(log)
    assert "eyJ" not in str(log)


def unknown() -> Unauthenticated:
    return Unauthenticated("no", Unwelcome.UNKNOWN)


def test_a_flood_from_everywhere_makes_few_entries_and_none_is_forgotten(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(log: AuditLog) -> None:
        refused = RefusedCredentials(most=4)
        for number in range(5000):
            refused.note(unknown(), f"10.0.{number % 200}.1")
            refused.note(Unauthenticated("no", Unwelcome.MALFORMED), f"10.0.{number % 200}.1")
        refused.note(unknown(), "10.0.0.1")
        await refused.write(log)
        await refused.write(log)

    play(database_url, scenario)
    log = read_log(database_url)
    assert first_break(log, KEY) is None
    assert sorted(map(counted, log)) == [
        ("anonymous", "CREDENTIALS_MALFORMED", "-", 4950),
        ("anonymous", "CREDENTIALS_MALFORMED", "10.0.0.1", 25),
        ("anonymous", "CREDENTIALS_MALFORMED", "10.0.1.1", 25),
        ("anonymous", "TOKEN_UNKNOWN", "-", 4950),
        ("anonymous", "TOKEN_UNKNOWN", "10.0.0.1", 26),
        ("anonymous", "TOKEN_UNKNOWN", "10.0.1.1", 25),
    ]
    assert caplog.text.count("credentials were refused") == len(log)


def test_each_interval_has_its_own_entries_and_the_last_one_is_not_waited_for(database_url: str) -> None:
    async def scenario(log: AuditLog) -> None:
        refused, ending = RefusedCredentials(), asyncio.Event()
        refused.note(unknown(), "10.0.0.1")
        keeping = asyncio.create_task(refused.keep(log, ending, seconds=0.01))
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(read_log, database_url):
                pass
        ending.set()
        await keeping
        ending.clear()
        refused.note(unknown(), "10.0.0.1")
        refused.note(unknown(), "10.0.0.1")
        keeping = asyncio.create_task(refused.keep(log, ending, seconds=3600))
        ending.set()
        await asyncio.wait_for(keeping, 20)

    play(database_url, scenario)
    log = read_log(database_url)
    assert [entry.details["count"] for entry in log] == [1, 2]
    for entry in log:
        first, last = (datetime.fromisoformat(entry.details[name]) for name in ("firstAt", "lastAt"))
        assert first <= last <= entry.at


def test_what_cannot_be_written_is_kept_with_what_follows(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(log: AuditLog) -> None:
        refused = RefusedCredentials()
        refused.note(unknown(), "10.0.0.1")
        await asyncio.to_thread(tamper, database_url, "ALTER TABLE auditentry RENAME TO away")
        await refused.write(log)
        assert "could not be written" in caplog.text
        await asyncio.to_thread(tamper, database_url, "ALTER TABLE away RENAME TO auditentry")
        refused.note(unknown(), "10.0.0.1")
        await refused.write(log)

    play(database_url, scenario)
    assert list(map(counted, read_log(database_url))) == [("anonymous", "TOKEN_UNKNOWN", "10.0.0.1", 2)]


def test_addresses_of_one_network_count_together_and_nobody_without_credentials_counts(database_url: str) -> None:
    async def scenario(log: AuditLog) -> None:
        refused = RefusedCredentials()
        for number in range(30):
            refused.note(unknown(), f"2001:db8:0:7::{number:x}")
            refused.note(Unauthenticated("no", Unwelcome.MISSING), "10.0.0.1")
        refused.note(unknown(), "::1")
        refused.note(unknown(), None)
        await refused.write(log)

    play(database_url, scenario)
    assert sorted(map(counted, read_log(database_url))) == [
        ("anonymous", "TOKEN_UNKNOWN", "-", 1),
        ("anonymous", "TOKEN_UNKNOWN", "2001:db8:0:7::/64", 30),
        ("anonymous", "TOKEN_UNKNOWN", "::1", 1),
    ]
