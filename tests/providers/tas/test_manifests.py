"""What a manifest says, and what is refused with a reason."""

from __future__ import annotations

import pytest

from providers.errors import ProviderRefused
from providers.tas.manifest import read_manifest
from providers.tas.routing import address
from providers.values import Manifest, Release


def release(*manifests: tuple[str, str]) -> Release:
    found = (
        Manifest(identifier=f"m{number}", type=kind, content=content)
        for number, (kind, content) in enumerate(manifests)
    )
    return Release(service="mailer", manifests=tuple(found))


def app(text: str) -> Release:
    return release(("TasManifest", f"applications: [{{name: mailer, docker: {{image: a/b:1}}, {text}}}]"))


def test_a_whole_manifest_is_read() -> None:
    wanted = read_manifest(
        app(
            "memory: 1G, disk_quota: 512MB, instances: 3, env: {A: 1, B: yes, C: text}, "
            "health-check-type: http, health-check-http-endpoint: /up, timeout: 60, "
            "processes: [{type: worker, instances: 2, memory: 64M, health-check-type: process}], "
            "routes: [{route: a.example.com, protocol: http2}]"
        )
    ).app
    assert (wanted.web.memory, wanted.web.disk_quota, wanted.web.instances) == (1024, 512, 3)
    assert wanted.env == {"A": "1", "B": "true", "C": "text"}
    check = wanted.web.health_check
    assert check is not None
    assert (check.type, check.data) == ("http", {"timeout": 60, "endpoint": "/up"})
    worker = wanted.all_processes[1]
    assert (worker.type, worker.instances, worker.memory) == ("worker", 2, 64)


def test_what_is_said_of_web_among_the_processes_counts_more() -> None:
    wanted = read_manifest(app("instances: 1, processes: [{type: web, instances: 5, command: run}]")).app
    assert (wanted.web.instances, wanted.web.command) == (5, "run")
    assert wanted.sized(7).web.instances == 7


def test_nothing_said_of_health_leaves_it_as_it_is() -> None:
    assert read_manifest(app("instances: 1")).app.web.health_check is None


def test_variables_are_filled_in_from_all_files() -> None:
    found = read_manifest(
        release(
            ("TasManifest", "applications: [{name: ((n)), instances: ((count)), docker: {image: 'a/((n)):1'}}]"),
            ("TasVars", "n: mailer\ncount: 1"),
            ("TasVars", "count: 4\nCF_DOCKER_PASSWORD: marker-6601"),
        )
    )
    assert (found.app.name, found.app.instances, found.app.docker.image) == ("mailer", 4, "a/mailer:1")
    assert found.docker_password == "marker-6601"
    assert "marker-6601" not in repr(found)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("path: ./app", 'the key "path" .* container images'),
        ("random-route: true", 'the key "random-route" .* list it under routes'),
        ("services: [db]", 'the key "services" .* .bind services'),
        ("memory: lots", "memory: .* 256M or 1G"),
        ("instances: -1", "instances"),
        ("helth-check-type: http", 'the key "helth-check-type" .* is not supported'),
        ("no-route: true, routes: [{route: a.b}]", "exclude each other"),
        ("processes: [{type: web}, {type: web}]", "twice"),
        ("env: {A: ((missing))}", r"\(\(missing\)\)"),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, told: str) -> None:
    with pytest.raises(ProviderRefused, match=told):
        read_manifest(app(text))


@pytest.mark.parametrize(
    ("manifests", "told"),
    [
        ((), "has 0 manifests of type TasManifest"),
        ((("TasManifest", "a: 1"), ("TasManifest", "a: 1")), "has 2 manifests"),
        ((("K8sManifest", "a: 1"),), "of type K8sManifest"),
        (
            (("TasManifest", "applications: []"),),
            "one app",
        ),
        ((("TasManifest", "applications: [{name: a}]"),), "docker"),
        ((("TasManifest", "- a"),), "cannot be used"),
        ((("TasManifest", "a: [1"),), "not valid YAML"),
        ((("TasManifest", "x: &a [1]\ny: *a\nz: {k: 1, k: 2}"),), 'the key "k" twice'),
    ],
)
def test_manifests_that_are_none_are_refused(manifests: tuple[tuple[str, str], ...], told: str) -> None:
    with pytest.raises(ProviderRefused, match=told):
        read_manifest(release(*manifests))


@pytest.mark.parametrize(
    ("url", "domain", "host", "path"),
    [
        ("mailer.apps.example.com", "apps.example.com", "mailer", ""),
        ("https://mailer.apps.example.com/v1/", "apps.example.com", "mailer", "/v1"),
        ("a.b.example.com", "example.com", "a.b", ""),
        ("example.com", "example.com", "", ""),
    ],
)
def test_a_route_is_taken_apart_at_its_domain(url: str, domain: str, host: str, path: str) -> None:
    found = address(url)
    assert domain in found.domains
    assert (found.host_in(domain), found.path) == (host, path)


@pytest.mark.parametrize("url", ["", "tcp.example.com:1024", "*.example.com", "https://"])
def test_a_route_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ProviderRefused):
        address(url)
