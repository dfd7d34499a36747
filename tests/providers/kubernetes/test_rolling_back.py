"""What a rollback restores, deletes and leaves alone."""

from __future__ import annotations

import pytest

from providers.errors import ProviderRefused
from tests.providers.attempts import TestAttempt
from tests.providers.kubernetes.platform import NAMESPACE, KubernetesPlatform
from tests.providers.kubernetes.stories import EXTRAS, Releasing, Story, names, shop, tell
from tests.providers.tools import call, kubectl_patch

SECRET = """
---
apiVersion: v1
kind: Secret
metadata: {{name: web-secret}}
stringData: {{password: {password}}}
"""


def test_what_only_the_undone_release_created_is_deleted(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2") + EXTRAS)
        await story.deploy(shop("v2") + EXTRAS)
        changes = await story.preview(snapshot)
        assert changes[("ConfigMap/extra", "object")] == ("present", None)
        assert changes[("HorizontalPodAutoscaler/web", "object")] == ("present", None)
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


def test_jobs_are_deleted_if_new_and_never_run_again(cluster: KubernetesPlatform) -> None:
    job = """
---
apiVersion: batch/v1
kind: Job
metadata: {{name: {name}}}
spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: job, image: "job:1"}}]}}}}}}
"""
    old, new = shop("v1") + job.format(name="old"), shop("v2") + job.format(name="new")

    async def story(story: Story) -> None:
        await story.deploy(old)
        snapshot = await story.capture(new)
        await story.deploy(new, pruningEnabled="true")
        assert names(cluster, "Job") == ["new"]
        await story.roll_back(snapshot)
        assert names(cluster, "Job") == []
        assert cluster.running().count("v1") == 3

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


def test_no_copies_are_taken_away_before_the_old_version_serves(cluster: KubernetesPlatform) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        call(cluster.world, "PATCH", f"{path}/scale", {"spec": {"replicas": 5}}, "application/merge-patch+json")
        mark = cluster.world.requests.mark
        await story.roll_back(snapshot)
        applied = [
            item.body["spec"] for item in cluster.effects(mark) if item.path == path and "spec" in item.body
        ]
        images = [spec["template"]["spec"]["containers"][0]["image"] for spec in applied]
        assert [spec["replicas"] for spec in applied] == [5, 3]
        assert images == ["library/nginx:v1"] * 2
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_what_is_on_its_way_out_is_waited_for_and_made_again(cluster: KubernetesPlatform) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web"

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        attempt = Releasing("third", cluster, path)
        await story.roll_back(snapshot, attempt)
        assert attempt.told[0].message == "Waiting until Deployment/web is gone"
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)
