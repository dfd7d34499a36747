"""What a rollback restores, deletes and leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from providers.errors import ProviderNotFound, ProviderRefused
from providers.kubernetes.history import KEPT_RELEASES
from providers.values import Effect
from tests.providers.attempts import TestAttempt
from tests.providers.kubernetes.stories import Story, kubectl, shop, tell
from tests.providers.platforms import NAMESPACE, RELEASE, KubernetesPlatform
from tests.providers.tools import call, kubectl_patch

DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"

SECRET = """
---
apiVersion: v1
kind: Secret
metadata: {{name: web-secret}}
stringData: {{password: {password}}}
"""
EXTRAS = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
data: {a: b}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: store}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 9
"""


def names(cluster: KubernetesPlatform, kind: str) -> list[str]:
    return sorted(item["metadata"]["name"] for item in cluster.world.list(kind, NAMESPACE))


def container(cluster: KubernetesPlatform) -> dict[str, Any]:
    deployment = cluster.world.get("Deployment", NAMESPACE, "web")
    assert deployment is not None
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_what_only_the_undone_release_created_is_deleted(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2") + EXTRAS)
        await story.deploy(shop("v2") + EXTRAS)
        changes = await story.preview(snapshot)
        assert changes[("ConfigMap/extra", "object")] == ("present", "absent")
        assert changes[("HorizontalPodAutoscaler/web", "object")] == ("present", "absent")
        await story.roll_back(snapshot)
        assert "extra" not in names(cluster, "ConfigMap")
        assert names(cluster, "HorizontalPodAutoscaler") == []
        assert names(cluster, "PersistentVolumeClaim") == ["store"], "no manifest could bring its data back"
        assert await story.preview(snapshot) == {}

    tell(cluster, story)


def test_an_object_that_was_there_before_the_release_named_it_is_kept(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
        call(cluster.world, "POST", path, {"metadata": {"name": "extra"}, "data": {"a": "before"}})
        snapshot = await story.capture(shop("v2") + EXTRAS)
        await story.deploy(shop("v2") + EXTRAS)
        await story.roll_back(snapshot)
        found = cluster.world.get("ConfigMap", NAMESPACE, "extra")
        assert found is not None
        assert found["data"] == {"a": "before"}

    tell(cluster, story)


def test_an_object_of_another_release_is_not_deleted(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2") + EXTRAS)
        await story.deploy(shop("v2") + EXTRAS)
        kubectl_patch(
            cluster.world,
            f"/api/v1/namespaces/{NAMESPACE}/configmaps/extra",
            {"metadata": {"labels": {"unship.dev/release": "another"}}},
        )
        await story.roll_back(snapshot)
        assert "extra" in names(cluster, "ConfigMap")

    tell(cluster, story)


def test_an_object_that_was_replaced_meanwhile_is_not_deleted(cluster: KubernetesPlatform) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    more = "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"

    class Replacing(TestAttempt):
        async def before_effect(self) -> None:
            await super().before_effect()
            if self.effects < 4:
                return
            found = cluster.world.get("ConfigMap", NAMESPACE, "extra")
            if found is not None and found["data"] == {"a": "b"}:
                call(cluster.world, "DELETE", f"{path}/extra")
                metadata = {"name": "extra", "labels": found["metadata"]["labels"]}
                call(cluster.world, "POST", path, {"metadata": metadata, "data": {"a": "another"}})

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2") + more)
        await story.deploy(shop("v2") + more)
        await story.roll_back(snapshot, Replacing("replacing"))
        found = cluster.world.get("ConfigMap", NAMESPACE, "extra")
        assert found is not None
        assert found["data"] == {"a": "another"}

    tell(cluster, story)


def test_a_step_that_has_ended_is_not_done_again(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        attempt = story.attempt("once")
        first = await story.deploy(shop("v1"), attempt)
        kubectl_patch(cluster.world, f"{DEPLOYMENTS}/web", {"spec": {"replicas": 1}})
        again = await story.deploy(shop("v1"), story.attempt("once"))
        assert again == first
        assert len(cluster.running()) == 1, "what somebody did since is not undone by a repetition"

    tell(cluster, story)


def test_secrets_come_back_and_never_leave_the_cluster(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        old, new = (
            shop(tag) + SECRET.format(password=word) for tag, word in (("v1", "canary-a"), ("v2", "canary-b"))
        )
        await story.deploy(old)
        before = cluster.world.get("Secret", NAMESPACE, "web-secret")
        snapshot = await story.capture(new)
        await story.deploy(new)
        changes = await story.preview(snapshot)
        assert changes[("Secret/web-secret", "data.password")] == ("(hidden)", "(hidden)")
        await story.roll_back(snapshot)
        after = cluster.world.get("Secret", NAMESPACE, "web-secret")
        assert before is not None
        assert after is not None
        assert after["data"] == before["data"]
        assert "canary" not in snapshot.model_dump_json()
        assert before["data"]["password"] not in snapshot.model_dump_json()

    tell(cluster, story)


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
    with_note = shop("v1").replace("data: {", "data: {note: gone-later, ")
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


OTHERS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  replicas: 2
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: db, image: "db:{version}"}}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec: {{containers: [{{name: agent, image: "agent:{version}"}}]}}
"""


def test_stateful_sets_and_daemon_sets_go_back_too(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(OTHERS.format(version="1"))
        snapshot = await story.capture(OTHERS.format(version="2"))
        assert {group.name: group.count for group in snapshot.groups} == {
            "StatefulSet/db": 2,
            "DaemonSet/agent": 2,
        }
        assert all(group.revision and group.digests for group in snapshot.groups)
        await story.deploy(OTHERS.format(version="2"))
        assert cluster.running() == ["2"] * 4
        await story.roll_back(snapshot)
        assert cluster.running() == ["1"] * 4
        revisions = {group.name: group.revision for group in snapshot.groups}
        listed = await story.instances(OTHERS.format(version="2"))
        assert len(listed) == 4
        assert all(item.revision == revisions[item.group] for item in listed)

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


def test_a_rollback_that_fails_says_why_and_can_be_tried_again(cluster: KubernetesPlatform) -> None:
    slow = shop("v2").replace("  replicas: 3", "  replicas: 3\n  progressDeadlineSeconds: 10")
    old = shop("v1").replace("  replicas: 3", "  replicas: 3\n  progressDeadlineSeconds: 10")

    async def story(story: Story) -> None:
        await story.deploy(old)
        snapshot = await story.capture(slow)
        await story.deploy(slow)
        cluster.break_version("v1")
        with pytest.raises(ProviderRefused, match=r"ImagePullBackOff|ErrImagePull"):
            await story.roll_back(snapshot)
        cluster.world.images.clear()
        await story.roll_back(snapshot)
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_the_history_records_what_happened(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        assert (await story.deploy(shop("v1"))).outputs["releaseNumber"] == "1"
        snapshot = await story.capture(shop("v2"))
        assert (await story.deploy(shop("v2"))).outputs["releaseNumber"] == "2"
        outcome = await story.roll_back(snapshot)
        assert outcome.outputs["releaseNumber"] == "3"
        assert outcome.outputs["restoredReleaseNumber"] == "1"
        records = {
            item["metadata"]["name"]: item["metadata"]["labels"]["unship.dev/status"]
            for item in cluster.world.list("Secret", NAMESPACE)
        }
        assert records == {
            f"unship.{RELEASE}.v1": "superseded",
            f"unship.{RELEASE}.v2": "rolled-back",
            f"unship.{RELEASE}.v3": "deployed",
        }

    tell(cluster, story)


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
