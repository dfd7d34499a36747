"""The settings that the floors below need, as they take them. Imports pipelines.runtime."""

from pipelines.runtime import Rules
from server.settings import Settings


def rules_of(settings: Settings) -> Rules:
    """The operator's decisions."""
    return Rules(
        post_prod_rollback=settings.post_prod_rollback,
        rollback_max_age_days=settings.rollback_max_age_days,
        instance_sync_seconds=settings.instance_sync_seconds,
        allow_scripts=settings.allow_scripts,
        authorize=settings.authenticates,
    )
