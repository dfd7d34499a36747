"""Entries of the audit log."""

import re
from datetime import datetime
from typing import ClassVar, cast

import strawberry
from strawberry import ID
from strawberry.scalars import JSON

from db.queries.audit import AuditObjects, environments_of_objects
from db.queries.executions import executions_by_id
from db.security.audit import Entry
from db.statuses import AuditOutcome
from resolvers.loading import Relation
from schema.context import Ctx
from schema.ids import global_id
from schema.types import environment as environments
from schema.types import execution as executions
from schema.types.lazies import AnEnvironment, AnExecution
from schema.warming import Relations

_OBJECT = re.compile(r"([A-Za-z]+):(\S+)")
# What is named by its database id, which is the public id's other half.
_WITH_ID = ("Execution", "Stage", "Instance", "RollbackApproval")
_DATABASE_ID = re.compile(r"[0-9a-f]{32}")


def objects_of(row: Entry) -> AuditObjects:
    """What an entry names, each with its kind; nothing where the caller wrote something else."""
    found = [_OBJECT.fullmatch(one) for one in row.target.split(" ")]
    named = tuple((one[1], one[2]) for one in found if one is not None)
    return named if len(named) == len(found) else ()


def _detail(row: Entry, name: str) -> str | None:
    """A detail that is a text; the log keeps what callers wrote, whatever it was."""
    value = row.details.get(name)
    return value if isinstance(value, str) else None


def _count(row: Entry) -> int:
    value = row.details.get("count")
    return value if isinstance(value, int) else 1


def _execution_id(row: Entry) -> str | None:
    return _detail(row, "executionId")


def _everything_named(row: Entry) -> AuditObjects:
    """Its objects, and the execution that came of it."""
    execution = _execution_id(row)
    return (*objects_of(row), *([("Execution", execution)] if execution else []))


@strawberry.type(description="Something that an entry of the audit log is about.")
class AuditObject:
    type: str | None = strawberry.field(
        description="What it is: `Execution`, `Pipeline`, `Environment`, `MachineToken`, `Grant`, ... Null where "
        "what the caller wrote names nothing of any kind."
    )
    name: str = strawberry.field(description="Its identifier, or its id in the log, or what the caller wrote.")
    id: ID | None = strawberry.field(description="Its `id` in this API, where it has one that does not change.")

    @classmethod
    def of(cls, kind: str, name: str) -> "AuditObject":
        has_id = kind in _WITH_ID and _DATABASE_ID.fullmatch(name)
        return cls(type=kind, name=name, id=global_id(kind, name) if has_id else None)


@strawberry.type(description="One attempt to change something, as the audit log keeps it: sealed, and for ever.")
class AuditEntry:
    relations: ClassVar[Relations] = {
        "execution": Relation(executions_by_id, _execution_id),
        "environments": Relation(environments_of_objects, _everything_named),
    }
    row: strawberry.Private[Entry]
    id: ID = strawberry.field(description="Its id; no other thing has the same.")
    sequence: int = strawberry.field(description="Its place in the log: entries count from 1 without gaps.")
    at: datetime = strawberry.field(description="When it was recorded: once it was known how the attempt ended.")
    actor: str = strawberry.field(description="Who it was: the subject of the credentials, or an operator.")
    token_id: str | None = strawberry.field(description="The machine token, where one was used.")
    attempts: int = strawberry.field(
        description="How many attempts it stands for: bad credentials (`authenticate`) of one source are counted "
        "together for some minutes."
    )
    source: str | None = strawberry.field(
        description="The address, or IPv6 network, that it came from; null on the server's machine, "
        "and where there were too many to tell them apart."
    )
    action: str = strawberry.field(
        description="What was attempted: the name of a mutation, or of a command (`createToken`, `grant`, ...). "
        "Expect new ones."
    )
    outcome: AuditOutcome = strawberry.field(description="How it ended.")
    code: str | None = strawberry.field(description="The code of the refusal, the first of several; else null.")
    message: str | None = strawberry.field(description="What was said to the one who was refused.")
    reason: str | None = strawberry.field(description="Why, as the actor said.")
    justifications: list[str] = strawberry.field(
        description="Why something that forbade it was to be set aside, each as `CODE: justification`."
    )
    plan_hash: str | None = strawberry.field(description="The plan that the actor had seen, where one was given.")
    details: JSON = strawberry.field(
        description="What was recorded beside, by name; some of it is above too. Expect new names."
    )
    mac: str = strawberry.field(
        description="Its seal. Kept elsewhere with `sequence`, it shows later whether the end of the log was cut "
        "off: `audit verify --expect SEQUENCE:MAC`."
    )

    @classmethod
    def of(cls, row: Entry) -> "AuditEntry":
        overrides = cast("object", row.details.get("overrides"))
        return cls(
            row=row,
            id=global_id("AuditEntry", f"{row.sequence:032x}"),
            sequence=row.sequence,
            at=row.at,
            actor=row.subject,
            token_id=_detail(row, "tokenId"),
            attempts=_count(row),
            source=_detail(row, "address"),
            action=row.action,
            outcome=row.outcome,
            code=row.code,
            message=row.message,
            reason=row.reason,
            justifications=cast("list[str]", overrides) if isinstance(overrides, list) else [],
            plan_hash=_detail(row, "planHash"),
            details=JSON(row.details),
            mac=row.mac,
        )

    @strawberry.field(description="What it is about.")
    def objects(self) -> list[AuditObject]:
        named = [AuditObject.of(*one) for one in objects_of(self.row)]
        return named or [AuditObject(type=None, name=self.row.target, id=None)]

    @strawberry.field(description="The environments of what it is about, as far as that is still there.")
    def environments(self, info: Ctx) -> list[AnEnvironment]:
        return info.context.loaders.mapped(
            self.relations["environments"],
            self.row,
            lambda rows: [environments.Environment.of(row) for row in rows],
        )

    @strawberry.field(description="The execution that was started or stopped; null where none was, or it is gone.")
    def execution(self, info: Ctx) -> AnExecution | None:
        return info.context.loaders.optional(self.relations["execution"], self.row, executions.Execution.of)
