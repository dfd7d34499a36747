"""HelmRollback: back to the saved revision, with what was changed by hand on it; to nothing where nothing was."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from providers.helm.deploying import Run, outputs
from providers.helm.failures import Unanswered
from providers.helm.helm import Helm, waiting
from providers.helm.home import private_home
from providers.helm.patience import patiently
from providers.helm.recovering import KEEPING_HISTORY, refuse_others, unfinished
from providers.helm.releases import Releases, Revision, Status, read_releases
from providers.helm.restoration import Way, read_way
from providers.helm.telling import told
from providers.helm.turns import turn
from providers.helm.values import HelmRollbackSpec, HelmSnapshot
from providers.interface import Attempt
from providers.kubernetes.applying import apply_all, refuse_paused
from providers.kubernetes.claiming import claim_surplus
from providers.kubernetes.live import Site, read_live
from providers.kubernetes.preparation import to_restore
from providers.kubernetes.waiting import Watcher
from providers.values import Effect, Outcome, Progress


async def roll_back(helm: Helm, snapshot: HelmSnapshot, spec: HelmRollbackSpec, attempt: Attempt) -> Outcome:
    """Bring the release back to the snapshot; SKIPPED if nothing differs from it."""
    async with private_home() as home, turn(helm.place, attempt.seconds_left) as lock:
        run = Run(helm, home, lock, attempt)
        if not snapshot.existed:
            return await _remove(run, snapshot)
        way = await read_way(run.site, snapshot)
        if way.is_gone:
            await Watcher(run.site.cluster, attempt).wait(dict.fromkeys(way.workloads()))
            reason = f"The release and its objects are already as revision {snapshot.revision} left them."
            return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_outputs(run.site, way.newest, snapshot))
        _refuse_unready(helm, way, snapshot)
        newest = way.newest
        if not way.by_helm_done:
            newest = await patiently(_Going(run, snapshot, spec, way).go)
        if way.kept:
            await _restore_changes(run, await read_way(run.site, snapshot))
        refs = way.workloads()
        await Watcher(run.site.cluster, attempt).wait(dict.fromkeys(refs), fresh=refs)
    return Outcome(effect=Effect.CHANGED, outputs=_outputs(run.site, newest, snapshot))


def _refuse_unready(helm: Helm, way: Way, snapshot: HelmSnapshot) -> None:
    """Where somebody is at work, or holds a workload."""
    left = unfinished(way.releases)
    if left is not None and not _expected(left, snapshot):
        refuse_others(left, helm.name)
    refuse_paused(way.found.objects, way.found.live)


def _expected(left: Revision, snapshot: HelmSnapshot) -> bool:
    """What a step of Unship was doing, or a rollback to the same revision."""
    return left.by_unship or left.rolled_back_to == snapshot.revision


@dataclass
class _Going:
    """The way back with helm. `way` is what was read before the first try; later ones look again."""

    run: Run
    snapshot: HelmSnapshot
    spec: HelmRollbackSpec
    way: Way | None

    async def go(self) -> Revision:
        """Run `helm rollback`, unless the last try did its work and its answer was lost; the newest revision."""
        way, self.way = self.way or await read_way(self.run.site, self.snapshot), None
        if way.by_helm_done:
            return way.newest
        return await _go_back(self.run, way, self.snapshot, self.spec)


async def _go_back(run: Run, way: Way, snapshot: HelmSnapshot, spec: HelmRollbackSpec) -> Revision:
    left = unfinished(way.releases)
    if left is not None:
        message = f"An interrupted helm left revision {left.number} {left.status.value}; this rollback ends it"
        await run.attempt.report(Progress(message=message))
    options = [*KEEPING_HISTORY, *(["--no-hooks"] if spec.skip_hooks else [])]
    # What is put back by hand afterwards is what is waited for: the revision itself may never have come up.
    options += [] if way.kept else waiting(run.attempt.seconds_left)
    work = run.helm.roll_back(run.home, run.lock, run.attempt, way.saved.number, options)
    await told(run.site, run.attempt, f"Helm goes back to revision {snapshot.revision}", work)
    return _proved(await read_releases(run.site), way.saved)


def _proved(releases: Releases, saved: Revision) -> Revision:
    """Helm's own history must say so: its rollback has no other output."""
    newest = releases.newest
    if newest is None or newest.status is not Status.DEPLOYED or newest.rolled_back_to != saved.number:
        raise Unanswered(f"Helm ended without an error, but its newest record is {newest or 'gone'}.")
    return newest


async def _restore_changes(run: Run, way: Way) -> None:
    handmade = way.handmade()
    live = way.found.live
    wanted = tuple(to_restore(item, live, autoscaled=live.autoscaled(item.ref)) for item in handmade)
    if wanted:
        live = await read_live(run.site, [item.ref for item in wanted])
        await claim_surplus(run.site, wanted, live, run.attempt.before_effect)
        await apply_all(run.site, wanted, run.attempt.before_effect)


async def _remove(run: Run, snapshot: HelmSnapshot) -> Outcome:
    """After a first deployment: uninstall what it made. Revisions older than it stay in the history."""
    releases = await read_releases(run.site)
    newest = releases.newest
    if newest is None or newest.status is Status.UNINSTALLED:
        reason = f'There is no release "{run.site.release}" to remove.'
        return Outcome(effect=Effect.SKIPPED, reason=reason, outputs=_outputs(run.site, None, snapshot))
    left = unfinished(releases)
    if left is not None and not left.by_unship and left.status is not Status.UNINSTALLING:
        refuse_others(left, run.helm.name)

    async def once() -> None:
        newest = (await read_releases(run.site)).newest
        if newest is None or newest.status is Status.UNINSTALLED:
            return
        options = ["--keep-history"] if snapshot.newest_revision else []
        options += waiting(run.attempt.seconds_left)
        work = run.helm.uninstall(run.home, run.lock, run.attempt, options)
        await told(run.site, run.attempt, f'Helm uninstalls "{run.site.release}"', work)

    await patiently(once)
    return Outcome(effect=Effect.CHANGED, outputs=_outputs(run.site, None, snapshot))


def _outputs(site: Site, newest: Revision | None, snapshot: HelmSnapshot) -> dict[str, JsonValue]:
    return {**outputs(site, newest), "restoredRevision": str(snapshot.revision)}
