"""Who asks, and what they may do."""

from collections.abc import Sequence

import strawberry

from resolvers.granting import Permitted
from schema.types import environment as environments
from schema.types.lazies import AnEnvironment


@strawberry.type(description="Something that the caller may do.")
class ViewerPermission:
    permission: str = strawberry.field(
        description="`view`, `configure`, `deploy`, `rollback`, `override_freeze` or `read_audit_log`. "
        "Expect new ones."
    )
    environment: AnEnvironment | None = strawberry.field(description="Where; null means everywhere.")

    @classmethod
    def of(cls, permitted: Permitted) -> "ViewerPermission":
        row = permitted.environment
        return cls(
            permission=permitted.permission.value,
            environment=None if row is None else environments.Environment.of(row),
        )


@strawberry.type(description="Who asks.")
class Viewer:
    subject: str = strawberry.field(description="Their name, as it is recorded with what they do.")
    permissions: list[ViewerPermission] = strawberry.field(description="What they may do.")

    @classmethod
    def of(cls, subject: str, permitted: Sequence[Permitted]) -> "Viewer":
        return cls(subject=subject, permissions=[ViewerPermission.of(one) for one in permitted])
