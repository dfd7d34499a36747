"""What `python -m server apply` does. Imports the floors below.

It works beside a running server: the exclusive lock of an embedded database guards the engine, not its tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from db import migrate
from db.database import Database
from db.security.audit import AuditLog, Happened, digest_of
from db.statuses import AuditOutcome
from pipelines.configuration import Applied, apply_configuration
from pipelines.problems import Problem
from pipelines.runtime import Runtime
from providers.connectors import load_connectors
from providers.registry import Registry
from server.administration import operator
from server.audit_key import sealing_key
from server.rules import rules_of
from server.settings import Settings


class ConfigurationRefused(Exception):
    """A file was refused as a whole; the message lists every problem with its place."""


async def apply_texts(settings: Settings, texts: Sequence[tuple[str, str, Path | None]]) -> list[str]:
    """Apply each (name, text, directory) in turn. Stops at the first refusal.

    Of each, a line for every warning and one of what it contained.
    """
    settings.prepare_files()
    url = settings.resolved_database_url
    await migrate.upgrade(url)
    key = await sealing_key(settings)
    database = Database(url)
    registry = Registry(load_connectors(settings.connectors))
    runtime = Runtime(database, registry, rules_of(settings), _nothing_to_enqueue)
    log = AuditLog(database, key)
    lines: list[str] = []
    try:
        for name, text, directory in texts:
            outcome = await apply_configuration(runtime, text, directory)
            await log.record(_happened(name, text, outcome))
            if not isinstance(outcome, Applied):
                raise ConfigurationRefused("\n".join(f"{name}: {problem}" for problem in outcome))
            lines += [f"{name}: warning: {warning}" for warning in outcome.warnings]
            lines.append(f"{name}: applied {_counted(outcome)}")
    finally:
        await registry.close()
        await database.close()
    return lines


def _counted(applied: Applied) -> str:
    counts = Counter(kind for kind, _ in applied.nodes)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"


def _happened(name: str, text: str, outcome: Applied | tuple[Problem, ...]) -> Happened:
    problem = None if isinstance(outcome, Applied) else outcome[0]
    return Happened(
        subject=operator(),
        action="applyConfiguration",
        target="Configuration",
        outcome=AuditOutcome.ACCEPTED if problem is None else AuditOutcome.REFUSED,
        code=None if problem is None else problem.code,
        message=None if problem is None else str(problem),
        details={"file": name, "yamlSha256": digest_of(text)},
    )


async def _nothing_to_enqueue(_execution_id: str) -> None:
    raise AssertionError("loading configuration starts no execution")
