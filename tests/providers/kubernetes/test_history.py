"""The release history: what it records, and what happens when it is gone."""

from __future__ import annotations

import pytest

from providers.errors import ProviderNotFound, ProviderRefused, ProviderUnreachable
from providers.kubernetes.history import KEPT_RELEASES
from providers.values import Effect
from sandbox.core.faults import Fault, FaultMode
from tests.providers.kubernetes.platform import NAMESPACE, RELEASE, KubernetesPlatform
from tests.providers.kubernetes.stories import Story, names, shop, tell
from tests.providers.tools import call, kubectl_patch

DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def test_a_step_that_has_ended_is_not_done_again(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        attempt = story.attempt("once")
        first = await story.deploy(shop("v1"), attempt)
        kubectl_patch(cluster.world, f"{DEPLOYMENTS}/web", {"spec": {"replicas": 1}})
        again = await story.deploy(shop("v1"), story.attempt("once"))
        assert again == first
        assert len(cluster.running()) == 1, "what somebody did since is not undone by a repetition"

    tell(cluster, story)


def test_a_release_of_another_service_is_left_alone(cluster: KubernetesPlatform) -> None:
    """Two services under one name would be rolled back together."""

    async def story(story: Story) -> None:
        provider, target = cluster.provider, cluster.target
        await story.deploy(shop("v1"))
        await story.roll_back(await story.capture(shop("v1")))
        others = cluster.release("v2").model_copy(update={"service": "two"})
        mark = cluster.world.requests.mark
        with pytest.raises(ProviderRefused, match=r'belongs to the service "web".*releaseName of its own'):
            await provider.capture(target, others)
        with pytest.raises(ProviderRefused, match='belongs to the service "web"'):
            await provider.deploy(target, others, story.spec("K8sRollingDeploy"), story.attempt())
        assert cluster.effects(mark) == []

    tell(cluster, story)


def test_only_changed_configuration_rolls_the_pods_and_goes_back(cluster: KubernetesPlatform) -> None:
    changed = shop("v1").replace("data: {release: v1}", "data: {release: v1b}")
    unversioned = changed.replace("v1b", "v1c").replace(
        "{name: web-config}\ndata", '{name: web-config, annotations: {harness.io/skip-versioning: "true"}}\ndata'
    )

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        first = {pod["metadata"]["name"] for pod in cluster.pods()}
        snapshot = await story.capture(changed)
        await story.deploy(changed)
        assert first.isdisjoint(pod["metadata"]["name"] for pod in cluster.pods())
        await story.roll_back(snapshot)
        assert len(names(cluster, "ReplicaSet")) == 2
        assert (await story.instances(changed))[0].revision == snapshot.groups[0].revision
        assert unversioned != changed
        await story.deploy(unversioned)
        assert len(names(cluster, "ReplicaSet")) == 3, "the mark is gone from the template"
        await story.deploy(unversioned.replace("v1c", "v1d"))
        assert len(names(cluster, "ReplicaSet")) == 3

    tell(cluster, story)


def test_the_history_records_what_happened(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        assert (await story.deploy(shop("v1"))).outputs["releaseNumber"] == "1"
        snapshot = await story.capture(shop("v2"))
        assert (await story.deploy(shop("v2"))).outputs["releaseNumber"] == "2"
        outcome = await story.roll_back(snapshot)
        assert outcome.outputs["releaseNumber"] == "3"
        assert outcome.outputs["restoredReleaseNumber"] == "1"
        assert outcome.outputs["restoredArtifact"] == "library/nginx:v1"
        assert outcome.outputs["restoredInstances"] == "Deployment/web: 3 of library/nginx:v1"
        assert statuses(cluster) == {
            f"unship.{RELEASE}.v1": "superseded",
            f"unship.{RELEASE}.v2": "rolled-back",
            f"unship.{RELEASE}.v3": "deployed",
        }

    tell(cluster, story)


def test_a_step_that_was_broken_off_between_its_marks_makes_the_others_when_it_is_repeated(
    cluster: KubernetesPlatform,
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        broken = cluster.world.faults.add(
            Fault(FaultMode.STATUS, "PATCH", "/secrets/", skip=1, times=None, user_agent=cluster.agent)
        )
        with pytest.raises(ProviderUnreachable):
            await story.deploy(shop("v2"), story.attempt("broken off"))
        assert "deployed" not in statuses(cluster).values()
        cluster.world.faults.remove(broken.id)
        await story.deploy(shop("v2"), story.attempt("broken off"))
        assert statuses(cluster) == {f"unship.{RELEASE}.v1": "superseded", f"unship.{RELEASE}.v2": "deployed"}

    tell(cluster, story)


def statuses(cluster: KubernetesPlatform) -> dict[str, str]:
    """The status of each record."""
    return {
        item["metadata"]["name"]: item["metadata"]["labels"]["unship.dev/status"]
        for item in cluster.world.list("Secret", NAMESPACE)
    }


def test_a_snapshot_older_than_the_history_is_refused(cluster: KubernetesPlatform) -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata: {{n: v{}}}\n"

    async def story(story: Story) -> None:
        await story.deploy(config.format(0))
        snapshot = await story.capture(config.format(1))
        for number in range(1, KEPT_RELEASES + 2):
            await story.deploy(config.format(number))
        with pytest.raises(ProviderNotFound, match="ConfigMap/c was before"):
            await story.roll_back(snapshot)
        await story.deploy(config.format(0))
        assert (await story.roll_back(snapshot)).effect is Effect.SKIPPED

    tell(cluster, story)


def test_a_missing_record_closes_the_way_unless_nothing_changed(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        untouched = await story.capture(shop("v2"))
        assert (await story.roll_back(untouched)).effect is Effect.SKIPPED
        await story.deploy(shop("v2"))
        call(cluster.world, "DELETE", f"/api/v1/namespaces/{NAMESPACE}/secrets/unship.{RELEASE}.v2")
        with pytest.raises(ProviderNotFound, match="history"):
            await story.roll_back(untouched)
        assert [item.blocking for item in await story.preflight(untouched)] == [True]

    tell(cluster, story)
