"""What a caller may do where: a role everywhere and grants in single environments, decided. Pure.

Whatever is not allowed here is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from db.statuses import EnvironmentType, Role

_RANK = {role: rank for rank, role in enumerate(Role)}


class Permission(StrEnum):
    VIEW = "view"
    CONFIGURE = "configure"
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    OVERRIDE_FREEZE = "override_freeze"
    READ_AUDIT_LOG = "read_audit_log"


@dataclass(frozen=True)
class Standing:
    """Who asks, and what his credentials say of him; what that allows is looked up each time.

    `unrestricted`: nobody is asked for credentials here. `role` is the one that the credentials carry; that of a
    machine token is read again by `token_id`. `until` is when the credentials end.
    """

    subject: str
    unrestricted: bool = False
    role: Role = Role.NONE
    token_id: str | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Access:
    """What somebody may do now. `grants` are his roles by the id of the environment.

    `subject` is None where nobody is asked for credentials: whoever it is, he may be somebody else.
    """

    unrestricted: bool = False
    role: Role = Role.NONE
    grants: Mapping[str, Role] = field(default_factory=dict[str, Role])
    subject: str | None = None

    @property
    def visible(self) -> frozenset[str] | None:
        """The ids of the environments that he sees; None where he sees everything."""
        if self.unrestricted or _at_least(self.role, Role.VIEWER):
            return None
        return frozenset(one for one, role in self.grants.items() if _at_least(role, Role.VIEWER))

    def may_configure(self) -> bool:
        return self.unrestricted or self.role is Role.ADMIN

    def may_read_audit_log(self) -> bool:
        """Whether he may read what everybody did. No grant gives it: the log is of no single environment."""
        return self.unrestricted or self.role in (Role.AUDITOR, Role.ADMIN)

    def may_act_anywhere(self) -> bool:
        """Whether he may run what touches no environment at all."""
        return self.unrestricted or _at_least(self.role, Role.DEPLOYER)

    def may_act_in(self, environment_id: str, kind: EnvironmentType | None) -> bool:
        """Whether he may deploy and roll back there. Without a grant only outside production."""
        if self.unrestricted or _at_least(self.grants.get(environment_id, Role.NONE), Role.DEPLOYER):
            return True
        return kind is EnvironmentType.PRE_PRODUCTION and _at_least(self.role, Role.DEPLOYER)

    def may_override_freeze(self, environment_id: str) -> bool:
        """Whether he may act there while a freeze window holds, where he may act at all."""
        return self.unrestricted or Role.ADMIN in (self.role, self.grants.get(environment_id))


NOTHING = Access()
EVERYTHING = Access(unrestricted=True)


def unrestricted(subject: str) -> Standing:
    """Somebody whom nothing is forbidden, as with UNSHIP_AUTH=none."""
    return Standing(subject, unrestricted=True)


def highest(grants: Iterable[tuple[str, Role]]) -> dict[str, Role]:
    """Of several grants in one environment the highest."""
    return dict(sorted(grants, key=lambda one: _RANK[one[1]]))


def _at_least(role: Role, wanted: Role) -> bool:
    return _RANK[role] >= _RANK[wanted]
