"""Opens a stage's records for its platform: the typed target, release and snapshot, with secrets in place."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col

from db.tables import Package, Stage
from pipelines.plan import PlannedStage
from pipelines.runtime import Runtime
from pipelines.secret_marks import reveal
from providers.connectors import ConnectorsError
from providers.errors import ProviderRefused
from providers.registry import AnyProvider
from providers.values import DeploymentType, Release, Snapshot


@dataclass(frozen=True)
class StageRecords:
    """What a provider's verbs take. `snapshot` is None until one was recorded."""

    provider: AnyProvider
    target: BaseModel
    release: Release
    snapshot: Snapshot | None


async def stage_records(runtime: Runtime, stage: PlannedStage, revealed: set[str]) -> StageRecords:
    """The records of a stage, or of the stage it undoes; the secrets in them are added to `revealed`.

    Raises ProviderRefused where the stage has none, or nothing carries its deployment type.
    """
    if stage.deployment_type is None:
        raise ProviderRefused(f'The stage "{stage.name}" deploys nothing.')
    async with runtime.database.read() as connection:
        row = (
            await connection.execute(
                sa.select(col(Stage.resolved), col(Stage.snapshot)).where(
                    col(Stage.id) == (stage.original_stage_id or stage.id)
                )
            )
        ).one()
        records = open_records(runtime, stage.deployment_type, row.resolved or {}, row.snapshot, revealed)
        return replace(records, release=await _with_archives(connection, records.release))


async def _with_archives(connection: AsyncConnection, release: Release) -> Release:
    """The release with the packed directories of its manifests; executions hold only their digests."""
    digests = {manifest.archive_digest for manifest in release.manifests if manifest.archive_digest}
    if not digests:
        return release
    rows = await connection.execute(
        sa.select(col(Package.digest), col(Package.content)).where(col(Package.digest).in_(digests))
    )
    packages: dict[str | None, bytes] = dict(rows.all())
    manifests = (
        manifest.model_copy(update={"archive": packages.get(manifest.archive_digest)})
        for manifest in release.manifests
    )
    return release.model_copy(update={"manifests": tuple(manifests)})


def open_records(
    runtime: Runtime,
    deployment_type: DeploymentType,
    resolved: dict[str, Any],
    snapshot: dict[str, Any] | None,
    revealed: set[str],
) -> StageRecords:
    """The same from columns that were read before; without packed directories, which only `deploy` needs."""
    provider = runtime.registry.find(deployment_type)
    if provider is None:
        raise ProviderRefused(f"Nothing here carries the deployment type {deployment_type}.")
    spec, release = resolved.get("spec"), resolved.get("release")
    if spec is None or release is None:
        raise ProviderRefused("The stage never recorded what it deploys where.")
    try:
        secret = runtime.registry.connectors.secret
        return StageRecords(
            provider,
            provider.target_model.model_validate(reveal(spec, secret, revealed)),
            Release.model_validate(reveal(release, secret, revealed)),
            provider.snapshot_model.model_validate(snapshot) if snapshot else None,
        )
    except ConnectorsError as error:
        raise ProviderRefused(str(error)) from error
    except ValidationError as error:
        raise ProviderRefused(f"The stage's record does not fit its platform: {error}") from error
