"""A directory that a manifest names is packed into the database, once for each content."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col

from db.tables import Package, Service
from pipelines.configuration import Applied, apply_configuration
from pipelines.documents import Vocabulary
from pipelines.packing import UnfitDirectory, pack
from pipelines.problems import Problem, ProblemCode
from pipelines.runtime import Runtime
from providers.connectors import Connector, Connectors
from providers.registry import Registry
from tests.support.runtimes import open_runtime

REGISTRY = Registry(Connectors())
CONNECTORS = Connectors({"charts": Connector("charts", "HttpHelmRepo", {}, Path())})
SERVICE = """
service:
  identifier: {identifier}
  name: Catalog
  serviceDefinition:
    type: NativeHelm
    spec:
      manifests:
        - manifest:
            identifier: chart
            type: HelmChart
            spec:
              {options}
              store: {store}
"""
LOCAL = "{type: Local, spec: {path: ./charts/catalog}}"


def service(store: str = LOCAL, options: str = "valuesPaths: [values.yaml]", identifier: str = "catalog") -> str:
    return SERVICE.format(store=store, options=options, identifier=identifier)


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart directory beside the configuration."""
    chart = tmp_path / "charts" / "catalog"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("name: catalog\n")
    (chart / "templates" / "all.yaml").write_text("kind: {{ .Values.kind }} # <+not.an.expression\n")
    return chart


async def problems(runtime: Runtime, text: str, directory: Path | None) -> tuple[Problem, ...]:
    result = await apply_configuration(runtime, text, directory)
    assert not isinstance(result, Applied)
    return result


def refused(tmp_path: Path, text: str, directory: Path | None) -> tuple[Problem, ...]:
    async def scenario() -> tuple[Problem, ...]:
        async with open_runtime(f"sqlite:///{tmp_path}/db", connectors=CONNECTORS) as runtime:
            found = await problems(runtime, text, directory)
            assert await _packages(runtime) == {}
            return found

    return asyncio.run(scenario())


async def _packages(runtime: Runtime) -> dict[str, bytes]:
    async with runtime.database.read() as connection:
        rows = await connection.execute(sa.select(col(Package.digest), col(Package.content)))
        return dict(rows.all())


def test_a_directory_is_stored_once_for_each_content(database_url: str, chart: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS) as runtime:
            both = f"{service()}\n---\n{service(identifier='second')}"
            assert isinstance(await apply_configuration(runtime, both, tmp_path), Applied)
            ((digest, content),) = (await _packages(runtime)).items()
            assert sha256(content).hexdigest() == digest
            async with runtime.database.read() as connection:
                definition: Any = await connection.scalar(
                    sa.select(col(Service.definition)).where(col(Service.identifier) == "catalog")
                )
            assert definition is not None
            spec: Any = definition["serviceDefinition"]["spec"]["manifests"][0]["manifest"]["spec"]
            assert spec == {
                "store": {"type": "Package", "spec": {"path": "./charts/catalog", "digest": digest}},
                "valuesPaths": ["values.yaml"],
            }
            again = await apply_configuration(runtime, both, tmp_path)
            assert isinstance(again, Applied)
            assert again.changed == frozenset()
            (chart / "Chart.yaml").write_text("name: other\n")
            changed = await apply_configuration(runtime, both, tmp_path)
            assert isinstance(changed, Applied)
            assert len(changed.changed) == 2
            # Executions that ran before still refer to the first.
            assert len(await _packages(runtime)) == 2

    asyncio.run(scenario())


def test_a_directory_over_the_api_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, service(), None)
    assert "python -m server apply FILE" in problem.message
    assert "Http, OciHelmChart" in problem.message
    assert (problem.line, problem.path[-1]) == (14, "type")


@pytest.mark.parametrize(
    ("remove", "said"),
    [("Chart.yaml", "it has no file Chart.yaml"), ("", "it is not a directory")],
)
def test_a_directory_that_is_none_of_its_kind(chart: Path, tmp_path: Path, remove: str, said: str) -> None:
    if remove:
        (chart / remove).unlink()
    else:
        chart.rename(tmp_path / "elsewhere")
    (problem,) = refused(tmp_path, service(), tmp_path)
    assert said in problem.message
    assert (problem.line, problem.path[-1]) == (14, "path")


def test_a_directory_that_a_link_leads_to_elsewhere(chart: Path, tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    (conf / "charts").mkdir(parents=True)
    (conf / "charts" / "catalog").symlink_to(chart)
    (problem,) = refused(tmp_path, service(), conf)
    assert "leads out of the directory of the configuration" in problem.message


@pytest.mark.parametrize(
    ("store", "options", "code", "said"),
    [
        (
            LOCAL,
            "valuePaths: []",
            ProblemCode.UNKNOWN_KEY,
            'unknown key "valuePaths"; did you mean "valuesPaths"?',
        ),
        (LOCAL, "chartName: --set", ProblemCode.INVALID_VALUE, "does not match"),
        (
            "{type: Inline, spec: {content: x}}",
            "{}",
            ProblemCode.INVALID_VALUE,
            'the store "Inline" is not supported',
        ),
        ("{type: Package, spec: {digest: x}}", "{}", ProblemCode.INVALID_VALUE, 'the store "Package" is not'),
        ("{type: http, spec: {}}", "{}", ProblemCode.INVALID_VALUE, 'did you mean "Http"?'),
        ("{type: Http, spec: {repoUrl: http://x}}", "{}", ProblemCode.UNKNOWN_KEY, 'unknown key "repoUrl"'),
        (
            "{type: Http, spec: {connectorRef: chart}}",
            "chartName: catalog",
            ProblemCode.UNKNOWN_REFERENCE,
            'there is no connector "chart"; did you mean "charts"?',
        ),
    ],
)
def test_what_stands_beside_and_inside_the_store(
    store: str, options: str, code: ProblemCode, said: str, tmp_path: Path
) -> None:
    text = service(store, options)
    if options == "{}":
        text = text.replace("              {}\n", "")
    found = refused(tmp_path, text, tmp_path)
    assert any(problem.code is code and said in problem.message for problem in found), found


def test_expressions_beside_a_store_wait_for_the_run(tmp_path: Path, chart: Path, database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS) as runtime:
            text = service("{type: Http, spec: {connectorRef: charts}}", "chartName: <+service.identifier>")
            assert isinstance(await apply_configuration(runtime, text, tmp_path), Applied)

    asyncio.run(scenario())


def test_the_same_content_gives_the_same_bytes(chart: Path) -> None:
    first = pack(chart)
    os.utime(chart / "Chart.yaml", (1, 1))
    (chart / "Chart.yaml").chmod(0o600)
    (chart / ".git").mkdir()
    (chart / ".git" / "config").write_text("secret")
    assert pack(chart) == first
    with tarfile.open(fileobj=io.BytesIO(first), mode="r:gz") as tar:
        members = {member.name: (member.mode, member.mtime, member.uid) for member in tar}
    assert members == dict.fromkeys(("catalog/Chart.yaml", "catalog/templates/all.yaml"), (0o644, 0, 0))


def test_links_are_followed_inside_and_refused_outside(chart: Path, tmp_path: Path) -> None:
    (chart / "link.yaml").symlink_to("Chart.yaml")
    with tarfile.open(fileobj=io.BytesIO(pack(chart)), mode="r:gz") as tar:
        member = tar.getmember("catalog/link.yaml")
        assert member.isreg()
    (tmp_path / "secret").write_text("secret")
    (chart / "out").symlink_to(tmp_path / "secret")
    with pytest.raises(UnfitDirectory, match="the link out leads out of it"):
        pack(chart)
    (chart / "out").unlink()
    (chart / "out").symlink_to(tmp_path)
    with pytest.raises(UnfitDirectory, match="the link out leads out of it"):
        pack(chart)


def test_what_cannot_be_packed(chart: Path) -> None:
    (chart / "large").write_bytes(os.urandom(1024 * 1024 + 1))
    with pytest.raises(UnfitDirectory, match="1048576 is the most"):
        pack(chart)
    (chart / "large").write_bytes(b"\0" * (17 * 1024 * 1024))
    with pytest.raises(UnfitDirectory, match="split it"):
        pack(chart)
    (chart / "large").unlink()
    os.mkfifo(chart / "pipe")
    with pytest.raises(UnfitDirectory, match="pipe is neither a file"):
        pack(chart)


def test_every_platform_says_what_its_manifests_take() -> None:
    vocabulary = Vocabulary.of(REGISTRY)
    for provider in REGISTRY:
        for name, declared in provider.manifest_types.items():
            assert vocabulary.manifest_type(provider.yaml_type, name) is declared
            assert declared.options.model_config.get("extra") == "forbid"
