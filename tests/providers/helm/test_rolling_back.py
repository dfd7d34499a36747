"""What is special about going back with Helm: its history, its hooks, what others do with their own helm."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import ProviderError, ProviderNotFound, ProviderRefused
from providers.values import Effect, Release
from tests.providers.helm.charts import TEMPLATE, WEB, archive, chart, values
from tests.providers.helm.platform import NAMESPACE, HelmPlatform
from tests.providers.helm.stories import attempt, captured, forget, history, previewed, run, upgrade
from tests.providers.stories import NEW, OLD, Story, tell
from tests.providers.tools import call
from tests.vendor_clients import HELM_3, HELM_4, ensure

HOOK = """
apiVersion: batch/v1
kind: Job
metadata:
  name: before-rollback
  annotations: {helm.sh/hook: pre-rollback, helm.sh/hook-delete-policy: before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: "task:v1"}]}
"""
EXTRA = """
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
data: {is: new}
"""
KEPT = """
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
data: {is: new}
"""


def release(helm: HelmPlatform, version: str, files: dict[str, str]) -> Release:
    return helm.of_manifests(chart(archive(files)), values(f"tag: {version}\n"), version=version)


async def deploy(helm: HelmPlatform, wanted: Release, token: str, seconds: float = 30.0) -> None:
    step = helm.deploy_steps[0]
    await helm.provider.deploy(helm.target, wanted, step, attempt(token, seconds).at_step(0))


def test_an_upgrade_by_somebody_else_is_shown_and_undone(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        snapshot = await captured(story, NEW)
        await story.deploy(NEW, attempt("second"))
        assert (await previewed(story, snapshot))["Release/web", "revision"].current == "2"
        upgrade(helm, tmp_path, "others")
        shown = (await previewed(story, snapshot))["Release/web", "revision"]
        assert (shown.current, shown.target) == ("3, not by Unship", "1")
        outcome = await story.roll_back(snapshot, attempt("third"))
        assert outcome.outputs["restoredRevision"] == "1"
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_a_release_that_existed_before_unship_can_be_gone_back_to(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        upgrade(helm, tmp_path, OLD)
        snapshot = await captured(story, NEW)
        assert (snapshot.existed, snapshot.revision, snapshot.chart) == (True, 1, "web")
        await story.deploy(NEW, attempt("first"))
        await story.roll_back(snapshot, attempt("second"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_the_way_is_closed_where_the_release_was_uninstalled(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        run(helm, tmp_path, "uninstall", "web")
        (obstacle,) = await helm.provider.preflight(helm.target, snapshot)
        assert obstacle.blocking
        assert "uninstalled" in obstacle.message
        with pytest.raises(ProviderNotFound, match="uninstalled"):
            await story.roll_back(snapshot, attempt("third"))

    tell(helm, story)


def test_a_release_that_was_uninstalled_with_its_history_kept_comes_back(
    helm: HelmPlatform, tmp_path: Path
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        before = helm.state()
        snapshot = await captured(story, NEW)
        await story.deploy(NEW, attempt("second"))
        run(helm, tmp_path, "uninstall", "web", "--keep-history")
        assert await helm.provider.preflight(helm.target, snapshot) == ()
        await story.roll_back(snapshot, attempt("third"))
        assert helm.state() == before
        # What is uninstalled now was there before, and its history is not Unship's to delete.
        run(helm, tmp_path, "uninstall", "web", "--keep-history")
        nothing = await captured(story, NEW)
        assert (nothing.existed, nothing.newest_revision) == (False, 3)
        await story.deploy(NEW, attempt("fourth"))
        await story.roll_back(nothing, attempt("fifth"))
        assert helm.running() == []
        assert [entry[1] for entry in history(helm, tmp_path)][-1] == "uninstalled"
        assert len(history(helm, tmp_path)) == 4

    tell(helm, story)


def test_a_revision_that_was_pruned_closes_the_way(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        forget(helm, 1)
        mark = helm.world.requests.mark
        (obstacle,) = await helm.provider.preflight(helm.target, snapshot)
        assert obstacle.blocking
        assert "no longer in its history" in obstacle.message
        with pytest.raises(ProviderNotFound, match="history-max"):
            await story.roll_back(snapshot, attempt("third"))
        assert helm.effects(mark) == []

    tell(helm, story)


def test_hooks_run_unless_they_are_skipped(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        files = {**WEB, "templates/hook.yaml": HOOK}
        await deploy(helm, release(helm, OLD, files), "first")
        snapshot = await captured(story, NEW)
        await deploy(helm, release(helm, NEW, files), "second")
        without = helm.spec("HelmRollback", skipHooks=True)
        await helm.provider.roll_back(helm.target, snapshot, without, attempt("third").at_step(0))
        assert set(helm.running()) >= {OLD}
        assert helm.world.get("Job", NAMESPACE, "before-rollback") is None
        await deploy(helm, release(helm, NEW, files), "fourth")
        await story.roll_back(snapshot, attempt("fifth"))
        assert helm.world.get("Job", NAMESPACE, "before-rollback") is not None

    tell(helm, story)


def test_what_the_undone_chart_brought_is_deleted_unless_it_is_to_be_kept(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        snapshot = await captured(story, NEW)
        files = {**WEB, "Chart.yaml": WEB["Chart.yaml"].replace("0.1.0", "0.2.0")}
        files |= {"templates/extra.yaml": EXTRA, "templates/kept.yaml": KEPT}
        await deploy(helm, release(helm, NEW, files), "second")
        shown = await previewed(story, snapshot)
        assert shown["ConfigMap/extra", "object"].target is None
        assert ("ConfigMap/kept", "object") not in shown
        values = shown["Release/web", "values tag"]
        assert (values.current, values.target) == (NEW, OLD)
        chart_change = shown["Release/web", "chart"]
        assert (chart_change.current, chart_change.target) == ("web-0.2.0", "web-0.1.0")
        await story.roll_back(snapshot, attempt("third"))
        assert helm.world.get("ConfigMap", NAMESPACE, "extra") is None
        assert helm.world.get("ConfigMap", NAMESPACE, "kept") is not None
        assert await previewed(story, snapshot) == {}

    tell(helm, story)


def test_a_rollout_that_helm_takes_for_ready_too_early_is_not_gone_back_to(helm: HelmPlatform) -> None:
    """Helm waits for as many pods only as maxUnavailable leaves; here for none."""

    async def story(story: Story) -> None:
        lax = TEMPLATE.replace("maxUnavailable: 0", "maxUnavailable: 100%")
        files = {**WEB, "templates/all.yaml": lax}
        await deploy(helm, release(helm, OLD, files), "first")
        helm.break_version("broken")
        with pytest.raises(ProviderError) as failed:
            await deploy(helm, release(helm, "broken", files), "second", seconds=4.0)
        assert "ImagePullBackOff" in str(failed.value)
        snapshot = await captured(story, NEW)
        assert (snapshot.revision, snapshot.newest_revision) == (1, 2)
        await story.roll_back(snapshot, attempt("third"))
        assert set(helm.running()) == {OLD}

    tell(helm, story)


def test_a_rollout_that_cannot_finish_ends_helm_early(helm: HelmPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        hasty = TEMPLATE.replace("spec:\n  replicas", "spec:\n  progressDeadlineSeconds: 1\n  replicas")
        files = {**WEB, "templates/all.yaml": hasty}
        await deploy(helm, release(helm, OLD, files), "first")
        helm.break_version("broken")
        with pytest.raises(ProviderRefused, match="ImagePullBackOff"):
            await deploy(helm, release(helm, "broken", files), "second", seconds=600.0)
        assert [entry[1] for entry in history(helm, tmp_path)] == ["deployed", "failed"]

    tell(helm, story)


def test_one_major_goes_on_where_the_other_was(tmp_path: Path) -> None:
    """Releases of Helm 3 are merged on the client, those of Helm 4 applied on the server."""
    with HelmPlatform(tmp_path, HELM_4) as helm:

        async def story(story: Story) -> None:
            upgrade(helm, tmp_path, OLD, helm=ensure(HELM_3))
            before = helm.state()
            snapshot = await captured(story, NEW)
            await story.deploy(NEW, attempt("first"))
            upgrade(helm, tmp_path, "others", helm=ensure(HELM_3))
            await story.roll_back(snapshot, attempt("second"))
            assert helm.state() == before

        tell(helm, story)


def test_what_was_changed_by_hand_is_kept_with_helms_record_and_goes_with_it(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OLD, attempt("first"))
        helm.change_by_hand()
        snapshot = await captured(story, NEW)
        await story.deploy(NEW, attempt("second"))
        name = "unship.helm.web.v1"
        kept = helm.world.get("Secret", NAMESPACE, name)
        assert kept is not None
        assert kept["metadata"]["ownerReferences"][0]["name"] == "sh.helm.release.v1.web.v1"
        shown = await previewed(story, snapshot)
        assert shown["Deployment/web", "image (web)"].target == "library/nginx:by-hand"
        await story.roll_back(snapshot, attempt("third"))
        assert set(helm.running()) == {"by-hand"}
        assert await previewed(story, snapshot) == {}
        assert (await story.roll_back(snapshot, attempt("fourth"))).effect is Effect.SKIPPED

    tell(helm, story)


def test_a_paused_deployment_is_not_touched(helm: HelmPlatform) -> None:
    async def story(story: Story) -> None:
        snapshot = await story.deployed_twice()
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"
        call(helm.world, "PATCH", path, {"spec": {"paused": True}}, "application/merge-patch+json")
        mark = helm.world.requests.mark
        (obstacle,) = await helm.provider.preflight(helm.target, snapshot)
        assert "paused" in obstacle.message
        with pytest.raises(ProviderRefused, match="paused"):
            await story.roll_back(snapshot, attempt("third"))
        assert helm.effects(mark) == []

    tell(helm, story)
