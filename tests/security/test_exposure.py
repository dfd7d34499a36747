"""Which starts are refused because of who could reach the server, and what the refusal says to do."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from server.settings import SettingsError, load_settings
from tests.schema.test_discretion import CALLS
from tests.security.callers import JSON, SOCKET, TRANSPORTS, Client
from tests.security.operator import Operator
from tests.support.unship import ROOT, Unship, serving

# A certificate for localhost and its key in one file.
PEM = ROOT / "tests" / "pipelines" / "steps" / "localhost.pem"
OIDC = {
    "auth": "oidc",
    "oidc_issuer": "https://issuer.test",
    "oidc_audience": "unship",
    "oidc_jwks_url": "https://issuer.test/keys",
}

REFUSED = {
    "no authentication": ({"host": "0.0.0.0"}, "UNSHIP_AUTH=token or oidc"),
    "behind a proxy, but open": ({"host": "::", "behind_proxy": True}, "UNSHIP_AUTH=token or oidc"),
    "tokens in the clear": ({"host": "192.168.1.5", "auth": "token"}, "UNSHIP_BEHIND_PROXY=true where"),
    "JWTs in the clear": ({"host": "unship.example", **OIDC}, "UNSHIP_TLS_CERTIFICATE and UNSHIP_TLS_KEY"),
    "a certificate alone": ({"tls_certificate": PEM}, "UNSHIP_TLS_KEY: a certificate and its key belong together"),
    "a key alone": ({"tls_key": PEM}, "UNSHIP_TLS_CERTIFICATE: a certificate and its key"),
    "no such file": ({"tls_certificate": PEM, "tls_key": "/nowhere.pem"}, "UNSHIP_TLS_KEY: there is no file"),
    "no issuer": ({**OIDC, "oidc_issuer": ""}, "UNSHIP_OIDC_ISSUER: UNSHIP_AUTH=oidc needs it"),
    "no audience": ({**OIDC, "oidc_audience": ""}, "UNSHIP_OIDC_AUDIENCE: UNSHIP_AUTH=oidc needs it"),
    "no keys": ({**OIDC, "oidc_jwks_url": ""}, "UNSHIP_OIDC_JWKS_URL: UNSHIP_AUTH=oidc needs it"),
    "keys in the clear": ({**OIDC, "oidc_jwks_url": "http://issuer.test/keys"}, "fetched by https:// alone"),
    "keys from a file": ({**OIDC, "oidc_jwks_url": "file:///keys"}, "fetched by https:// alone"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_dangerous_start_is_refused_and_the_way_out_is_said(name: str) -> None:
    settings, said = REFUSED[name]
    with pytest.raises(SettingsError, match=r"^UNSHIP_") as caught:
        load_settings(**settings)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0", "auth": "token", "behind_proxy": True},
        {"host": "::", "auth": "token", "tls_certificate": PEM, "tls_key": PEM},
        {"host": "unship.example", **OIDC, "behind_proxy": True},
        {"auth": "token"},
        {**OIDC, "oidc_jwks_url": "http://127.0.0.1:8080/keys"},
        {"tls_certificate": PEM, "tls_key": PEM},
    ],
)
def test_a_start_that_is_safe_is_let_pass(settings: dict[str, object]) -> None:
    assert load_settings(**settings)


def test_a_key_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    settings = {"auth": "token", "tls_certificate": str(PEM), "tls_key": str(nonsense), "port": "0"}
    said = Operator(tmp_path / "data", settings).run("serve")
    assert said.code == 1
    assert "UNSHIP_TLS_CERTIFICATE, UNSHIP_TLS_KEY: they cannot be used" in said.complaint


class Encrypted(Unship):
    """An installation that is called by https."""

    @property
    def url(self) -> str:
        return super().url.replace("http://127.0.0.1", "https://localhost")


def test_with_a_certificate_everything_is_encrypted_and_needs_a_token(tmp_path: Path) -> None:
    trusting = httpx2.Client(verify=ssl.create_default_context(cafile=str(PEM)), timeout=30)
    variables = {"AUTH": "token", "TLS_CERTIFICATE": str(PEM), "TLS_KEY": str(PEM)}
    unship = Encrypted(tmp_path, {f"UNSHIP_{name}": value for name, value in variables.items()}, client=trusting)
    unship.start()
    try:
        client = Client(unship.url, trusting, Operator(tmp_path / "data").token("ci"))
        assert client.ask("{ viewer { subject } }").data == {"viewer": {"subject": "ci"}}
        assert "https://127.0.0.1" in unship.log
        with pytest.raises(httpx2.TransportError):
            trusting.post(unship.url.replace("https", "http"), json={"query": "{ __typename }"})
    finally:
        unship.stop()
        trusting.close()


def test_with_token_nobody_is_let_in_without_one(tmp_path: Path) -> None:
    with serving(tmp_path, auth="token") as unship:
        token = Operator(tmp_path / "data").token("ci")
        for transport in TRANSPORTS:
            for wrong in (None, "unship_" + "A" * 43, "eyJhbGciOiJub25lIn0.e30."):
                answer = Client(unship.url, unship.client, wrong).ask("{ viewer { subject } }", transport)
                assert answer.status == (4401 if transport == SOCKET else 401)
            answer = Client(unship.url, unship.client, token).ask("{ viewer { subject } }", transport)
            assert answer.data == {"viewer": {"subject": "ci"}}
        got = unship.client.get(unship.url, params={"query": "{ __typename }"})
        assert (got.status_code, got.headers["www-authenticate"]) == (401, 'Bearer realm="unship"')
        assert_a_stranger_hears_the_same_whatever_he_asks(unship)
        assert unship.client.get(unship.url, headers={"accept": "text/html"}).status_code == 406


def assert_a_stranger_hears_the_same_whatever_he_asks(unship: Unship) -> None:
    """So nothing about the schema, nor whether a document is one."""
    stranger = Client(unship.url, unship.client)
    for transport in TRANSPORTS:
        heard = {str(stranger.ask(query, transport, **variables)) for query, variables in CALLS}
        assert len(heard) == 1
    sent = {"content-type": JSON}
    by_get = {unship.client.get(unship.url, params={"query": query}).text for query, _ in CALLS}
    by_post = {
        unship.client.post(unship.url, content=body, headers=sent).text for body in ("[]", "{", '{"query": 1}')
    }
    assert len(by_get | by_post) == 1
    for query, _ in CALLS[:2]:
        with connect(
            unship.url.replace("http", "ws"), subprotocols=[Subprotocol("graphql-transport-ws")]
        ) as socket:
            socket.send(json.dumps({"id": "a", "type": "subscribe", "payload": {"query": query}}))
            with pytest.raises(ConnectionClosed) as caught:
                socket.recv(5)
            assert str(caught.value.rcvd) == "4401 (private use) Unauthorized"
