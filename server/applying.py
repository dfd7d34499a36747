"""What `python -m server apply` does. Imports the floors below.

It works beside a running server: the exclusive lock of an embedded database guards the engine, not its tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from db import migrate
from db.database import Database
from pipelines.configuration import Applied, apply_configuration
from pipelines.runtime import Runtime
from providers.connectors import load_connectors
from providers.registry import Registry
from server.rules import rules_of
from server.settings import Settings


class ConfigurationRefused(Exception):
    """A file was refused as a whole; the message lists every problem with its place."""


async def apply_texts(settings: Settings, texts: Sequence[tuple[str, str, Path | None]]) -> list[str]:
    """Apply each (name, text, directory) in turn; one line of what each contained. Stops at the first refusal."""
    settings.prepare_files()
    url = settings.resolved_database_url
    await migrate.upgrade(url)
    database = Database(url)
    registry = Registry(load_connectors(settings.connectors))
    runtime = Runtime(database, registry, rules_of(settings), _nothing_to_enqueue)
    lines: list[str] = []
    try:
        for name, text, directory in texts:
            outcome = await apply_configuration(runtime, text, directory)
            if not isinstance(outcome, Applied):
                raise ConfigurationRefused("\n".join(f"{name}: {problem}" for problem in outcome))
            lines.append(f"{name}: applied {_counted(outcome)}")
    finally:
        await registry.close()
        await database.close()
    return lines


def _counted(applied: Applied) -> str:
    counts = Counter(kind for kind, _ in applied.nodes)
    return ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing"


async def _nothing_to_enqueue(_execution_id: str) -> None:
    raise AssertionError("loading configuration starts no execution")
