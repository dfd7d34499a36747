"""What is said in the log when a server starts and ends: enough to know which one it is, and no credentials."""

from __future__ import annotations

import logging

from sqlalchemy.engine import make_url

from providers.connectors import Connectors
from providers.telemetry import facts
from server.settings import Settings
from server.version import VERSION

logger = logging.getLogger(__name__)


def say_started(settings: Settings, connectors: Connectors, address: str, operations: str | None) -> None:
    """`address` and `operations`: where it listens, as host:port."""
    types = sorted({connector.type for connector in connectors.by_identifier.values()})
    logger.info(
        "Unship serves",
        extra=facts(
            version=VERSION,
            address=address,
            operations=operations,
            database=make_url(settings.resolved_database_url).get_backend_name(),
            connectors=" ".join(types) or "none",
            rollback=settings.post_prod_rollback,
            scripts=settings.allow_scripts,
        ),
    )


def say_leaving() -> None:
    logger.info("Unship is leaving: it is not ready, and takes no new mutations")


def say_ended() -> None:
    logger.info("Unship has ended in order")
