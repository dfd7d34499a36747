"""Where charts and values come from: a repository, a registry, an archive, files in the chart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.connectors import Connector
from providers.errors import ProviderNotFound, ProviderRefused
from providers.helm.binary import Binaries
from providers.helm.provider import HelmProvider
from providers.values import Manifest, Release
from tests.providers.helm.charts import WEB, archive, chart, values
from tests.providers.helm.platform import NAMESPACE, HelmPlatform
from tests.providers.helm.shelves import PASSWORD, USER, Shelf, serving
from tests.providers.helm.stories import attempt
from tests.providers.stories import OLD, Story, tell


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def address(shelf: Shelf) -> Iterator[str]:
    with serving(shelf) as address:
        yield address


def connect(helm: HelmPlatform, directory: Path, **connectors: dict[str, Any]) -> None:
    """Add connectors of chart repositories to the platform's."""
    (directory / "password").write_text(f"{PASSWORD}\n")
    types = {"repository": "HttpHelmRepo", "registry": "OciHelmRegistry"}
    added = {name: Connector(name, types[name], spec, directory) for name, spec in connectors.items()}
    helm.connect(**added)


def login(directory: Path) -> dict[str, str]:
    (directory / "username").write_text(USER)
    return {"usernameRef": "file:username", "passwordRef": "file:password"}


def fetched(store: str, spec: dict[str, Any], **options: Any) -> Manifest:
    return Manifest(identifier="chart", type="HelmChart", store=store, store_spec=spec, options=options)


async def deploy(helm: HelmPlatform, *manifests: Manifest, token: str = "first") -> None:
    wanted: Release = helm.of_manifests(*manifests, version=OLD)
    await helm.provider.deploy(helm.target, wanted, helm.deploy_steps[0], attempt(token).at_step(0))


def test_a_chart_of_a_repository(helm: HelmPlatform, shelf: Shelf, address: str, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        shelf.put_in_repository("web", "0.1.0", archive())
        shelf.failures = 1
        connect(helm, tmp_path, repository={"url": f"http://{address}/charts", **login(tmp_path)})
        manifest = fetched("Http", {"connectorRef": "repository"}, chartName="web", chartVersion="0.1.0")
        await deploy(helm, manifest, values(f"tag: {OLD}\n"))
        assert set(helm.running()) == {OLD}
        assert ("/charts/web-0.1.0.tgz", 200) in shelf.asked

    tell(helm, story)


@pytest.mark.parametrize("base_path", [None, "shop"])
def test_a_chart_of_a_registry(
    helm: HelmPlatform, shelf: Shelf, address: str, tmp_path: Path, base_path: str | None
) -> None:
    async def story(story: Story) -> None:
        path = f"charts/{base_path}/web" if base_path else "charts/web"
        shelf.put_in_registry(path, "0.1.0", archive())
        connect(helm, tmp_path, registry={"url": f"http://{address}/charts", **login(tmp_path)})
        store = {"connectorRef": "registry"} | ({"basePath": base_path} if base_path else {})
        manifest = fetched("OciHelmChart", store, chartName="web", chartVersion="0.1.0")
        await deploy(helm, manifest, values(f"tag: {OLD}\n"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_credentials_that_a_repository_does_not_accept(
    helm: HelmPlatform, shelf: Shelf, address: str, tmp_path: Path
) -> None:
    async def story(story: Story) -> None:
        shelf.put_in_repository("web", "0.1.0", archive())
        connect(helm, tmp_path, repository={"url": f"http://{address}/charts"})
        manifest = fetched("Http", {"connectorRef": "repository"}, chartName="web")
        with pytest.raises(ProviderRefused, match="credentials"):
            await deploy(helm, manifest)
        assert helm.world.list("Secret", NAMESPACE) == []

    tell(helm, story)


def test_a_chart_that_is_not_there(helm: HelmPlatform, shelf: Shelf, address: str, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        shelf.private = False
        shelf.put_in_repository("web", "0.1.0", archive())
        connect(helm, tmp_path, repository={"url": f"http://{address}/charts"})
        manifest = fetched("Http", {"connectorRef": "repository"}, chartName="web", chartVersion="9.9.9")
        with pytest.raises((ProviderNotFound, ProviderRefused), match=r"9\.9\.9|not found"):
            await deploy(helm, manifest)
        with pytest.raises(ProviderRefused, match="no connector"):
            await deploy(helm, fetched("Http", {"connectorRef": "other"}, chartName="web"))

    tell(helm, story)


def test_values_override_one_another_in_their_order(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        packed = archive({**WEB, "env/prod.yaml": "tag: inside\nreplicas: 3\n"})
        manifest = chart(packed, valuesPaths=["env/prod.yaml"])
        await deploy(helm, manifest)
        assert helm.running() == ["inside"] * 3
        await deploy(helm, manifest, values("tag: one\n", "a"), values("tag: two\n", "b"), token="second")
        assert helm.running() == ["two"] * 3
        # Nothing is carried over from the release before.
        await deploy(helm, chart(packed), values("tag: three\n"), token="third")
        assert helm.running() == ["three"] * 2
        with pytest.raises(ProviderRefused, match=r"no file env/none\.yaml"):
            await deploy(helm, chart(packed, valuesPaths=["env/none.yaml"]), token="fourth")

    tell(helm, story)


def test_charts_that_cannot_be_used(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="exactly one manifest of type HelmChart, and has 0"):
            await deploy(helm, values("a: b\n"))
        with pytest.raises(ProviderRefused, match="holds no chart"):
            await deploy(helm, Manifest(identifier="chart", type="HelmChart"))
        changed = chart(archive()).model_copy(update={"archive": archive({**WEB, "more": "x"})})
        with pytest.raises(ProviderRefused, match="was changed"):
            await deploy(helm, changed)
        broken = archive({**WEB, "templates/all.yaml": "{{ .Values.missing.key }}"})
        with pytest.raises(ProviderRefused, match="nil pointer"):
            await deploy(helm, chart(broken))
        assert helm.world.list("Secret", NAMESPACE) == []

    tell(helm, story)


SPY = """#!/bin/sh
{{ echo "$@"; env; }} >> {log}
exec {helm} "$@"
"""


def test_no_secret_is_in_the_arguments_or_environment_of_helm(
    helm: HelmPlatform, shelf: Shelf, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-marker")
    monkeypatch.setenv("HELM_DRIVER", "memory")
    log, spy = tmp_path / "log", tmp_path / "spy"
    spy.write_text(SPY.format(log=log, helm=helm.binary))
    spy.chmod(0o700)
    spec = {"kubeconfig": "./kubeconfig", "context": "demo", "helm": "./spy"}
    connect(helm, tmp_path, repository={"url": f"http://{address}/charts", **login(tmp_path)})
    helm.connect(cluster=Connector("cluster", "Kubernetes", spec, tmp_path))

    async def story(story: Story) -> None:
        shelf.put_in_repository("web", "0.1.0", archive())
        manifest = fetched("Http", {"connectorRef": "repository"}, chartName="web", chartVersion="0.1.0")
        await deploy(helm, manifest, values(f"tag: {OLD}\npassword: values-marker\n"))
        snapshot = await story.capture(OLD)
        told = log.read_text()
        assert f"upgrade {helm.target.model_dump()['release_name']}" in told
        for marker in (PASSWORD, USER, "values-marker", "aws-marker", "HELM_DRIVER", "sandbox"):
            assert marker not in told.replace(str(tmp_path), ""), marker
        assert "values-marker" not in snapshot.model_dump_json()
        homes = {line for line in told.splitlines() if line.startswith("HOME=")}
        assert len(homes) == 2, "asked for its version in one home, and used in another"
        assert all("/unship-helm-" in home for home in homes)

    tell(helm, story)
    homes = [line.removeprefix("HOME=") for line in log.read_text().splitlines() if line.startswith("HOME=")]
    assert not any(Path(home).exists() for home in homes)


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("v3.12.3", "needs 3.13 or newer"),
        ("v5.0.0", "needs 3.13 or newer"),
        ("hello", "does not say its version"),
    ],
)
def test_a_binary_that_is_no_helm_that_can_be_used(says: str, message: str, tmp_path: Path) -> None:
    fake = tmp_path / "helm"
    fake.write_text(f"#!/bin/sh\necho {says}\n")
    fake.chmod(0o700)

    async def ask() -> None:
        with pytest.raises(ProviderRefused, match=message):
            await Binaries().get(str(fake))

    asyncio.run(ask())


def test_a_connector_without_a_helm(helm: HelmPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = {"kubeconfig": "./kubeconfig", "context": "demo"}
    helm.connect(cluster=Connector("cluster", "Kubernetes", spec, tmp_path))
    assert isinstance(helm.provider, HelmProvider)

    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="no helm where the server runs"):
            await story.deploy(OLD, attempt("first"))

    tell(helm, story)
