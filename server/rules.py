"""The settings that others need, as they take them. Imports pipelines, schema and its neighbours."""

from pipelines.runtime import Rules
from schema.limits import Policy
from schema.pacing import Pace
from server.graphql_service import Load
from server.rates import Rates
from server.settings import Settings
from server.turns import Turns

# Operations per second of one subject: far more than a dashboard needs.
_USUAL_RATE = 200.0


def rules_of(settings: Settings) -> Rules:
    """The operator's decisions."""
    return Rules(
        post_prod_rollback=settings.post_prod_rollback,
        rollback_max_age_days=settings.rollback_max_age_days,
        instance_sync_seconds=settings.instance_sync_seconds,
        allow_scripts=settings.allow_scripts,
        lease_seconds=settings.lease_seconds,
        authorize=settings.authenticates,
        retention_days=settings.retention_days,
    )


def policy_of(settings: Settings) -> Policy:
    """What documents may ask for, and what clients are told."""
    return Policy(settings, settings.shows_schema)


def load_of(settings: Settings, pace: Pace | None = None) -> Load:
    """How much at once; `pace` is the schema's."""
    usual = _USUAL_RATE if settings.authenticates else 0.0
    rates = Rates(usual if settings.rate_per_second is None else settings.rate_per_second, settings.rate_burst)
    return Load(rates, Turns(settings.max_nodes, settings.execution_seconds, pace))
