"""BasicAppSetup, CanaryAppSetup and BGAppSetup: a new app beside the old one.

It is made under a name of its own together with its record, so that a break at any point can be understood; names
change only when it is ready.
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.errors import ProviderConflict, ProviderNotFound
from providers.interface import Attempt
from providers.tas import names
from providers.tas.building import build_droplet
from providers.tas.capture import snapshot_of
from providers.tas.changing import Changes
from providers.tas.clearing import cleared
from providers.tas.configuring import configure, set_variables
from providers.tas.deploying import first_start, give_droplet, outcome
from providers.tas.live import Family, LiveApp, Site
from providers.tas.manifest import AppManifest, Wanted, read_manifest
from providers.tas.marks import Kind, Record, record_of
from providers.tas.routing import map_urls
from providers.tas.specs import BlueGreenSetupSpec, SetupSpec
from providers.tas.values import TasSnapshot
from providers.tas.waiting import Watch, until_gone
from providers.values import Outcome, Release


async def set_up(site: Site, release: Release, spec: SetupSpec, kind: Kind, attempt: Attempt) -> Outcome:
    """A new app with the release; blue/green runs it at full size, the others leave that to AppResize."""
    wanted = read_manifest(release)
    name = wanted.app.name
    changes = Changes(site.foundation, attempt.token, attempt.before_effect)
    family = await site.family(name)
    mine = _made_by(family, attempt.token)
    if mine is None:
        family = await cleared(site, family, attempt)
        base = await snapshot_of(site, family)
        record = Record(
            number=family.number_for(attempt.token),
            kind=kind,
            base=base,
            token=attempt.token,
            count=_count(spec, wanted.app, base),
        )
        await changes.create_app(family.space, names.upcoming(name), name, record)
        family = await site.family(name)
        mine = _made_by(family, attempt.token)
    record = record_of(mine.app.annotations) if mine is not None else None
    if mine is None or record is None:
        raise ProviderNotFound(f"The new app for {name} was deleted while it was set up.")
    if attempt.token not in record.done:
        await _prepare(site, changes, attempt, _Setup(family, mine, record, wanted), spec)
        mine = _made_by(await site.family(name), attempt.token) or mine
        await changes.write_record(mine.app, record.with_done(attempt.token, finished=False))
    elif kind is Kind.BLUE_GREEN and not record.finished:
        await Watch(site.foundation, attempt, mine.app.name).until_up(mine.app.guid)
    return await outcome(site, mine)


@dataclass(frozen=True)
class _Setup:
    """The new app (`mine`) among the others, and what is wanted of it."""

    family: Family
    mine: LiveApp
    record: Record
    wanted: Wanted

    @property
    def old(self) -> LiveApp | None:
        """The app that had the name before."""
        active = self.record.base.active
        return self.family.of(active.guid) if active is not None else None


async def _prepare(site: Site, changes: Changes, attempt: Attempt, setup: _Setup, spec: SetupSpec) -> None:
    family, mine, manifest = setup.family, setup.mine, setup.wanted.app
    droplet = await build_droplet(changes, attempt, mine.app, setup.wanted)
    await set_variables(changes, mine.app.guid, manifest)
    if isinstance(spec, BlueGreenSetupSpec):
        await map_urls(changes, family.space, family.name, mine.app.guid, spec.temp_routes)
        sized = manifest.sized(setup.record.count)
        if not mine.app.started:
            await first_start(site, changes, attempt, mine, sized, droplet)
        await Watch(site.foundation, attempt, mine.app.name).until_up(mine.app.guid)
    else:
        await configure(changes, attempt, await give_droplet(site, changes, mine, droplet), manifest)
        urls = [*(route.route for route in manifest.routes), *spec.additional_routes]
        await map_urls(changes, family.space, family.name, mine.app.guid, urls)
    await _make_room(changes, attempt, setup, spec.existing_version_to_keep)
    await _rename(changes, setup)


async def _make_room(changes: Changes, attempt: Attempt, setup: _Setup, keep: int) -> None:
    """Frees the name of the inactive app: who has it becomes an older version, of which only some are kept."""
    family, name = setup.family, setup.family.name
    displaced = family.named(names.inactive(name))
    if displaced is None or displaced in (setup.mine, setup.old):
        return
    if displaced.app.started and displaced.routes and setup.old is not None and not setup.old.app.started:
        raise ProviderConflict(
            f"{displaced.app.name} serves requests while {name} is stopped, so neither can make room: roll the "
            "earlier deployment back, or rename one of them."
        )
    running = {app.guid for app in setup.record.base.apps if app.running}
    kept = [one for one in family.members if one.app.name in names.older(name)]
    surplus = [
        one for one in kept[: max(0, len(kept) - keep)] if one.is_ours(name) and one.app.guid not in running
    ]
    for one in surplus:
        await changes.delete_app(one.app.guid, one.app.name)
    await until_gone(changes.foundation, attempt, [(one.app.guid, one.app.name) for one in surplus])
    if displaced.app.started:
        await changes.stop(displaced.app.guid, displaced.app.name)
    taken = {one.app.name for one in kept if one not in surplus}
    await changes.rename(displaced.app.guid, names.free_older(name, taken))


async def _rename(changes: Changes, setup: _Setup) -> None:
    """Blue/green: the new app waits as the inactive one. The others: the old one steps aside."""
    name, old = setup.family.name, setup.old
    wanted = names.inactive(name) if setup.record.kind is Kind.BLUE_GREEN else name
    if wanted == name and old is not None and old.app.name == name:
        await changes.rename(old.app.guid, names.inactive(name))
    if setup.mine.app.name != wanted:
        await changes.rename(setup.mine.app.guid, wanted)


def _made_by(family: Family, token: str) -> LiveApp | None:
    """The app that a step with this token made."""
    return next((one for one, record in family.records if record.token == token), None)


def _count(spec: SetupSpec, manifest: AppManifest, base: TasSnapshot) -> int:
    """How many web instances the release is to have in the end."""
    active = base.active
    web = active.process("web") if active is not None and active.started else None
    if spec.tas_instance_count_type == "MatchRunningInstances" and web is not None and web.instances:
        return web.instances
    return manifest.web.instances if manifest.web.instances is not None else 1
