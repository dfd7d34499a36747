"""JWTs on every transport of a real server: those of the issuer let in, and nothing else does."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.security.callers import JSON, SOCKET, TRANSPORTS, Client
from tests.security.issuer import (
    AUDIENCE,
    NAME,
    Issuer,
    claims,
    ec_key,
    encoded,
    issuing,
    okp_key,
    public_pem,
    rsa_key,
    sealed,
    signed,
)
from tests.security.operator import Operator
from tests.support.unship import Unship, serving

WHO = "{ viewer { subject } }"
NOW = int(time.time())
HEAD = {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"}
JWK = {
    "kty": "RSA",
    "kid": "mine",
    "e": "AQAB",
    "n": encoded(rsa_key("mine").public_key().public_numbers().n.to_bytes(256)),
}


@pytest.fixture(scope="module")
def issuer() -> Generator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def oidc(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Generator[Unship]:
    """A server that believes the issuer."""
    settings = {
        "oidc_issuer": NAME,
        "oidc_audience": AUDIENCE,
        "oidc_jwks_url": issuer.url,
        "oidc_roles_claim": "realm.roles",
    }
    with serving(tmp_path_factory.mktemp("oidc"), auth="oidc", **settings) as running:
        yield running


def calling(unship: Unship, token: str | None) -> Client:
    return Client(unship.url, unship.client, token)


GOOD = {
    "rsa": signed,
    "elliptic curve": lambda: signed(None, "ES256", ec_key(), kid="ec-1"),
    "edwards curve": lambda: signed(None, "EdDSA", okp_key(), kid="okp-1"),
    "several audiences": lambda: signed(claims(aud=["others", AUDIENCE])),
    "an access token": lambda: signed(typ="at+jwt"),
    "no type": lambda: signed(typ=None),
    "a clock that is a little behind": lambda: signed(claims(iat=int(time.time()) + 15)),
    "one that begins in a moment": lambda: signed(claims(nbf=int(time.time()) + 15)),
    "one that ended a moment ago": lambda: signed(claims(exp=int(time.time()) - 5)),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", GOOD)
def test_a_token_of_the_issuer_names_its_subject(oidc: Unship, name: str, transport: str) -> None:
    assert calling(oidc, GOOD[name]()).ask(WHO, transport).data == {"viewer": {"subject": "alice"}}


def spelt(said: dict[str, Any], text: str, instead: str) -> str:
    """A token with claims that no JSON of Python's would have."""
    return sealed(encoded(HEAD), encoded(json.dumps(said).replace(text, instead)))


FORGED = {
    "no signature, alg none": f"{encoded(HEAD | {'alg': 'none'})}.{encoded(claims())}.",
    "alg none with a signature": sealed(encoded(HEAD | {"alg": "none"}), encoded(claims())),
    "alg None": sealed(encoded(HEAD | {"alg": "None"}), encoded(claims())),
    "no alg": sealed(encoded({"typ": "JWT", "kid": "rsa-1"}), encoded(claims())),
    "alg a number": sealed(encoded(HEAD | {"alg": 256}), encoded(claims())),
    "alg a list": sealed(encoded(HEAD | {"alg": ["RS256"]}), encoded(claims())),
    "HS256 with the public key": sealed(
        encoded(HEAD | {"alg": "HS256"}), encoded(claims()), "HS256", public_pem()
    ),
    "HS256 with the key of the set": signed(None, "HS256", b"s" * 32, kid="oct-1"),
    "HS256 with an empty kid": signed(None, "HS256", b"\0" * 32, kid=""),
    "RS512": signed(None, "RS512"),
    "PS256 with a key for RS256": signed(None, "PS256"),
    "ES256 under the kid of an RSA key": signed(None, "ES256", ec_key()),
    "RS256 under the kid of an EC key": signed(kid="ec-1"),
    "another key": signed(None, "RS256", rsa_key("mine")),
    "a weak key": signed(None, "RS256", rsa_key("weak", 1024), kid="weak"),
    "a key for encryption": signed(kid="enc-1"),
    "a broken key": signed(kid="broken"),
    "an unknown kid": signed(kid="nobody's"),
    "no kid": signed(kid=None),
    "kid a number": signed(kid=1),
    "kid a path": signed(kid="../../../../dev/null"),
    "kid an injection": signed(kid="rsa-1' OR '1'='1"),
    "kid an address": signed(kid="http://127.0.0.1/keys"),
    "kid with a NUL": signed(kid="rsa-1\0"),
    "jku": signed(None, "RS256", rsa_key("mine"), kid="mine", jku="http://127.0.0.1:1/keys"),
    "x5u": signed(None, "RS256", rsa_key("mine"), kid="mine", x5u="http://127.0.0.1:1/cert"),
    "a key in the header": signed(None, "RS256", rsa_key("mine"), kid="mine", jwk=JWK),
    "a key in the header under a known kid": signed(None, "RS256", rsa_key("mine"), jwk=JWK),
    "a chain in the header": signed(None, "RS256", rsa_key("mine"), x5c=["MIIB"]),
    "crit": signed(crit=["exp"], exp=NOW + 300),
    "crit, empty": signed(crit=[]),
    "b64": signed(b64=True),
    "compressed": signed(zip="DEF"),
    "an encrypted one": ".".join([encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}), "a", "b", "c", "d"]),
    "a duplicate in the header": sealed(
        encoded('{"alg":"none","alg":"RS256","typ":"JWT","kid":"rsa-1"}'), encoded(claims())
    ),
    "another type": signed(typ="logout+jwt"),
    "type a number": signed(typ=1),
    "the header a list": sealed(encoded([HEAD]), encoded(claims())),
    "the header no JSON": sealed(encoded("{"), encoded(claims())),
    "the header nested deep": sealed(encoded('{"alg":' + "[" * 5000), encoded(claims())),
    "the header not UTF-8": sealed(encoded(b"\xff\xfe"), encoded(claims())),
    "the claims a list": sealed(encoded(HEAD), encoded([claims()])),
    "the claims no JSON": sealed(encoded(HEAD), encoded("nothing")),
    "two parts": signed().rsplit(".", 1)[0],
    "four parts": signed() + ".AAAA",
    "an empty signature": signed().rsplit(".", 1)[0] + ".",
    "the signature of another": signed().rsplit(".", 1)[0] + "." + signed(claims(sub="bob")).rsplit(".", 1)[1],
    "other claims": ".".join([signed().split(".")[0], encoded(claims(sub="root")), signed().split(".")[2]]),
    "a signature with padding": signed() + "==",
    "not of this alphabet": signed().replace(".", "+.", 1),
    "huge": signed(claims(more="x" * 20_000)),
    "another issuer": signed(claims(iss="https://issuer.test/other")),
    "the issuer with a slash": signed(claims(iss=NAME + "/")),
    "several issuers": signed(claims(iss=[NAME])),
    "no issuer": signed(claims(iss=None)),
    "another audience": signed(claims(aud="others")),
    "audience part of a name": signed(claims(aud="unship-staging")),
    "audience an object": signed(claims(aud={"unship": True})),
    "no audience": signed(claims(aud=None)),
    "no audiences": signed(claims(aud=[])),
    "no end": signed(claims(exp=None)),
    "the end a text": signed(claims(exp="tomorrow")),
    "the end infinite": spelt(claims(exp="END"), '"END"', "Infinity"),
    "the end beyond all time": signed(claims(exp=10**20)),
    "no beginning": signed(claims(iat=None)),
    "issued tomorrow": signed(claims(iat=NOW + 43_200, exp=NOW + 90_000)),
    "not yet": signed(claims(nbf=NOW + 43_200)),
    "no subject": signed(claims(sub=None)),
    "the subject empty": signed(claims(sub="")),
    "the subject a number": signed(claims(sub=7)),
    "the subject with a line break": signed(claims(sub="alice\nroot")),
    "the subject not text": spelt(claims(sub="SUB"), "SUB", "\\ud800"),
    "the subject of nobody": signed(claims(sub="anonymous")),
    "the subject of an operator": signed(claims(sub="operator:root")),
    "the subject of a machine": signed(claims(sub="robot")),
}
EXPIRED = {
    "expired": signed(claims(iat=NOW - 7200, exp=NOW - 3600)),
    "expired long ago": signed(claims(iat=0, exp=1)),
    "expired at the beginning": signed(claims(exp=0)),
}


@pytest.fixture(scope="module")
def robot(oidc: Unship) -> str:
    return Operator(oidc.directory / "data").token("robot", "viewer")


@pytest.mark.parametrize("name", [*FORGED, *EXPIRED])
def test_what_is_forged_or_malformed_stays_out_of_every_transport(oidc: Unship, robot: str, name: str) -> None:
    assert robot
    client = calling(oidc, (FORGED | EXPIRED)[name])
    for transport in TRANSPORTS:
        answer = client.ask(WHO, transport)
        assert answer.status == ((4403 if name in EXPIRED else 4401) if transport == SOCKET else 401), transport
        assert "data" not in answer.body
        assert answer.codes == ([] if transport == SOCKET else ["UNAUTHENTICATED"])


def test_there_are_enough_of_them_and_they_differ_from_good_ones() -> None:
    assert len(FORGED) + len(EXPIRED) >= 40
    assert len({*FORGED.values(), *EXPIRED.values()}) == len(FORGED) + len(EXPIRED)


def test_without_credentials_nobody_comes_in(oidc: Unship) -> None:
    for transport in TRANSPORTS:
        assert calling(oidc, None).ask(WHO, transport).status == (4401 if transport == SOCKET else 401)


def test_a_machine_token_comes_in_beside(oidc: Unship, robot: str) -> None:
    for transport in TRANSPORTS:
        assert calling(oidc, robot).ask(WHO, transport).data == {"viewer": {"subject": "robot"}}


def test_unknown_keys_do_not_make_the_issuer_be_asked_again_and_again(oidc: Unship, issuer: Issuer) -> None:
    calling(oidc, signed(kid="first")).ask(WHO)
    before = issuer.asked
    for number in range(20):
        assert calling(oidc, signed(kid=f"unknown-{number}")).ask(WHO).status == 401
    assert issuer.asked == before


def test_a_socket_is_closed_when_its_token_ends(oidc: Unship) -> None:
    """Of the leeway of half a minute all but one second has gone already."""
    with calling(oidc, signed(claims(exp=int(time.time()) - 28))).socket() as connection:
        assert "connection_ack" in str(connection.recv(5))
        with pytest.raises(ConnectionClosed) as caught:
            connection.recv(10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 4403


def test_the_schema_is_not_told_and_there_is_no_explorer(oidc: Unship, robot: str) -> None:
    client = calling(oidc, robot)
    assert client.ask("{ __schema { types { name } } }", JSON).codes[0] == "GRAPHQL_VALIDATION_FAILED"
    assert "did you mean" not in str(client.ask("{ viewr { subject } }").body).lower()
    assert oidc.client.get(oidc.url, headers={"accept": "text/html"}).status_code == 406
    assert calling(oidc, None).ask("{ __typename }").status == 401
