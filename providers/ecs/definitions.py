"""The task definition of an attempt: one that says the same is used again, else a revision is registered, once."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.cluster import EcsCluster
from providers.ecs.comparing import images, same
from providers.ecs.settings import short
from providers.errors import ProviderError, ProviderRefused
from providers.interface import Attempt
from providers.tree import Tree, text, trees

_RECENT = 5


async def ensure(
    cluster: EcsCluster, wanted: Tree, live: Tree | None, attempt: Attempt, *, force: bool = False
) -> Tree:
    """The task definition to run. `live` is the service's own; with `force` it is always a new revision.

    A revision carries the attempt's token, so that a repetition finds it.
    """
    family = text(wanted, "family")
    if family is None:
        raise ProviderRefused("The task definition's manifest has no family: name one.")
    token = tags.digest_of(attempt.token)

    async def look() -> Tree | None:
        found = await cluster.newest_definitions(family, _RECENT)
        own = [item for item in found if tags.read(item, "tags").get(tags.ATTEMPT) == token]
        alike = [item for item in found[:1] if same(item, wanted)] if not force else []
        return next(iter(own + alike), None)

    if not force and live is not None and text(live, "status") == "ACTIVE" and same(live, wanted):
        return live
    found = await look()
    if found is not None:
        return found
    own_tags = [*trees(wanted, "tags"), *tags.write({tags.ATTEMPT: token})]
    return await cluster.register({**wanted, "tags": [*own_tags]}, attempt.before_effect, look)


async def described(cluster: EcsCluster, definition: str) -> str:
    """`family:revision (image, image)`."""
    try:
        found = await cluster.definition(definition)
    except ProviderError:
        found = None
    shown = ", ".join(sorted(images(found or {}).values()))
    return f"{short(definition)} ({shown})" if shown else short(definition)
