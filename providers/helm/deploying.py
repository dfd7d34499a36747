"""HelmDeploy: look what is there, keep what was changed by hand, upgrade, wait."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from pydantic import JsonValue

from providers.connectors import Connectors
from providers.errors import ProviderError
from providers.helm.charts import Chart, prepare
from providers.helm.failures import Unanswered
from providers.helm.helm import Helm, waiting
from providers.helm.home import Home, private_home
from providers.helm.keepsakes import keep
from providers.helm.patience import patiently
from providers.helm.recovering import recover
from providers.helm.releases import FAILED_LABEL, STEP_LABEL, Releases, Revision, Status, read_releases
from providers.helm.states import declared, objects_of
from providers.helm.telling import told
from providers.helm.turns import turn
from providers.interface import Attempt
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.live import Site
from providers.kubernetes.objects import Ref
from providers.kubernetes.waiting import Watcher
from providers.tree import Tree
from providers.values import Effect, Outcome, Release


@dataclass(frozen=True)
class Run:
    """One try at a step: the helm, its private home, the lock it keeps, and the step's mark."""

    helm: Helm
    home: Home
    lock: int
    attempt: Attempt

    @property
    def site(self) -> Site:
        return self.helm.site

    @property
    def mark(self) -> str:
        """The step's token, short enough for a label."""
        return sha256(self.attempt.token.encode()).hexdigest()[:16]


async def deploy(helm: Helm, connectors: Connectors, release: Release, attempt: Attempt) -> Outcome:
    """Install or upgrade the release; done once however often it is repeated with the attempt's token."""
    async with private_home() as home, turn(helm.place, attempt.seconds_left) as lock:
        run = Run(helm, home, lock, attempt)
        releases = await read_releases(run.site)
        done = releases.of_step(run.mark)
        if done is None or not done.came_up:
            chart = await prepare(helm, home, connectors, release)
            await _keep_changes(run, releases)
            done = await patiently(lambda: _upgrade(run, chart))
            releases = await read_releases(run.site)
        if releases.newest is not None and releases.newest.number == done.number:
            await settle(run, done)
    return Outcome(effect=Effect.CHANGED, outputs=outputs(run.site, done))


async def _keep_changes(run: Run, releases: Releases) -> None:
    """Where the last revision that came up is what runs: what of it is not as Helm knows it."""
    base = releases.base
    if base is None or base is not releases.newest:
        return
    found = await declared(run.site, await objects_of(run.site, base))
    states = {ref: found.state(ref) for ref in found.changed()}
    await keep(run.site, base, states, run.attempt.before_effect)


async def _upgrade(run: Run, chart: Chart) -> Revision:
    releases = await read_releases(run.site)
    done = releases.of_step(run.mark)
    if done is not None and done.came_up:
        return done
    if await recover(run.helm, run.home, run.lock, releases, run.mark, run.attempt):
        releases = await read_releases(run.site)
    options = [*chart.values, *_marks(run, releases), *waiting(run.attempt.seconds_left)]
    work = run.helm.upgrade(run.home, run.lock, run.attempt, chart.archive, options)
    await told(run.site, run.attempt, f"Helm brings up revision {releases.next_number}", work)
    done = (await read_releases(run.site)).of_step(run.mark)
    if done is None or done.status is not Status.DEPLOYED:
        found = str(done) if done is not None else "no revision of this step"
        raise Unanswered(f"Helm ended without an error, but the cluster has {found}.")
    return done


def _marks(run: Run, releases: Releases) -> list[str]:
    """By what the revision is recognised. Without --reset-values Helm would add the last release's values."""
    labels = f"{STEP_LABEL}={run.mark}.{releases.next_number}"
    if releases.newest is not None and releases.newest.failed is not None:
        labels += f",{FAILED_LABEL}=null"
    return ["--reset-values", "--labels", labels, "--description", f"Unship {run.attempt.token}"]


async def settle(run: Run, revision: Revision) -> None:
    """Wait until the revision's workloads are rolled out to the last pod: Helm is content with fewer.

    If they don't get there, the revision is marked: Helm would go on calling it deployed.
    """
    refs = [item.ref for item in await objects_of(run.site, revision) if item.ref.is_workload]
    try:
        await Watcher(run.site.cluster, run.attempt).wait(dict.fromkeys(refs), fresh=refs)
    except ProviderError:
        patch: Tree = {"metadata": {"labels": {FAILED_LABEL: str(revision.number)}}}
        secret = Ref.of("v1", "Secret", revision.secret, run.site.namespace)
        with suppress(ProviderError):
            await run.site.cluster.merge(SECRET, secret, patch, run.attempt.before_effect)
        raise


def outputs(site: Site, revision: Revision | None) -> dict[str, JsonValue]:
    """What expressions can read of a step: texts, empty ones where no release is left."""
    return {
        "releaseName": site.release,
        "namespace": site.namespace,
        "revision": str(revision.number) if revision is not None else "",
        "chart": revision.chart if revision is not None else "",
        "chartVersion": revision.chart_version if revision is not None else "",
        "appVersion": (revision.app_version or "") if revision is not None else "",
    }
