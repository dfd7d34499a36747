"""The small parts: what helm's words mean, one helm at a time, which revision counts."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.errors import (
    ProviderConflict,
    ProviderError,
    ProviderNotFound,
    ProviderRefused,
    ProviderTimedOut,
)
from providers.helm.failures import Unaccepted, Unanswered, explained, failure
from providers.helm.hiding import MOST, value_changes
from providers.helm.home import kubeconfig_of, private_home
from providers.helm.releases import Releases, Revision, Status
from providers.helm.turns import turn
from providers.helm.values import ChartOptions, HelmTarget
from providers.kubernetes.credentials import obtain
from providers.kubernetes.kubeconfig import read_access
from providers.processes import run
from providers.tree import Tree

KUBECONFIG = """
current-context: one
clusters: [{name: c, cluster: {server: "https://c:6443", certificate-authority: ca.pem, tls-server-name: n}}]
users:
  - name: u
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: ./plugin
        env: [{name: TOKEN, value: plugin-token}]
contexts: [{name: one, context: {cluster: c, user: u}}]
"""
HIDDEN = ("(hidden)", "(hidden)")
ENV = {"env[DB_PWD].value": HIDDEN}
PLUGIN = """#!/bin/sh
echo '{"status": {"token": "'$TOKEN'"}}'
"""


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Error: UPGRADE FAILED: context deadline exceeded", ProviderTimedOut),
        ("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", ProviderConflict),
        (
            'Error: Kubernetes cluster unreachable: Get "http://x/version": dial tcp: connection refused',
            Unanswered,
        ),
        ('Error: create: failed to create: Post "http://x": EOF', Unanswered),
        ("Error: query: failed to query with labels: Unauthorized", Unaccepted),
        ('Error: UPGRADE FAILED: secrets is forbidden: User "u" cannot list resource "secrets"', ProviderRefused),
        ("Error: release: not found", ProviderNotFound),
        ('Error: Apply failed with 1 conflict: conflict with "kubectl-edit"', ProviderConflict),
        ("Error: UPGRADE FAILED: template: web/templates/all.yaml:1:2: nil pointer", ProviderRefused),
        ("Error: parse error at (web/templates/all.yaml:1): unexpected EOF", ProviderRefused),
        ("Error: cannot patch: unexpected EOF", Unanswered),
        (
            "Error: Timeout: request did not complete within requested timeout - context deadline exceeded",
            Unanswered,
        ),
        ("Error: query: 0-length response with status code: 200 and content type: application/json", Unanswered),
        ("Error: UPGRADE FAILED: resource Service/a/web not ready. status: Unknown, message:", Unanswered),
        (
            "Error: resource Service/a/web not ready. status: Unknown, message: context deadline exceeded",
            ProviderTimedOut,
        ),
        ("", ProviderRefused),
    ],
)
def test_what_helm_said_becomes_an_error_of_its_kind(said: str, kind: type[ProviderError]) -> None:
    error = failure("do it", f"level=WARN msg=noise\n{said}\n")
    assert type(error) is kind
    assert error.message.startswith("Unship could not do it.")
    assert error.said


def test_what_is_told_of_helm_has_no_credentials_and_an_end() -> None:
    told = explained("Error: Get https://me:secret@example.com/index.yaml: " + "x" * 5_000)
    assert "secret" not in told
    assert len(told) == 1_000


def test_one_helm_at_a_time_even_if_its_server_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        place = str(tmp_path)
        started, ended = tmp_path / "started", tmp_path / "ended"
        script = f"touch {started}; sleep 0.5; touch {ended}"
        async with turn(place, 5) as lock:
            helm = asyncio.ensure_future(run("helm", ["sh", "-c", script], os.environ, tmp_path, [lock]))
            async with asyncio.timeout(5):
                while True:
                    if await asyncio.to_thread(started.exists):
                        break
                    await asyncio.sleep(0.005)
        # The server's own hold of the lock is gone; its helm has it still.
        with pytest.raises(ProviderTimedOut, match="An earlier helm is still at work"):
            async with turn(place, 0.05):
                pass
        async with turn(place, 5):
            assert await asyncio.to_thread(ended.exists)
        await helm
        async with turn(place, 0), turn(f"{place}/other", 0):
            pass

    asyncio.run(story())


def test_helm_gets_the_credentials_of_the_kubeconfig_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    (tmp_path / "plugin").write_text(PLUGIN)
    (tmp_path / "plugin").chmod(0o700)

    async def story() -> None:
        access = await asyncio.to_thread(read_access, tmp_path / "config", None)
        text = kubeconfig_of(access, await obtain(access), "prod")
        assert "plugin-token" in text
        assert "exec" not in text
        async with private_home() as home:
            written = await home.write("sub/kubeconfig", text)
            assert written.stat().st_mode & 0o777 == 0o600
            assert written.parent.stat().st_mode & 0o777 == 0o700
            assert home.directory.stat().st_mode & 0o777 == 0o700
            again = await asyncio.to_thread(read_access, written, None)
            assert (again.user.token, again.cluster.tls_server_name) == ("plugin-token", "n")
            assert again.cluster.certificate_authority == str(tmp_path / "ca.pem")
        assert not await asyncio.to_thread(home.directory.exists)

    asyncio.run(story())


def revision(number: int, status: Status, description: str = "", **labels: str | None) -> Revision:
    content: dict[str, Any] = {"info": {"description": description}, "config": {"password": "marker"}}
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(content).encode()))).decode()
    return Revision(
        number, status, f"v{number}", f"uid-{number}", labels.get("step"), labels.get("failed"), packed
    )


def test_which_revision_was_really_deployed() -> None:
    up, old, failed = Status.DEPLOYED, Status.SUPERSEDED, Status.FAILED
    assert Releases().base is None

    def base(*revisions: Revision) -> int | None:
        found = Releases(revisions).base
        return found.number if found else None

    assert base(revision(1, up)) == 1
    assert base(revision(1, up), revision(2, failed), revision(3, Status.PENDING_UPGRADE)) == 1
    assert base(revision(1, old), revision(2, up, failed="2")) == 1
    # A label that a later revision inherited says nothing of it.
    assert base(revision(1, old), revision(2, old, failed="2"), revision(3, up, failed="2")) == 3
    assert base(revision(1, old), revision(2, Status.UNINSTALLED)) is None
    assert base(revision(1, Status.PENDING_INSTALL)) is None


def test_a_revision_is_recognised_by_the_number_it_was_to_get() -> None:
    mine = revision(2, Status.SUPERSEDED, step="abc.2")
    inherited = revision(3, Status.DEPLOYED, step="abc.2")
    releases = Releases((mine, inherited))
    assert releases.of_step("abc") is mine
    assert (mine.by_unship, inherited.by_unship) == (True, False)


def test_where_the_content_of_a_revision_comes_from() -> None:
    first = revision(1, Status.SUPERSEDED)
    back, again = (revision(n, Status.SUPERSEDED, f"Rollback to {to}") for n, to in ((3, 1), (5, 3)))
    assert Releases((first, back, again)).origin(again) == 1
    assert Releases((back, again)).origin(again) == 1
    loop = revision(7, Status.DEPLOYED, "Rollback to 7")
    assert Releases((loop,)).origin(loop) == 7


def test_a_record_that_cannot_be_read_is_refused_and_shows_no_values() -> None:
    broken = Revision(1, Status.DEPLOYED, "sh.helm.release.v1.web.v1", "uid", None, None, "bm90IGd6aXA=")
    with pytest.raises(ProviderRefused, match=r"Secret/sh\.helm\.release\.v1\.web\.v1 cannot be read"):
        assert broken.manifest
    assert "marker" not in repr(revision(1, Status.DEPLOYED))


@pytest.mark.parametrize(
    "options",
    [{"chartName": "--set"}, {"chartVersion": "--devel"}, {"valuesPaths": ["/etc/passwd"]}, {"chartname": "x"}],
)
def test_options_that_helm_could_take_for_something_else(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChartOptions.model_validate(options)


def test_a_release_name_is_one_that_helm_accepts() -> None:
    for name in ("-web", "Web", "w" * 54, "web_1"):
        with pytest.raises(ValidationError):
            HelmTarget(connector_ref="c", namespace="n", release_name=name)


@pytest.mark.parametrize(
    ("current", "target", "shown"),
    [
        ({"image": {"tag": "v2"}}, {"image": {"tag": "v1"}}, {"image.tag": ("v2", "v1")}),
        ({"replicas": 3, "debug": True}, {"replicas": 2}, {"replicas": ("3", "2"), "debug": ("true", None)}),
        ({"hosts": ["a", "b"]}, {"hosts": ["a"]}, {"hosts": ('["a","b"]', '["a"]')}),
        ({"image": {"digest": "sha256:" + "0a" * 32}}, {}, {"image.digest": ("sha256:" + "0a" * 32, None)}),
        ({"database": {"password": "new"}}, {"database": {"password": "old"}}, {"database.password": HIDDEN}),
        ({"apiKeys": {"a": 1}}, {}, {"apiKeys.a": ("(hidden)", None)}),
        ({"env": [{"name": "DB_PWD", "value": "x"}]}, {"env": [{"name": "DB_PWD", "value": "y"}]}, ENV),
        ({"env": [{"name": "DB_PWD", "value": "x"}]}, {}, {"env[DB_PWD]": ("(hidden)", None)}),
        ({"extra": [{"token": "x"}, {}]}, {"extra": "none"}, {"extra": HIDDEN}),
        ({"url": "postgres://shop:hunter2@db/shop"}, {"url": "postgres://db/shop"}, {"url": HIDDEN}),
        ({"value": "plain"}, {"value": "AKIAIOSFODNN7EXAMPLE"}, {"value": HIDDEN}),
        ({"value": "5f0e5d3c-8f1c-4b7e-9d1a-3f2b1c0d9e8f"}, {}, {"value": ("(hidden)", None)}),
        ({"note": "first\nsecond"}, {"note": "short"}, {"note": HIDDEN}),
        ({"same": 1, "empty": {}}, {"same": 1}, {}),
    ],
)
def test_values_are_shown_by_key_and_nothing_that_may_be_a_secret(
    current: Tree, target: Tree, shown: dict[str, tuple[str | None, str | None]]
) -> None:
    assert {path: (now, then) for path, now, then in value_changes(current, target)} == shown


def test_of_very_many_values_the_number_is_told() -> None:
    many: Tree = {f"n{number:03}": number for number in range(MOST + 7)}
    found = list(value_changes(many, {}))
    assert len(found) == MOST + 1
    assert found[-1][0] == "(7 more keys)"
