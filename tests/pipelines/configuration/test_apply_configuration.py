"""Configuration is applied as a whole or not at all, and a second time changes nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from db.database import Database
from db.statuses import ExecutionKind
from db.tables import (
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    Execution,
    Infrastructure,
    Pipeline,
    Service,
    Stage,
)
from pipelines.configuration import Applied, apply_configuration
from pipelines.documents.service import Service as ServiceDocument
from pipelines.problems import Problem, ProblemCode
from pipelines.runtime import Rules, Runtime
from providers.connectors import Connector, Connectors
from providers.values import DeploymentType
from tests.support.runtimes import open_runtime

EXAMPLES = Path(__file__).parents[3] / "examples"
KUBERNETES = (EXAMPLES / "kubernetes.yaml").read_text()
TABLES: tuple[type[SQLModel], ...] = (
    Service,
    Environment,
    EnvironmentGroup,
    EnvironmentGroupMember,
    Infrastructure,
    Pipeline,
)
CONNECTORS = Connectors(
    {name: Connector(name, kind, {}, Path()) for name, kind in (("cluster", "Kubernetes"), ("cloud", "Cloud"))}
)
SCRIPTS = Rules(allow_scripts=True)


async def applied(runtime: Runtime, text: str, directory: Path | None = None) -> Applied:
    result = await apply_configuration(runtime, text, directory)
    assert isinstance(result, Applied), "\n".join(map(str, result))
    return result


async def refused(runtime: Runtime, text: str, directory: Path | None = None) -> tuple[Problem, ...]:
    result = await apply_configuration(runtime, text, directory)
    assert not isinstance(result, Applied)
    return result


async def everything(runtime: Runtime) -> str:
    """All rows of all configuration tables, timestamps included."""
    found: dict[str, list[str]] = {}
    async with runtime.database.read() as connection:
        for table in TABLES:
            rows = await connection.execute(sa.select(table))
            found[table.__name__] = sorted(str(tuple(row)) for row in rows)
    return json.dumps(found, indent=1)


def service(identifier: str = "web", kind: str = "Kubernetes", extra: str = "") -> str:
    return (
        f"service: {{identifier: {identifier}, name: {identifier}, serviceDefinition: {{type: {kind}}}{extra}}}\n"
    )


def infrastructure(kind: str = "Kubernetes", connector: str = "cluster") -> str:
    return f"""infrastructureDefinition:
  identifier: prod-cluster
  name: Production
  environmentRef: prod
  deploymentType: {kind}
  type: KubernetesDirect
  spec: {{connectorRef: {connector}, namespace: prod, releaseName: web}}
"""


ENVIRONMENT = "environment: {identifier: prod, name: Production, type: Production}\n"


def test_the_example_applies_in_document_order_and_a_second_time_changes_nothing(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            first = await applied(runtime, KUBERNETES)
            assert [name for name, _ in first.nodes] == [
                "Service",
                "Environment",
                "Environment",
                "EnvironmentGroup",
                "Infrastructure",
                "Infrastructure",
                "Pipeline",
            ]
            assert first.changed == {row_id for _, row_id in first.nodes}
            before = await everything(runtime)
            second = await applied(runtime, KUBERNETES)
            assert second.nodes == first.nodes
            assert second.changed == frozenset()
            assert await everything(runtime) == before

    asyncio.run(scenario())


def test_what_is_stored_can_be_read_back(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            await applied(runtime, KUBERNETES)
            async with runtime.database.read() as connection:
                stored = (await connection.execute(sa.select(Service))).one()
                place = (
                    await connection.execute(
                        sa.select(Infrastructure).where(col(Infrastructure.identifier) == "prod-cluster")
                    )
                ).one()
                pipeline = (await connection.execute(sa.select(Pipeline))).one()
            document = ServiceDocument.model_validate(stored.definition)
            assert document.deployment_type == "Kubernetes"
            assert document.primary_source is not None
            assert document.primary_source.spec["tag"] == "<+pipeline.variables.tag>"
            assert stored.deployment_type is DeploymentType.KUBERNETES
            assert (stored.name, stored.tags) == ("Web shop", {"team": "storefront"})
            assert place.spec["releaseName"] == "release-<+INFRA_KEY_SHORT_ID>"
            assert KUBERNETES.endswith(pipeline.yaml)
            assert pipeline.yaml.startswith("pipeline:\n  identifier: web\n")

    asyncio.run(scenario())


def test_only_what_is_different_is_updated(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            first = await applied(runtime, KUBERNETES)
            edited = KUBERNETES.replace("name: Web shop\n", "name: Web store\n").replace(
                "envIdentifiers: [staging, prod]", "envIdentifiers: [prod]"
            )
            second = await applied(runtime, edited)
            ids = dict(first.nodes)
            assert second.nodes == first.nodes
            assert second.changed == {ids["Service"], ids["EnvironmentGroup"]}
            async with runtime.database.read() as connection:
                stored = (await connection.execute(sa.select(Service))).one()
                members = (await connection.execute(sa.select(EnvironmentGroupMember))).all()
            assert stored.name == "Web store"
            assert stored.updated_at > stored.created_at
            assert len(members) == 1

    asyncio.run(scenario())


def test_what_a_later_input_leaves_out_stays(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            await applied(runtime, KUBERNETES)
            await applied(runtime, service("other"))
            # References to what earlier inputs declared are good.
            pipeline = KUBERNETES[KUBERNETES.index("pipeline:\n") :].replace(
                "identifier: web\n", "identifier: again\n"
            )
            again = await applied(runtime, pipeline)
            assert [name for name, _ in again.nodes] == ["Pipeline"]
            async with runtime.database.read() as connection:
                services = (await connection.scalars(sa.select(col(Service.identifier)))).all()
                pipelines = (await connection.scalars(sa.select(col(Pipeline.identifier)))).all()
            assert sorted(services) == ["other", "web"]
            assert sorted(pipelines) == ["again", "web"]

    asyncio.run(scenario())


BROKEN = {
    "yaml": (KUBERNETES + "\n---\nservice: {identifier: 'x\n", ProblemCode.YAML_SYNTAX, 8, None),
    "unknown key": (
        KUBERNETES.replace("environmentRef: prod\n", "environmentReff: prod\n"),
        ProblemCode.UNKNOWN_KEY,
        6,
        None,
    ),
    "bad name": (
        KUBERNETES.replace(
            "serviceRef: web}\n          environment: {environmentRef: prod",
            "serviceRef: wob}\n          environment: {environmentRef: prod",
        ),
        ProblemCode.UNKNOWN_REFERENCE,
        7,
        ("pipeline", "stages", 1, "stage", "spec", "service", "serviceRef"),
    ),
    "platform's spec": (
        KUBERNETES.replace("namespace: prod,", "nomspace: prod,"),
        ProblemCode.UNKNOWN_KEY,
        6,
        None,
    ),
    "unknown connector": (
        KUBERNETES.replace("connectorRef: cluster, namespace: prod", "connectorRef: clutter, namespace: prod"),
        ProblemCode.UNKNOWN_REFERENCE,
        6,
        ("infrastructureDefinition", "spec", "connectorRef"),
    ),
    "another platform's connector": (
        KUBERNETES.replace("connectorRef: cluster, namespace: prod", "connectorRef: cloud, namespace: prod"),
        ProblemCode.MISMATCHED_REFERENCE,
        6,
        ("infrastructureDefinition", "spec", "connectorRef"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_one_mistake_anywhere_and_nothing_is_applied(case: str, tmp_path: Path) -> None:
    text, code, document, path = BROKEN[case]

    async def scenario() -> None:
        async with open_runtime(f"sqlite:///{tmp_path}/db", connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            before = await everything(runtime)
            problems = await refused(runtime, text)
            assert await everything(runtime) == before
            assert code in {problem.code for problem in problems}
            found = next(problem for problem in problems if problem.code is code)
            assert found.document == document
            assert found.line > 1
            assert found.column >= 1
            assert path is None or found.path == path
            assert f"document {document}, line {found.line}, column {found.column}" in str(found)
            if path is not None:
                assert str(path[-1]) in text.splitlines()[found.line - 1][found.column - 1 :]

    asyncio.run(scenario())


def test_scripts_are_refused_where_the_operator_did_not_allow_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_runtime(f"sqlite:///{tmp_path}/db", connectors=CONNECTORS) as runtime:
            problems = await refused(runtime, KUBERNETES)
            assert [problem.code for problem in problems] == [ProblemCode.SCRIPTS_DISABLED]

    asyncio.run(scenario())


def test_the_deployment_type_is_fixed_once_there_are_executions(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS) as runtime:
            nodes = dict((await applied(runtime, f"{service()}---\n{ENVIRONMENT}---\n{infrastructure()}")).nodes)
            await applied(runtime, service(kind="Lambda"))
            await applied(runtime, service())
            async with runtime.database.write() as session:
                pipeline = Pipeline(identifier="p", name="p", yaml="")
                execution = Execution(
                    kind=ExecutionKind.DEPLOYMENT,
                    sequence_id=1,
                    pipeline_id=pipeline.id,
                    triggered_by="t",
                    yaml="",
                    plan={},
                )
                stage = Stage(
                    execution_id=execution.id,
                    ordinal=0,
                    position=0,
                    identifier="s",
                    name="s",
                    service_id=nodes["Service"],
                    infrastructure_id=nodes["Infrastructure"],
                )
                for row in (pipeline, execution, stage):
                    session.add(row)
                    await session.flush()
            before = await everything(runtime)
            changed = "---\n".join([service("new"), service(kind="Lambda"), infrastructure(kind="Lambda")])
            problems = await refused(runtime, changed)
            assert [(problem.code, problem.document, problem.path[-1]) for problem in problems] == [
                (ProblemCode.MISMATCHED_REFERENCE, 2, "type"),
                (ProblemCode.MISMATCHED_REFERENCE, 3, "deploymentType"),
            ]
            assert 'the service "web" has executions of type KUBERNETES' in problems[0].message
            assert await everything(runtime) == before
            # Everything else about it may change.
            await applied(runtime, service(extra=", description: The shop"))

    asyncio.run(scenario())


def test_a_type_without_a_provider_is_stored_and_shown(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS) as runtime:
            await applied(runtime, "---\n".join([service("a", "Lambda"), service("b", "NativeHelm")]))
            async with runtime.database.read() as connection:
                rows = await connection.execute(
                    sa.select(col(Service.identifier), col(Service.deployment_type)).order_by(
                        col(Service.identifier)
                    )
                )
                found = [tuple(row) for row in rows]
            assert found == [("a", DeploymentType.CUSTOM), ("b", DeploymentType.NATIVE_HELM)]

    asyncio.run(scenario())


def test_many_at_once_leave_one_of_each(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            results = await asyncio.gather(*(applied(runtime, KUBERNETES) for _ in range(5)))
            assert len({result.nodes for result in results}) == 1
            assert sum(len(result.changed) for result in results) == 7

    asyncio.run(scenario())


class Meddling(Database):
    """A database in which, once, somebody else writes just before we do."""

    meddle = True

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        if self.meddle:
            self.meddle = False
            async with super().write() as session:
                row = (await session.scalars(sa.select(Service))).one()
                row.definition = {**row.definition, "serviceDefinition": {"type": "Lambda"}}
        async with super().write() as session:
            yield session


def test_what_was_checked_still_holds_when_it_is_written(database_url: str) -> None:
    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS, rules=SCRIPTS) as runtime:
            await applied(runtime, KUBERNETES)
            meddling = Meddling(database_url)
            pipeline = KUBERNETES[KUBERNETES.index("pipeline:\n") :].replace("web\n", "again\n", 1)
            problems = await refused(replace(runtime, database=meddling), pipeline)
            await meddling.close()
            assert {problem.code for problem in problems} == {ProblemCode.MISMATCHED_REFERENCE}
            assert 'the service "web" is of type Lambda' in problems[0].message

    asyncio.run(scenario())


LOCAL = """service:
  identifier: web
  name: Web
  serviceDefinition:
    type: Kubernetes
    spec:
      manifests:
        - manifest:
            identifier: web
            type: K8sManifest
            spec: {store: {type: Local, spec: {path: manifests/web.yaml}}}
"""


def test_a_local_manifest_is_taken_in(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "web.yaml").write_text("kind: ConfigMap # <+artifact.tag> äöü\n")

    async def scenario() -> None:
        async with open_runtime(database_url, connectors=CONNECTORS) as runtime:
            await applied(runtime, LOCAL, tmp_path)
            async with runtime.database.read() as connection:
                definition = await connection.scalar(sa.select(col(Service.definition)))
            document = ServiceDocument.model_validate(definition)
            assert document.manifests[0].spec.store.content == "kind: ConfigMap # <+artifact.tag> äöü\n"
            assert (await applied(runtime, LOCAL, tmp_path)).changed == frozenset()
            (tmp_path / "manifests" / "web.yaml").write_text("kind: Secret\n")
            assert len((await applied(runtime, LOCAL, tmp_path)).changed) == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "it is not a file"),
        (b"\xff\xfe", "cannot be read"),
        (b"x" * (1024 * 1024 + 1), "longer than"),
        (b"a: <+artifact.tag", "never closed"),
    ],
)
def test_a_local_manifest_that_cannot_be_used(content: bytes | None, said: str, tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    if content is not None:
        (tmp_path / "manifests" / "web.yaml").write_bytes(content)
    (problem,) = asyncio.run(_refused_local(tmp_path, tmp_path))
    assert said in problem.message
    assert problem.line == 11
    assert problem.path[-1] == "path"


def test_a_local_manifest_does_not_lead_out_of_its_directory(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("password: x\n")
    directory = tmp_path / "conf"
    (directory / "manifests").mkdir(parents=True)
    (directory / "manifests" / "web.yaml").symlink_to(tmp_path / "secret.yaml")
    (problem,) = asyncio.run(_refused_local(tmp_path, directory))
    assert "leads out" in problem.message


def test_a_local_manifest_without_a_file_system_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (problem,) = asyncio.run(_refused_local(tmp_path, None))
    assert "write it inline" in problem.message
    assert (problem.line, problem.path[-1]) == (11, "type")


async def _refused_local(tmp_path: Path, directory: Path | None) -> tuple[Problem, ...]:
    async with open_runtime(f"sqlite:///{tmp_path}/db", connectors=CONNECTORS) as runtime:
        return await refused(runtime, LOCAL, directory)
