"""Rolling back beside others: kubectl, hand-made changes, autoscalers, paused rollouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.errors import ProviderRefused
from tests.providers.kubernetes.platform import NAMESPACE, KubernetesPlatform
from tests.providers.kubernetes.stories import EXTRAS, Story, kubectl, names, shop, tell
from tests.providers.tools import call, kubectl_patch

DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def container(cluster: KubernetesPlatform) -> dict[str, Any]:
    deployment = cluster.world.get("Deployment", NAMESPACE, "web")
    assert deployment is not None
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_a_target_older_than_unship_comes_back_as_it_was(cluster: KubernetesPlatform, tmp_path: Path) -> None:
    kubectl(cluster, tmp_path, "apply", "-f", "-", stdin=shop("by-kubectl"))
    kubectl(cluster, tmp_path, "rollout", "status", "deployment/web")

    async def story(story: Story) -> None:
        before = cluster.state()
        snapshot = await story.capture(shop("v1"))
        assert snapshot.existed
        assert snapshot.release_number == 0
        assert [group.artifact.tag for group in snapshot.groups] == ["by-kubectl"]
        await story.deploy(shop("v1"))
        await story.roll_back(snapshot)
        assert cluster.state() == before
        listed = await story.instances(shop("v1"))
        assert [item.artifact.tag for item in listed] == ["by-kubectl"] * 3
        assert {item.revision for item in listed} == {snapshot.groups[0].revision}
        assert len(names(cluster, "ReplicaSet")) == 2, "the old ReplicaSet was met again"

    tell(cluster, story)
    assert kubectl(cluster, tmp_path, "diff", "-f", "-", stdin=shop("by-kubectl")) == ""


def test_kubectl_apply_after_a_deployment_starts_from_what_was_deployed(
    cluster: KubernetesPlatform, tmp_path: Path
) -> None:
    with_note = shop("v1").replace("\ndata: {", "\ndata: {note: gone-later, ")
    kubectl(cluster, tmp_path, "apply", "-f", "-", stdin=shop("by-kubectl"))

    async def story(story: Story) -> None:
        await story.deploy(with_note)

    tell(cluster, story)
    kubectl(cluster, tmp_path, "apply", "-f", "-", stdin=shop("v1"))
    found = cluster.world.get("ConfigMap", NAMESPACE, "web-config")
    assert found is not None
    assert found["data"] == {"release": "v1"}, "kubectl saw in the annotation that the note was to go"


def test_what_somebody_added_since_is_removed_in_one_rollout(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before = cluster.state()
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        variable = {"name": "web", "env": [{"name": "DEBUG", "value": "1"}]}
        kubectl_patch(
            cluster.world,
            f"{DEPLOYMENTS}/web",
            {"spec": {"template": {"spec": {"containers": [variable, {"name": "extra", "image": "x:1"}]}}}},
        )
        assert (await story.preview(snapshot))[("Deployment/web", "env DEBUG (web)")] == ("1", None)
        sets = len(names(cluster, "ReplicaSet"))
        await story.roll_back(snapshot)
        assert cluster.state() == before
        assert len(names(cluster, "ReplicaSet")) <= sets + 1, "the hand-made one at most, no mixture"
        await story.deploy(shop("v2").replace("envFrom", "env: [{name: MODE, value: fast}]\n          envFrom"))
        assert container(cluster)["env"] == [{"name": "MODE", "value": "fast"}]
        await story.deploy(shop("v2"))
        assert "env" not in container(cluster)

    tell(cluster, story)


def test_a_strategy_can_be_changed_and_changed_back(cluster: KubernetesPlatform) -> None:
    recreate = shop("v2").replace("  replicas: 3", "  replicas: 3\n  strategy: {type: Recreate}")

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before = cluster.state()
        snapshot = await story.capture(recreate)
        await story.deploy(recreate)
        again = await story.capture(shop("v3"))
        await story.deploy(shop("v3").replace("  replicas: 3", "  replicas: 3\n  strategy: {type: RollingUpdate}"))
        await story.roll_back(again)
        deployment = cluster.world.get("Deployment", NAMESPACE, "web")
        assert deployment is not None
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}
        await story.roll_back(snapshot)
        assert cluster.state() == before

    tell(cluster, story)


def test_a_probe_of_another_kind_goes_back(cluster: KubernetesPlatform) -> None:
    http = shop("v1") + "          readinessProbe: {httpGet: {path: /, port: 8080}}\n"
    tcp = shop("v2") + "          readinessProbe: {tcpSocket: {port: 8080}}\n"

    async def story(story: Story) -> None:
        await story.deploy(http)
        before = cluster.state()
        snapshot = await story.capture(tcp)
        await story.deploy(tcp)
        assert container(cluster)["readinessProbe"].keys().isdisjoint({"httpGet"})
        await story.roll_back(snapshot)
        assert cluster.state() == before

    tell(cluster, story)


def test_an_autoscaler_keeps_the_count_it_decided_on(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1") + EXTRAS)
        call(
            cluster.world,
            "PATCH",
            f"{DEPLOYMENTS}/web/scale?fieldManager=kube-controller-manager",
            {"spec": {"replicas": 5}},
            "application/merge-patch+json",
        )
        snapshot = await story.capture(shop("v2") + EXTRAS)
        assert snapshot.groups[0].autoscaled
        await story.deploy(shop("v2") + EXTRAS)
        assert len(cluster.running()) == 5, "a deployment does not take the count back"
        assert ("Deployment/web", "replicas") not in await story.preview(snapshot)
        await story.roll_back(snapshot)
        assert cluster.running() == ["v1"] * 5
        assert all(item.autoscaled for item in await story.instances(shop("v1")))

    tell(cluster, story)


def test_a_count_set_by_hand_survives_releases_that_name_none(cluster: KubernetesPlatform) -> None:
    old, new = (shop(tag).replace("  replicas: 3\n", "") for tag in ("v1", "v2"))

    async def story(story: Story) -> None:
        await story.deploy(old)
        path = f"{DEPLOYMENTS}/web/scale?fieldManager=kubectl"
        call(cluster.world, "PATCH", path, {"spec": {"replicas": 4}}, "application/merge-patch+json")
        snapshot = await story.capture(new)
        await story.deploy(new)
        assert len(cluster.running()) == 4
        await story.roll_back(snapshot)
        await story.deploy(new)
        assert len(cluster.running()) == 4, "also after a rollback applied the count itself"

    tell(cluster, story)


def test_a_paused_deployment_is_left_to_who_paused_it(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        kubectl_patch(cluster.world, f"{DEPLOYMENTS}/web", {"spec": {"paused": True}})
        obstacles = await story.preflight(snapshot)
        assert [item.blocking for item in obstacles] == [True]
        assert "rollout resume" in obstacles[0].remedy
        mark = cluster.world.requests.mark
        with pytest.raises(ProviderRefused, match="paused"):
            await story.roll_back(snapshot)
        with pytest.raises(ProviderRefused, match="paused"):
            await story.deploy(shop("v3"))
        assert cluster.effects(mark) == []

    tell(cluster, story)


def test_a_pause_that_the_undone_release_brought_is_undone(cluster: KubernetesPlatform) -> None:
    paused = shop("v2").replace("  replicas: 3", "  replicas: 3\n  paused: true")

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(paused)
        await story.deploy(paused)
        assert cluster.running() == ["v1"] * 3
        with pytest.raises(ProviderRefused, match="paused"):
            await story.roll_back(snapshot)

    tell(cluster, story)
