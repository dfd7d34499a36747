"""What only the database and the connectors can tell about a configuration. Reads, decides nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlmodel import col

from db.queries.approvals import requiring_approval
from db.statuses import EnvironmentType
from db.tables import Environment, EnvironmentGroup, Infrastructure, Service, Stage
from pipelines.documents import Configuration, KnownReferences
from pipelines.documents.environment import EnvironmentKind
from pipelines.documents.reading import ProblemSink
from pipelines.problems import Path, Problem, ProblemCode, shown
from pipelines.vocabulary import deployment_type_of, word_of
from pipelines.yaml_nodes import Document
from providers.registry import Registry
from providers.values import DeploymentType

Reader = AsyncConnection | AsyncSession
Documents = dict[int, Document]


async def known_references(reader: Reader, registry: Registry) -> KnownReferences:
    """What documents may refer to without declaring it themselves."""
    spelled = col(Service.definition)["serviceDefinition"]["type"].as_string()
    services = await reader.execute(sa.select(col(Service.identifier), spelled))
    environments = await reader.execute(sa.select(col(Environment.identifier)))
    groups = await reader.execute(sa.select(col(EnvironmentGroup.identifier)))
    infrastructures = await reader.execute(
        sa.select(
            col(Environment.identifier), col(Infrastructure.identifier), col(Infrastructure.deployment_type)
        ).join_from(Infrastructure, Environment, col(Environment.id) == col(Infrastructure.environment_id))
    )
    return KnownReferences(
        services=dict(services.all()),
        environments=frozenset(environments.scalars()),
        groups=frozenset(groups.scalars()),
        infrastructures={(place, name): word_of(registry, kind) for place, name, kind in infrastructures},
        connectors=registry.connectors.identifiers(),
    )


def connector_problems(registry: Registry, configuration: Configuration, documents: Documents) -> list[Problem]:
    """Infrastructures whose connector leads to another kind of platform than theirs."""
    problems: list[Problem] = []
    for loaded in configuration.infrastructures:
        provider = registry.find(deployment_type_of(registry, loaded.model.deployment_type))
        reference = loaded.model.spec.get("connectorRef")
        connector = registry.connectors.by_identifier.get(reference) if isinstance(reference, str) else None
        if provider is None or connector is None or connector.type == provider.connector_type:
            continue
        message = (
            f'the connector "{connector.identifier}" is of type {shown(connector.type)}, '
            f"but {loaded.model.deployment_type} needs {provider.connector_type}"
        )
        path: Path = ("infrastructureDefinition", "spec", "connectorRef")
        problems += _problem(documents[loaded.document], message, path)
    return problems


async def type_problems(
    session: AsyncSession, registry: Registry, configuration: Configuration, documents: Documents
) -> list[Problem]:
    """Services and infrastructures that would change their deployment type although executions used them."""
    problems: list[Problem] = []
    services = await _used_services(session, [loaded.model.identifier for loaded in configuration.services])
    for loaded in configuration.services:
        before = services.get(loaded.model.identifier)
        if _differs(registry, before, loaded.model.deployment_type):
            message = _fixed("service", loaded.model.identifier, before, loaded.model.deployment_type)
            problems += _problem(documents[loaded.document], message, ("service", "serviceDefinition", "type"))
    places = await _used_infrastructures(session)
    for loaded in configuration.infrastructures:
        model = loaded.model
        before = places.get((model.environment_ref, model.identifier))
        if _differs(registry, before, model.deployment_type):
            message = _fixed("infrastructure", model.identifier, before, model.deployment_type)
            path: Path = ("infrastructureDefinition", "deploymentType")
            problems += _problem(documents[loaded.document], message, path)
    return problems


async def production_problems(
    session: AsyncSession, configuration: Configuration, documents: Documents
) -> list[Problem]:
    """Production environments that would become others: then no grant would be needed there any more."""
    rows = await session.execute(
        sa.select(col(Environment.identifier)).where(col(Environment.type) == EnvironmentType.PRODUCTION)
    )
    production = {row[0] for row in rows}
    problems: list[Problem] = []
    for loaded in configuration.environments:
        model = loaded.model
        if model.identifier in production and model.type is not EnvironmentKind.PRODUCTION:
            message = (
                f'"{model.identifier}" is a production environment; only `apply` on the server can change that'
            )
            path: Path = ("environment", "type")
            problems += _problem(documents[loaded.document], message, path, ProblemCode.PERMISSION_DENIED)
    return problems


async def approval_problems(
    session: AsyncSession, configuration: Configuration, documents: Documents
) -> list[Problem]:
    """Environments where rollbacks need a second person, and would not any more: one person could do it all."""
    identifiers = [loaded.model.identifier for loaded in configuration.environments]
    rows = await session.execute(
        sa.select(col(Environment.id), col(Environment.identifier)).where(
            col(Environment.identifier).in_(identifiers)
        )
    )
    known = {row[1]: row[0] for row in rows}
    requiring = await requiring_approval(session, list(known.values()))
    problems: list[Problem] = []
    for loaded in configuration.environments:
        model = loaded.model
        if known.get(model.identifier) in requiring and not model.require_rollback_approval:
            message = (
                f'"{model.identifier}" has requireRollbackApproval; only `apply` on the server can take that off'
            )
            problems += _problem(
                documents[loaded.document], message, ("environment",), ProblemCode.PERMISSION_DENIED
            )
    return problems


async def _used_services(session: AsyncSession, identifiers: list[str]) -> dict[str, DeploymentType]:
    used = sa.exists().where(col(Stage.service_id) == col(Service.id))
    rows = await session.execute(
        sa.select(col(Service.identifier), col(Service.deployment_type)).where(
            col(Service.identifier).in_(identifiers), used
        )
    )
    return dict(rows.all())


async def _used_infrastructures(session: AsyncSession) -> dict[tuple[str, str], DeploymentType]:
    used = sa.exists().where(col(Stage.infrastructure_id) == col(Infrastructure.id))
    rows = await session.execute(
        sa.select(col(Environment.identifier), col(Infrastructure.identifier), col(Infrastructure.deployment_type))
        .join_from(Infrastructure, Environment, col(Environment.id) == col(Infrastructure.environment_id))
        .where(used)
    )
    return {(environment, identifier): kind for environment, identifier, kind in rows}


def _differs(registry: Registry, before: DeploymentType | None, word: str) -> bool:
    return before is not None and before is not deployment_type_of(registry, word)


def _fixed(kind: str, identifier: str, before: DeploymentType | None, wanted: str) -> str:
    return (
        f'the {kind} "{identifier}" has executions of type {before}; it cannot become {shown(wanted)}: '
        f"give the new one another identifier"
    )


def _problem(
    document: Document, message: str, path: Path, code: ProblemCode = ProblemCode.MISMATCHED_REFERENCE
) -> list[Problem]:
    sink = ProblemSink(document)
    sink.add(code, message, path)
    return sink.problems
