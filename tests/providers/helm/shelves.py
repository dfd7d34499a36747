"""Small servers that charts are fetched from: a chart repository over HTTP, and an OCI registry."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "reader", "p4ss-w0rd-marker"
_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Answer = tuple[int, str, bytes]


@dataclass
class Shelf:
    """What is served, by path, to who knows the password; and what was asked for."""

    private: bool = True
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    failures: int = 0
    """So many requests are answered 503 before any other."""

    def answer(self, path: str, authorization: str | None) -> Answer:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.failures:
            self.failures -= 1
            return 503, "text/plain", b"come back later"
        if self.private and authorization != f"Basic {login}":
            return 401, "text/plain", b"who are you"
        content_type, content = self.files.get(path, ("text/plain", b""))
        return (200 if path in self.files else 404), content_type, content

    def put(self, path: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        self.files[path] = (content_type, content)

    def put_in_repository(self, name: str, version: str, archive: bytes) -> None:
        """Offer a chart as `helm repo index` would."""
        entry = {
            "apiVersion": "v2",
            "name": name,
            "version": version,
            "urls": [f"{name}-{version}.tgz"],
            "digest": sha256(archive).hexdigest(),
        }
        index = {"apiVersion": "v1", "entries": {name: [entry]}, "generated": "2026-01-01T00:00:00Z"}
        self.put("/charts/index.yaml", json.dumps(index).encode())
        self.put(f"/charts/{name}-{version}.tgz", archive)

    def put_in_registry(self, path: str, version: str, archive: bytes) -> None:
        """Offer a chart as `helm push` would."""
        config = json.dumps({"name": path.rpartition("/")[2], "version": version, "apiVersion": "v2"}).encode()
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": _descriptor(_CONFIG, config),
                "layers": [_descriptor(_LAYER, archive)],
            }
        ).encode()
        for blob in (config, archive):
            self.put(f"/v2/{path}/blobs/{_digest(blob)}", blob)
        for reference in (version, _digest(manifest)):
            self.put(f"/v2/{path}/manifests/{reference}", manifest, _MANIFEST)
        self.put(f"/v2/{path}/tags/list", json.dumps({"name": path, "tags": [version]}).encode())
        self.put("/v2/", b"{}", "application/json")


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def _descriptor(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}


@contextmanager
def serving(shelf: Shelf) -> Generator[str]:
    """host:port of a server that hands out what is on the shelf."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            status, content_type, content = shelf.answer(path, self.headers.get("Authorization"))
            shelf.asked.append((path, status))
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="shelf"')
            if status == 200 and path.startswith("/v2/"):
                self.send_header("Docker-Content-Digest", _digest(content))
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the overridden one's
            """Quiet: `asked` has it all."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
