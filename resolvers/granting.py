"""What the caller may do, in the words of the API: each permission with the environments where he has it."""

from __future__ import annotations

from typing import NamedTuple

from db.queries.environments import EnvironmentRow, all_environments
from db.security.access import Access, Permission
from resolvers.loading import Loaders

_ACTING = (Permission.DEPLOY, Permission.ROLLBACK)


class Permitted(NamedTuple):
    """One permission; `environment` is where, None means everywhere."""

    permission: Permission
    environment: EnvironmentRow | None


async def permissions(loaders: Loaders) -> list[Permitted]:
    """Everything that the caller may do."""
    access = await loaders.access()
    if access.unrestricted:
        return [Permitted(permission, None) for permission in Permission]
    async with loaders.runtime.database.read() as connection:
        return permitted(access, await all_environments(connection))


def permitted(access: Access, environments: list[EnvironmentRow]) -> list[Permitted]:
    """What the access allows in these environments, all there are. Pure."""
    visible = access.visible
    found = [Permitted(Permission.VIEW, None)] if visible is None else []
    found += [Permitted(Permission.VIEW, one) for one in environments if visible is not None and one.id in visible]
    found += [Permitted(Permission.CONFIGURE, None)] if access.may_configure() else []
    acting = [one for one in environments if access.may_act_in(one.id, one.type)]
    found += [Permitted(Permission.READ_AUDIT_LOG, None)] if access.may_read_audit_log() else []
    found += [Permitted(permission, one) for permission in _ACTING for one in acting]
    overriding = [one for one in acting if access.may_override_freeze(one.id)]
    return found + [Permitted(Permission.OVERRIDE_FREEZE, one) for one in overriding]
