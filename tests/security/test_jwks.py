"""When the issuer's keys are fetched: at need, seldom, and without trusting whatever answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from server.callers import CannotTell
from server.jwks import Jwks, NotFetched, fetch_over_http, keys_in
from tests.security.issuer import dumped, issuing, key_set


@dataclass
class Source:
    """What the address answers with, and how often it was asked; a clock that only we move."""

    answers: list[bytes | None]
    asked: int = 0
    time: float = 1000.0
    jwks: Jwks = field(init=False)

    def __post_init__(self) -> None:
        self.jwks = Jwks("https://issuer.test/keys", self.fetch, lambda: self.time)

    async def fetch(self, _url: str) -> bytes:
        await asyncio.sleep(0)
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if answer is None:
            raise NotFetched("it is away")
        return answer

    def has(self, kid: str) -> bool:
        return asyncio.run(self.jwks.key(kid, "RS256")) is not None


OLD, BOTH = dumped({"keys": [key_set()["keys"][0]]}), dumped({"keys": [key_set()["keys"][0] | {"kid": "new"}]})


def test_a_new_key_is_found_by_its_kid_half_a_minute_after_the_last_look() -> None:
    source = Source([OLD, BOTH])
    assert source.has("rsa-1")
    assert not source.has("new")
    source.time += 29
    assert not source.has("new")
    assert source.asked == 1
    source.time += 2
    assert source.has("new")
    assert not source.has("rsa-1"), "the issuer has withdrawn it"
    assert source.asked == 2


def test_many_at_once_ask_once() -> None:
    source = Source([OLD])

    async def many() -> None:
        found = await asyncio.gather(*(source.jwks.key("rsa-1", "RS256") for _ in range(50)))
        assert all(found)

    asyncio.run(many())
    assert source.asked == 1


def test_a_withdrawn_key_is_forgotten_within_five_minutes() -> None:
    source = Source([OLD, dumped({"keys": []})])
    assert source.has("rsa-1")
    source.time += 301
    assert not source.has("rsa-1")


def test_an_issuer_that_is_away_locks_nobody_out_for_an_hour() -> None:
    source = Source([OLD, None])
    assert source.has("rsa-1")
    for _ in range(11):
        source.time += 301
        assert source.has("rsa-1")
    source.time += 301
    with pytest.raises(CannotTell):
        source.has("rsa-1")
    with pytest.raises(CannotTell):
        Source([None]).has("rsa-1")


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000])
def test_what_is_no_key_set_is_not_taken_for_one(document: bytes) -> None:
    with pytest.raises(NotFetched):
        keys_in(document)


def test_only_public_signature_keys_are_kept() -> None:
    assert set(keys_in(dumped(key_set()))) == {"rsa-1", "ec-1", "okp-1", "weak", "broken"}
    private = key_set()["keys"][0] | {"d": "AQAB"}
    assert keys_in(dumped({"keys": [private, key_set()["keys"][0] | {"key_ops": ["sign"]}]})) == {}


def test_redirects_errors_and_floods_are_no_keys() -> None:
    with issuing() as issuer:
        assert asyncio.run(fetch_over_http(issuer.url)) == issuer.answer
        for status in (301, 302, 404, 500):
            issuer.status = status
            with pytest.raises(NotFetched, match=str(status)):
                asyncio.run(fetch_over_http(issuer.url))
        issuer.status, issuer.answer = 200, b" " * (256 * 1024 + 1)
        with pytest.raises(NotFetched, match="more than"):
            asyncio.run(fetch_over_http(issuer.url))
        closed = issuer.url
    with pytest.raises(NotFetched, match="no connection"):
        asyncio.run(fetch_over_http(closed))
