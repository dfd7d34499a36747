"""Who asks, and what they may do."""

import strawberry

from schema.types.lazies import AnEnvironment

_EVERYTHING = ("view", "configure", "deploy", "rollback")


@strawberry.type(description="Something that the caller may do.")
class ViewerPermission:
    permission: str = strawberry.field(description="`view`, `configure`, `deploy` or `rollback`. Expect new ones.")
    environment: AnEnvironment | None = strawberry.field(description="Where; null means everywhere.")


@strawberry.type(description="Who asks.")
class Viewer:
    subject: str = strawberry.field(description="Their name, as it is recorded with what they do.")
    permissions: list[ViewerPermission] = strawberry.field(description="What they may do.")

    @classmethod
    def of(cls, subject: str) -> "Viewer":
        """Whoever has a token may do everything, everywhere."""
        return cls(
            subject=subject,
            permissions=[ViewerPermission(permission=one, environment=None) for one in _EVERYTHING],
        )
