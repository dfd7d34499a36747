"""The two requests that change what a service is, each of them safe to repeat."""

from __future__ import annotations

from providers.ecs import tags
from providers.ecs.live import NOTHING, Site, base_of, is_same_definition, never_ran
from providers.ecs.settings import primary, settings_of, short, uncovered
from providers.ecs.standing import definition_of
from providers.errors import ProviderConflict
from providers.interface import Attempt
from providers.tree import Tree, number, text, trees


async def create(site: Site, request: Tree, attempt: Attempt) -> Tree:
    """A new service. The client token is the attempt's, so that a repetition makes no second one."""
    name = text(request, "serviceName") or ""
    own = {
        tags.ATTEMPT: tags.digest_of(attempt.token),
        tags.DEPLOYS: short(text(request, "taskDefinition") or ""),
    }
    return await site.cluster.create_service(
        {
            **request,
            "clientToken": tags.digest_of(f"{attempt.token} {name}"),
            "tags": [*trees(request, "tags"), *tags.write(own)],
        },
        attempt.before_effect,
    )


async def update(site: Site, live: Tree, request: Tree, attempt: Attempt) -> Tree:
    """Change a service from what was seen of it, `live`; ProviderConflict if somebody was faster.

    What was there before is written on it first, so that the way back is known if this does not come to its end.
    """
    name = text(live, "serviceName") or ""
    base = base_of(live)
    definition = text(request, "taskDefinition")
    await _note(
        site,
        live,
        {
            tags.ATTEMPT: tags.digest_of(attempt.token),
            tags.DEPLOYS: short(definition) if definition else definition_of(live),
            tags.BEFORE: NOTHING if never_ran(live) else base.definition,
            tags.BEFORE_COUNT: str(base.desired),
        },
        attempt,
    )

    async def look() -> Tree | None:
        now = await _unchanged_or_ours(site, live, request)
        return now if _is_so(now, live, request) else None

    await _unchanged_or_ours(site, live, request)
    return await site.cluster.update_service(name, request, attempt.before_effect, look)


async def _note(site: Site, live: Tree, added: dict[str, str], attempt: Attempt) -> None:
    known = tags.read(live, "tags")
    if any(known.get(key) != value for key, value in added.items()):
        await site.cluster.tag(text(live, "serviceArn") or "", added, attempt.before_effect)


async def _unchanged_or_ours(site: Site, live: Tree, request: Tree) -> Tree:
    """The service now. UpdateService takes no precondition, so the newest deployment is compared just before."""
    name = text(live, "serviceName") or ""
    now = await site.cluster.service(name)
    if now is None or text(now, "status") != "ACTIVE":
        raise ProviderConflict(f"Service {name} was deleted meanwhile.")
    if text(primary(now), "id") != text(primary(live), "id") and not _is_so(now, live, request):
        raise ProviderConflict(f"Somebody deployed service {name} meanwhile: {definition_of(now)} is rolled out.")
    return now


def _is_so(service: Tree, live: Tree, request: Tree) -> bool:
    """Whether the service, seen as `live` before, already is what the request makes of it."""
    definition = text(request, "taskDefinition")
    count = number(request, "desiredCount")
    forced = request.get("forceNewDeployment") is True
    return (
        not (forced and text(primary(service), "id") == text(primary(live), "id"))
        and (definition is None or is_same_definition(service, definition))
        and count in (None, number(service, "desiredCount"))
        and not uncovered(settings_of(service), request)
    )
