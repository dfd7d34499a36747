"""What a rolling deployment checks, creates and applies."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.errors import ProviderNotFound, ProviderRefused
from providers.kubernetes.history import KEPT_RELEASES
from providers.values import Effect, Manifest, Release
from sandbox.core.faults import Fault, FaultMode
from tests.providers.attempts import TestAttempt
from tests.providers.kubernetes.platform import NAMESPACE, RELEASE, KubernetesPlatform
from tests.providers.kubernetes.stories import Story, kubectl, shop, tell
from tests.providers.tools import call

BAD = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: second}
spec:
  selector: {matchLabels: {app: second}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: second, image: "second:1"}]}
"""


def applied(cluster: KubernetesPlatform, mark: int) -> list[str]:
    """Kind paths of what was applied after `mark`, in order."""
    return [
        request.path.split("/")[-2]
        for request in cluster.effects(mark)
        if request.headers.get("content-type") == "application/apply-patch+yaml"
    ]


def test_nothing_is_applied_of_a_set_with_a_bad_manifest(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        mark, before = cluster.world.requests.mark, cluster.state()
        with pytest.raises(ProviderRefused, match="check Deployment/second") as refused:
            await story.deploy(shop("v2") + BAD)
        assert "selector" in (refused.value.said or "")
        assert cluster.effects(mark) == []
        assert cluster.state() == before

    tell(cluster, story)


def test_without_the_dry_run_the_good_ones_are_applied_and_can_be_undone(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before = cluster.state()
        snapshot = await story.capture(shop("v2") + BAD)
        with pytest.raises(ProviderRefused):
            await story.deploy(shop("v2") + BAD, skipDryRun="true")
        assert cluster.state() != before
        await story.roll_back(snapshot)
        assert cluster.state() == before

    tell(cluster, story)


def test_objects_are_applied_in_the_order_of_their_kinds(cluster: KubernetesPlatform) -> None:
    documents = shop("v1").split("---")

    async def story(story: Story) -> None:
        mark = cluster.world.requests.mark
        await story.deploy("---".join(reversed(documents)))
        assert applied(cluster, mark) == ["configmaps", "services", "deployments"]

    tell(cluster, story)


def test_a_namespace_that_is_missing_is_created_first(cluster: KubernetesPlatform) -> None:
    cluster.target = cluster.target.model_copy(update={"namespace": "fresh"})

    async def story(story: Story) -> None:
        assert not (await story.capture(shop("v1"))).existed
        await story.deploy(shop("v1"))
        deployment = cluster.world.get("Deployment", "fresh", "web")
        assert deployment is not None
        assert len(await story.instances(shop("v1"))) == 3

    tell(cluster, story)


def test_a_user_who_may_not_look_at_namespaces_can_deploy(cluster: KubernetesPlatform) -> None:
    cluster.world.access.deny("get", "namespaces")

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        assert await story.preflight(snapshot) == ()
        await story.roll_back(snapshot)
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_a_permission_that_is_missing_is_named(cluster: KubernetesPlatform) -> None:
    cluster.world.access.deny("patch", "deployments")

    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="permission") as refused:
            await story.deploy(shop("v1"))
        assert "deployments" in (refused.value.said or "")

    tell(cluster, story)


def test_what_nothing_changes_is_skipped_and_still_has_a_number(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        pods = {pod["metadata"]["uid"] for pod in cluster.pods()}
        snapshot = await story.capture(shop("v1"))
        again = await story.deploy(shop("v1"))
        assert again.effect is Effect.SKIPPED
        assert again.reason
        assert again.outputs["releaseNumber"] == "2"
        assert {item.artifact.revision for item in await story.instances(shop("v1"))} == {"1"}
        assert (await story.roll_back(snapshot)).effect is Effect.SKIPPED
        assert {pod["metadata"]["uid"] for pod in cluster.pods()} == pods

    tell(cluster, story)


def test_pods_carry_the_release_and_nothing_that_changes_with_it(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        first = cluster.pods()[0]["metadata"]
        assert first["labels"]["unship.dev/release"] == RELEASE
        await story.deploy(shop("v2"))
        await story.deploy(shop("v1"))
        assert len(cluster.world.list("ReplicaSet", NAMESPACE)) == 2
        assert cluster.pods()[0]["metadata"]["labels"] == first["labels"]
        assert {item.artifact.revision for item in await story.instances(shop("v1"))} == {"3"}

    tell(cluster, story)


def test_what_a_release_no_longer_has_stays_unless_pruning_is_on(cluster: KubernetesPlatform) -> None:
    more = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"

    async def story(story: Story) -> None:
        await story.deploy(shop("v1") + more)
        await story.deploy(shop("v2"))
        assert cluster.world.get("ConfigMap", NAMESPACE, "extra") is not None
        await story.deploy(shop("v3") + more)
        snapshot = await story.capture(shop("v4"))
        await story.deploy(shop("v4"), pruningEnabled=True)
        assert cluster.world.get("ConfigMap", NAMESPACE, "extra") is None
        assert (await story.preview(snapshot))[("ConfigMap/extra", "object")] == (None, "present")
        await story.roll_back(snapshot)
        found = cluster.world.get("ConfigMap", NAMESPACE, "extra")
        assert found is not None
        assert found["data"] == {"a": "b"}

    tell(cluster, story)


def test_the_history_is_kept_long_enough_and_not_for_ever(cluster: KubernetesPlatform) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{n: v{}}}\n"

    async def story(story: Story) -> None:
        for number in range(1, KEPT_RELEASES + 5):
            await story.deploy(config.format(number))
        records = sorted(int(item["metadata"]["labels"]["unship.dev/number"]) for item in secrets(cluster))
        assert records == list(range(4, KEPT_RELEASES + 5))
        assert len(records) == KEPT_RELEASES + 1

    tell(cluster, story)


def secrets(cluster: KubernetesPlatform) -> list[dict[str, dict[str, dict[str, str]]]]:
    return cluster.world.list("Secret", NAMESPACE)


@pytest.mark.parametrize("mode", [FaultMode.LOST, FaultMode.GARBAGE, FaultMode.HALF_DONE])
def test_a_record_whose_answer_was_lost_is_recognised(cluster: KubernetesPlatform, mode: FaultMode) -> None:
    fault = cluster.world.faults.add(Fault(mode, method="POST", path="/secrets"))

    async def story(story: Story) -> None:
        assert (await story.deploy(shop("v1"))).outputs["releaseNumber"] == "1"
        assert fault.fired == 1
        assert len(secrets(cluster)) == 1

    tell(cluster, story)


def test_two_deployments_at_once_get_numbers_of_their_own(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        first = call(cluster.world, "GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/unship.{RELEASE}.v1")
        racing = {
            "metadata": {
                "name": f"unship.{RELEASE}.v2",
                "labels": first["metadata"]["labels"] | {"unship.dev/number": "2", "unship.dev/status": "failed"},
                "annotations": {"unship.dev/token": "another"},
            },
            "data": first["data"],
            "type": first["type"],
        }

        class Racing(TestAttempt):
            async def before_effect(self) -> None:
                if self.effects == 0:
                    call(cluster.world, "POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", racing)
                await super().before_effect()

        outcome = await story.deploy(shop("v2"), Racing("mine"))
        assert outcome.outputs["releaseNumber"] == "3"

    tell(cluster, story)


def test_a_kind_that_the_cluster_does_not_serve_is_refused_by_name(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        strange = "apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: a}\n"
        with pytest.raises(ProviderRefused, match=r"Gadget in example.org/v1"):
            await story.deploy(strange)

    tell(cluster, story)


def test_a_release_without_manifests_is_refused(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="no manifests"):
            await cluster.provider.deploy(
                cluster.target, Release(service="web"), story.spec("K8sRollingDeploy"), story.attempt()
            )
        values = Release(service="web", manifests=(Manifest(identifier="v", type="Values", content="a: 1"),))
        with pytest.raises(ProviderRefused, match="of type Values"):
            await cluster.provider.deploy(cluster.target, values, story.spec("K8sRollingDeploy"), story.attempt())

    tell(cluster, story)


def test_what_vanishes_while_it_is_waited_for_is_told(cluster: KubernetesPlatform) -> None:
    cluster.world.images.unready(":v1$")

    class Deleting(TestAttempt):
        async def report(self, progress: object) -> None:
            del progress
            if cluster.world.get("Deployment", NAMESPACE, "web") is not None:
                call(cluster.world, "DELETE", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web")

    async def story(story: Story) -> None:
        with pytest.raises(ProviderNotFound, match="Deployment/web"):
            await story.deploy(shop("v1"), Deleting("one"))

    tell(cluster, story)


def test_progress_tells_how_many_are_updated(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        attempt = story.attempt()
        await story.deploy(shop("v2"), attempt)
        counts = [(progress.ready, progress.desired) for progress in attempt.told]
        assert counts[-1] == (3, 3)
        assert any(progress.message == "Deployment/web: 2 of 3 updated" for progress in attempt.told)

    tell(cluster, story)


def test_a_rollout_is_seen_to_its_end_without_watches_too(cluster: KubernetesPlatform) -> None:
    cluster.world.faults.add(Fault(FaultMode.STATUS, status=400, path="watch=true", times=None))

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_a_watch_that_stays_silent_does_not_hold_the_rollout_up(cluster: KubernetesPlatform) -> None:
    fault = cluster.world.faults.add(Fault(FaultMode.HANG, path="watch=true", times=1, seconds=60))

    async def story(story: Story) -> None:
        attempt = story.attempt(seconds_left=20.0)
        await story.deploy(shop("v1"), attempt)
        assert fault.fired == 1
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_kubectl_agrees_that_it_is_rolled_out(cluster: KubernetesPlatform, tmp_path: Path) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))

    tell(cluster, story)
    said = kubectl(cluster, tmp_path, "rollout", "status", "deployment/web", "--timeout=1s")
    assert "successfully rolled out" in said
