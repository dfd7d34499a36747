"""Who may come in, what they are granted, and the record of what was asked."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from db.columns import UtcDateTime, new_id, now, text_enum
from db.statuses import AuditOutcome, Role

_NOT_REVOKED = sa.text("revoked_at IS NULL")


class MachineToken(SQLModel, table=True):
    """A secret that identifies a program by its name.

    Only the SHA-256 of the secret is kept, in hexadecimal; `prefix` is the part of it that may be shown.
    """

    __table_args__ = (
        sa.Index(
            "uq_name_of_token_not_revoked",
            "name",
            unique=True,
            sqlite_where=_NOT_REVOKED,
            postgresql_where=_NOT_REVOKED,
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True)
    name: str
    role: Role = Field(sa_type=text_enum(Role))
    prefix: str = Field(index=True)
    sha256: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    created_by: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Grant(SQLModel, table=True):
    """A role of a subject in one environment, for some time."""

    id: str = Field(default_factory=new_id, primary_key=True)
    subject: str = Field(index=True)
    role: Role = Field(sa_type=text_enum(Role))
    environment_id: str = Field(foreign_key="environment.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    created_by: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """One attempt to change something; `sequence` counts from 1 without gaps.

    `reason` is the caller's why, `code` and `message` say why it was not accepted. `mac` covers every other
    column, `previous_mac` among them, so that no entry can be changed, removed or moved unnoticed.
    """

    __table_args__ = tuple(
        sa.Index(f"ix_auditentry_{column}_sequence", column, "sequence")
        for column in ("subject", "action", "outcome", "at")
    )

    sequence: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    subject: str
    action: str
    target: str
    outcome: AuditOutcome = Field(sa_type=text_enum(AuditOutcome))
    reason: str | None = None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, sa_type=sa.JSON)
    previous_mac: str
    mac: str
