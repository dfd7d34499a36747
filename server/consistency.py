"""What `check` verifies of a database at this version's migration: its rows, the engine, the links between them.

It reads beside running servers, which go on writing: what two databases say at two moments counts only where it is
so twice. Every problem says what to do. Imports db and pipelines.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from db.columns import now
from db.database import Database
from db.queries import consistency as ask
from pipelines.engine_database import KEPT, workflows
from server.audit_commands import verified
from server.findings import Finding, summed_up
from server.settings import Settings, SettingsError

# What a running server needs to hand over, to take over and to tidy up, beyond what its lease is.
_AGAIN_SECONDS = 3.0
_TAKEOVER = timedelta(seconds=10)
_TIDIED = KEPT + timedelta(days=1)

_RESTORE = "restore a backup; if nobody changed the database by hand, this is a defect: please report it"


async def consistency(settings: Settings, database: Database) -> list[Finding]:
    """Every finding, in the order in which they were looked at. Changes nothing."""
    async with database.read() as connection:
        findings = [await question(connection) for question in _QUESTIONS]
    findings.append(await _engine(database))
    if not database.is_sqlite:
        findings.append(await _carriers(database, timedelta(seconds=settings.lease_seconds)))
    return [*findings, await _audit_log(settings, database)]


async def _references(connection: AsyncConnection) -> Finding:
    broken = await ask.broken_references(connection)
    found = [
        f"{one.rows} rows of {one.table} name in {one.column} a row of {one.referred} that is not there"
        for one in broken
    ]
    return summed_up("references", found, f"{len(list(ask.references()))} kinds, none is broken", _RESTORE)


async def _events(connection: AsyncConnection) -> Finding:
    found = [
        f"execution {one.execution_id} has counted {one.counted} events, and has {one.events}, the last one"
        f" {one.last}"
        for one in await ask.gaps_in_events(connection)
    ]
    return summed_up("events", found, "numbered without gaps", _RESTORE)


async def _statuses(connection: AsyncConnection) -> Finding:
    found = [
        f"execution {one.execution_id} is {one.status}, and its events end with {one.journalled}"
        for one in await ask.statuses_unlike_the_journal(connection)
    ]
    found += [
        f"execution {one.execution_id} is {one.status}, and something of it is not finished"
        for one in await ask.ended_with_open_parts(connection)
    ]
    found += [
        f"execution {one} is said to be in a rollback, and none is under way"
        for one in await ask.rollbacks_without_end(connection)
    ]
    return summed_up("statuses", found, "as the events tell them", _RESTORE)


async def _locks(connection: AsyncConnection) -> Finding:
    found = [
        f"target {target} is held by execution {execution}, which has ended"
        for target, execution in await ask.locks_of_ended(connection)
    ]
    if found:
        todo = "let them go, or nothing can be deployed there: set active to false in those executiontarget rows"
        return summed_up("locks", found, "", todo)
    found = [
        f"execution {execution} is under way and does not hold its target {target}"
        for target, execution in await ask.active_without_locks(connection)
    ]
    todo = "abort it before anything else is deployed there (abortExecution), and report this as a defect"
    return summed_up("locks", found, "every target is held by nobody, or by an execution under way", todo)


_QUESTIONS = (_references, _events, _statuses, _locks)


async def _engine(database: Database) -> Finding:
    """Whether the engine carries what is under way, and nothing else."""
    lost, left = await _engine_once(database)
    if lost or left:
        await asyncio.sleep(_AGAIN_SECONDS)
        lost_still, left_still = await _engine_once(database)
        lost, left = lost & lost_still, left & left_still
    if left:
        place = "the file that ends in -engine" if database.is_sqlite else "the schema dbos"
        return summed_up(
            "engine",
            [f"it carries execution {one}, which {why}" for one, why in sorted(left)],
            "",
            f"start a server, which tidies up; if that does not help, stop all servers and remove {place}:"
            " what is under way is handed to the engine anew",
        )
    found = [f"execution {one} is under way, and the engine does not carry it" for one in sorted(lost)]
    todo = "start a server, which hands it over; one that runs does so within 20 s, or its log says why not"
    return summed_up("engine", found, "carries what is under way", todo)


async def _engine_once(database: Database) -> tuple[set[str], set[tuple[str, str]]]:
    """What is under way without a workflow; and the workflows under way for what is not, with the reason."""
    async with database.read() as connection:
        active = await ask.active_executions(connection)
    carried = {one.execution_id for one in await workflows(database, active) if one.under_way}
    others = sorted(carried.difference(active))
    async with database.read() as connection:
        ends = {one.id: one.finished_at for one in await ask.ends_of(connection, others)}
    left: set[tuple[str, str]] = set()
    for one in others:
        ended = ends.get(one)
        if one not in ends:
            left.add((one, "is not in the database"))
        elif ended is not None and now() - ended > _TIDIED:
            left.add((one, f"ended at {ended:%Y-%m-%dT%H:%M:%SZ}"))
    return set(active).difference(carried), left


async def _carriers(database: Database, lease: timedelta) -> Finding:
    """Of several servers: whether each claim is of one that lives, or will be taken over in a moment."""
    found = await _orphans(database, lease + _TAKEOVER)
    if found:
        await asyncio.sleep(_AGAIN_SECONDS)
        found &= await _orphans(database, lease + _TAKEOVER)
    todo = "start a server, which takes them over"
    return summed_up("carriers", sorted(found), "every execution under way has one that lives", todo)


async def _orphans(database: Database, patience: timedelta) -> set[str]:
    async with database.read() as connection:
        claims = await ask.claims_without_holder(connection, patience)
    return {f"execution {one.execution_id} is carried by {_carrier(one)}" for one in claims}


def _carrier(claim: ask.Claim) -> str:
    if claim.executor_id is None:
        return "nobody yet"
    since = f"silent since {claim.beaten_at:%H:%M:%S} UTC" if claim.beaten_at else "which has ended"
    return f"server {claim.executor_id}, {since}"


async def _audit_log(settings: Settings, database: Database) -> Finding:
    try:
        async with database.read() as connection:
            log = await verified(settings, connection)
    except SettingsError as error:
        return Finding("audit log", False, str(error))
    if log.broken is None:
        return Finding("audit log", True, f"{log.count} entries, each as it was written")
    what = f"entry {log.broken.sequence} of {log.count} is {log.broken.what}"
    return Finding(
        "audit log", False, f"{what}; find out who can write to the database, and keep a copy of it as it is"
    )
