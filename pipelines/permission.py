"""Whether somebody may act where an execution acts: what the mutations ask, and the runner before it begins."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlmodel import col

from db.queries.executions import ExecutionRow
from db.queries.visibility import those_seen
from db.security.access import Access
from db.tables import Environment, Stage
from pipelines.scope import Reader

PERMISSION_DENIED = "PERMISSION_DENIED"


async def forbidden_environments(
    reader: Reader, access: Access, environment_ids: Iterable[str | None]
) -> dict[str, str]:
    """Those of the environments in which he may not act, with their identifiers."""
    wanted = {one for one in environment_ids if one is not None}
    if access.unrestricted or not wanted:
        return {}
    rows = await reader.execute(
        sa.select(col(Environment.id), col(Environment.identifier), col(Environment.type))
        .where(col(Environment.id).in_(wanted))
        .order_by(col(Environment.identifier))
    )
    kinds = {row[0]: (row[1], row[2]) for row in rows}
    return {one: kinds[one][0] for one in kinds if not access.may_act_in(one, kinds[one][1])}


async def denial(reader: Reader, access: Access, environment_ids: Iterable[str | None]) -> str | None:
    """Why he may not act in all of these environments, and what to do; None where he may."""
    places = {one for one in environment_ids if one is not None}
    if not places:
        return None if access.may_act_anywhere() else "You may not run anything: that needs the role deployer."
    forbidden = await forbidden_environments(reader, access, places)
    if not forbidden:
        return None
    named = ", ".join(f'"{identifier}"' for identifier in forbidden.values())
    return f"You may not deploy or roll back in {named}. Ask an operator for a grant of the role deployer there."


async def sees_execution(reader: Reader, access: Access, execution_id: str) -> bool:
    """Whether he sees the execution, if there is one."""
    environments = access.visible
    return environments is None or bool(await those_seen(reader, ExecutionRow, [execution_id], environments))


async def environments_of(reader: Reader, execution_id: str) -> list[str | None]:
    """The environment of each stage of an execution."""
    rows = await reader.execute(
        sa.select(col(Stage.environment_id)).where(col(Stage.execution_id) == execution_id)
    )
    return [row[0] for row in rows]
