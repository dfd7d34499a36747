"""What `python -m server apply` does. Imports the floors below.

It works beside a running server: the exclusive lock of an embedded database guards the engine, not its tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from db import migrate
from db.database import Database
from db.security.audit import AuditLog, Happened, digest_of
from db.statuses import AuditOutcome
from pipelines.configuration import Applied, Input, apply_inputs
from pipelines.problems import Problem
from pipelines.runtime import Runtime
from providers.connectors import load_connectors
from providers.registry import Registry
from server.administration import operator
from server.audit_key import sealing_key
from server.rules import rules_of
from server.settings import Settings


class ConfigurationRefused(Exception):
    """The files were refused as a whole; the message lists every problem with its place."""


async def apply_files(settings: Settings, files: Sequence[Input]) -> list[str]:
    """Apply the files together, all of them or none. Of each, a line for every warning and one of what it held."""
    settings.prepare_files()
    url = settings.resolved_database_url
    await migrate.upgrade(url)
    key = await sealing_key(settings)
    database = Database(url)
    registry = Registry(load_connectors(settings.connectors))
    runtime = Runtime(database, registry, rules_of(settings), _nothing_to_enqueue)
    log = AuditLog(database, key)
    try:
        outcome = await apply_inputs(runtime, files)
        for number, file in enumerate(files):
            await log.record(_happened(number, file, outcome))
    finally:
        await registry.close()
        await database.close()
    if not isinstance(outcome, Applied):
        raise ConfigurationRefused("\n".join(f"{files[problem.input].name}: {problem}" for problem in outcome))
    return [line for number, file in enumerate(files) for line in _lines(number, file, outcome)]


def _lines(number: int, file: Input, applied: Applied) -> Iterator[str]:
    for warning in applied.warnings:
        if warning.input == number:
            yield f"{file.name}: warning: {warning}"
    here = (kind for (kind, _), input_ in zip(applied.nodes, applied.inputs, strict=True) if input_ == number)
    counted = ", ".join(f"{count} {kind}" for kind, count in Counter(here).items())
    yield f"{file.name}: applied {counted or 'nothing that the files before it do not declare'}"


def _happened(number: int, file: Input, outcome: Applied | tuple[Problem, ...]) -> Happened:
    """What became of a file; where it was refused for the sake of another one, that one's problem says so."""
    problem = None
    if not isinstance(outcome, Applied):
        problem = next((one for one in outcome if one.input == number), outcome[0])
    return Happened(
        subject=operator(),
        action="applyConfiguration",
        target="Configuration",
        outcome=AuditOutcome.ACCEPTED if problem is None else AuditOutcome.REFUSED,
        code=None if problem is None else problem.code,
        message=None if problem is None else str(problem),
        details={"file": file.name, "yamlSha256": digest_of(file.text)},
    )


async def _nothing_to_enqueue(_execution_id: str) -> None:
    raise AssertionError("loading configuration starts no execution")
