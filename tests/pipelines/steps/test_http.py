"""Http steps against real servers on real sockets, and the addresses that they may not call."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.documents.failure import FailureKind
from pipelines.expressions import scope_of
from pipelines.secret_marks import mark
from pipelines.steps import GENERIC_STEPS, StepContext, StepFailed, StepResult
from pipelines.steps.addresses import allowed_addresses, is_refused
from providers.values import Progress

STEP = GENERIC_STEPS["Http"]
SECRET = "s3cr3t w0rd"
# For the name localhost, not for any address; with its key.
CERTIFICATE = Path(__file__).with_name("localhost.pem")


@dataclass
class Site:
    """A server and the requests it got: (method, path, headers, body)."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list[Any])
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    site: Site

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        self.site.requests.append((self.command, self.path, dict(self.headers), body))
        path = self.path.split("?")[0]
        if path == "/slow":
            self.site.released.wait(30)
        code = int(path.removeprefix("/status/")) if path.startswith("/status/") else 200
        payload = {
            "/json": b'{"state": {"ready": 3}, "name": "web"}',
            "/big": b"x" * (1024 * 1024 + 1),
            "/biggest": b"x" * (1024 * 1024),
            "/echo": body.encode(),
            "/charset/iso-8859-1": b"\xe4",
            "/forged": mark("word").encode(),
        }.get(path, b"hello")
        self.send_response(code)
        if path == "/status/302":
            self.send_header("Location", "/json")
        charset = path.removeprefix("/charset/") if path.startswith("/charset/") else "utf-8"
        self.send_header("Content-Type", f"text/plain; charset={charset}")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = answer  # noqa: N815 - the names of the base class

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        pass


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Generator[Site]:
    site = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": site}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.url = f"{'https' if context else 'http'}://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site() -> Generator[Site]:
    with serving() as running:
        yield running


async def ignore(progress: Progress) -> None:
    del progress


async def execute(url: str, *, seconds: float = 20, given: str = "", **spec: Any) -> StepResult:
    scope = scope_of(
        resolve_secret={"word": SECRET}.get,
        service={"name": "web"},
        serviceVariables={"password": mark("word")},
        given=given,
    )
    model = STEP.spec_model.model_validate({"url": url, **spec})
    return await STEP.run(model, StepContext(scope, seconds, ignore))


def ran(url: str, **options: Any) -> StepResult:
    return asyncio.run(execute(url, **options))


def failed(url: str, **options: Any) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        asyncio.run(execute(url, **options))
    return caught.value


def test_a_request_is_sent_as_rendered(site: Site) -> None:
    result = ran(
        f"{site.url}/echo?name=<+service.name>",
        method="POST",
        headers=[{"key": "X-Service", "value": "<+service.name>"}, {"key": "Content-Type", "value": "text/x"}],
        requestBody="for <+service.name>: äöü",
    )
    method, path, headers, body = site.requests[-1]
    assert (method, path, body) == ("POST", "/echo?name=web", "for web: äöü")
    assert (headers["X-Service"], headers["Content-Type"]) == ("web", "text/x")
    assert headers["Host"] == site.url.removeprefix("http://")
    assert headers["Accept-Encoding"] == "identity"
    assert result.outputs == {
        "httpUrl": f"{site.url}/echo?name=web",
        "httpMethod": "POST",
        "httpResponseCode": 200,
        "httpResponseBody": "for web: äöü",
        "outputVariables": {},
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method(site: Site, method: str) -> None:
    assert ran(f"{site.url}/json", method=method).outputs["httpResponseCode"] == 200
    assert site.requests[-1][0] == method


def test_output_variables_read_the_answer(site: Site) -> None:
    outputs = [
        {"name": "code", "value": "<+httpResponseCode>"},
        {"name": "ready", "value": "<+httpResponseJson.state.ready>"},
        {"name": "both", "value": "<+httpResponseJson.name>/<+service.name>"},
        {"name": "body", "type": "Secret", "value": "<+httpResponseBody>"},
    ]
    found = ran(f"{site.url}/json", outputVariables=outputs).outputs["outputVariables"]
    assert found == {"code": "200", "ready": "3", "both": "web/web", "body": "**************"}
    missing = [{"name": "a", "value": "<+httpResponseJson.nothing>"}]
    assert "no value" in failed(f"{site.url}/json", outputVariables=missing).message
    assert "no value" in failed(f"{site.url}/", outputVariables=missing).message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, FailureKind.UNKNOWN),
        (401, FailureKind.AUTHENTICATION),
        (403, FailureKind.AUTHORIZATION),
        (503, FailureKind.UNKNOWN),
    ],
)
def test_without_an_assertion_the_status_decides(site: Site, code: int, kind: FailureKind) -> None:
    error = failed(f"{site.url}/status/{code}")
    assert error.kind is kind
    assert error.message == f"The answer has the status {code}: hello"


@pytest.mark.parametrize(
    ("assertion", "held"),
    [
        ("<+httpResponseCode> == 503", True),
        ("<+httpResponseCode> == 200", False),
        ('<+httpResponseBody>.contains("hell")', True),
        ('<+httpResponseCode> >= 500 && <+httpResponseBody> == "hello"', True),
    ],
)
def test_an_assertion_decides_alone(site: Site, assertion: str, held: bool) -> None:
    if held:
        assert ran(f"{site.url}/status/503", assertion=assertion).outputs["httpResponseCode"] == 503
        return
    error = failed(f"{site.url}/status/503", assertion=assertion)
    assert error.kind is FailureKind.VERIFICATION
    assert assertion in error.message


def test_an_assertion_that_cannot_be_evaluated(site: Site) -> None:
    assert "cannot be evaluated" in failed(f"{site.url}/", assertion="<+httpResponseJson.a> == 1").message


def test_redirects_are_not_followed(site: Site) -> None:
    before = len(site.requests)
    assert ran(f"{site.url}/status/302").outputs["httpResponseCode"] == 302
    assert len(site.requests) == before + 1


def test_a_body_is_bounded(site: Site) -> None:
    result = ran(f"{site.url}/biggest")
    assert result.outputs["httpResponseBody"] == "x" * (64 * 1024)
    assert "more than 1048576 bytes" in failed(f"{site.url}/big").message


@pytest.mark.parametrize(
    ("charset", "said"), [("iso-8859-1", "ä"), ("zlib", "hello"), ("idna", "hello"), ("x", "hello")]
)
def test_the_charset_of_an_answer(site: Site, charset: str, said: str) -> None:
    assert ran(f"{site.url}/charset/{charset}").outputs["httpResponseBody"] == said


def test_a_slow_answer_times_out() -> None:
    with serving() as site:
        error = failed(f"{site.url}/slow", seconds=2)
        assert error.kind is FailureKind.TIMEOUT
        assert error.message == "localhost did not answer within 2 s."
        assert len(site.requests) == 1


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        port = taken.getsockname()[1]
        error = failed(f"http://localhost:{port}/")
    assert error.kind is FailureKind.CONNECTIVITY
    assert error.message == f"localhost:{port} gave no connection (Connection refused)."
    assert failed("http://no-such-host.invalid/").kind is FailureKind.CONNECTIVITY


@pytest.mark.parametrize("url", ["web", "file:///etc/passwd", "http://", "http:///path", "http://[::1/", "//web/"])
def test_what_is_no_http_url_once_rendered(url: str) -> None:
    assert re.search("cannot be made|does not begin", failed("<+given>", given=url).message)


def test_a_header_cannot_smuggle_another(site: Site) -> None:
    before = len(site.requests)
    headers = [{"key": "X-A", "value": "a\r\nX-B: b"}]
    failed(f"{site.url}/", headers=headers)
    assert len(site.requests) == before


def test_secrets_are_sent_but_never_shown(site: Site) -> None:
    options: dict[str, Any] = {
        "method": "POST",
        "headers": [{"key": "Authorization", "value": 'Bearer <+secrets.getValue("word")>'}],
        "requestBody": "<+serviceVariables.password>",
        "outputVariables": [{"name": "said", "value": "<+httpResponseBody>"}],
    }
    result = ran(f'{site.url}/echo?t=<+secrets.getValue("word")>', **options)
    _, path, headers, body = site.requests[-1]
    assert (path, headers["Authorization"], body) == ("/echo?t=s3cr3t%20w0rd", f"Bearer {SECRET}", SECRET)
    for spelling in (SECRET, "s3cr3t%20w0rd"):
        assert spelling not in str(result)
    assert result.outputs["httpResponseBody"] == "**************"
    error = failed(f"{site.url}/echo", **options | {"assertion": "<+httpResponseCode> == 1"})
    assert SECRET not in error.message


def test_an_answer_cannot_forge_a_mark_that_stands_for_a_secret(site: Site) -> None:
    result = ran(f"{site.url}/forged", outputVariables=[{"name": "a", "value": "<+httpResponseBody>"}])
    assert result.outputs["httpResponseBody"] == "\ufffdword\ufffd"
    assert result.outputs["outputVariables"] == {"a": "\ufffdword\ufffd"}


def test_tls_checks_the_name_although_the_address_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serving(context) as site:
        assert failed(f"{site.url}/").kind is FailureKind.CONNECTIVITY
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert ran(f"{site.url}/").outputs["httpResponseCode"] == 200
        assert failed(f"{site.url.replace('localhost', '127.0.0.1')}/").kind is FailureKind.CONNECTIVITY


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.0.1/",
        "http://2852039166/",
        "http://0xa9.0xfe.0xa9.0xfe/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[::a9fe:a9fe]/",
        "http://[::ffff:0:a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://169.254.43518/",
        "http://0251.0376.0251.0376/",
        "http://127.0.0.1@169.254.169.254/",
        "http://0.0.0.0/",
        "http://100.100.100.200/",
    ],
)
def test_addresses_that_give_credentials_away_are_refused(url: str) -> None:
    error = failed(url)
    assert "may not call" in error.message
    assert error.kind is FailureKind.UNKNOWN


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "8.8.8.8", "2001:db8::1", "169.253.255.255"])
def test_other_addresses_may_be_called(address: str) -> None:
    assert not is_refused(address)


def test_every_link_local_address_is_refused() -> None:
    network = ipaddress.ip_network("169.254.0.0/16")
    assert all(is_refused(str(network[index])) for index in range(0, network.num_addresses, 4099))


def test_a_name_with_any_refused_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that its owner points at a metadata service: the answer of the resolver is what counts."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def resolve(host: str, port: int, **_: Any) -> list[Any]:
            found = ("8.8.8.8", "169.254.169.254") if host == "evil.test" else ("127.0.0.1", "127.0.0.1")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        assert await allowed_addresses("good.test", 80) == ("127.0.0.1",)
        with pytest.raises(StepFailed, match="may not call"):
            await allowed_addresses("evil.test", 80)

    asyncio.run(scenario())
