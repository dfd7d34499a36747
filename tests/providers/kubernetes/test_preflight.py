"""What preflight finds in the way, and what it does not."""

from __future__ import annotations

from tests.providers.kubernetes.platform import NAMESPACE, KubernetesPlatform
from tests.providers.kubernetes.stories import Story, shop, tell
from tests.providers.tools import call

APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"


def test_a_pruned_replica_set_is_told_and_no_obstacle(cluster: KubernetesPlatform) -> None:
    without_history = [
        shop(tag).replace("  replicas: 3", "  replicas: 3\n  revisionHistoryLimit: 0") for tag in ("v1", "v2")
    ]

    async def story(story: Story) -> None:
        await story.deploy(without_history[0])
        snapshot = await story.capture(without_history[1])
        await story.deploy(without_history[1])
        for replica_set in cluster.world.list("ReplicaSet", NAMESPACE):
            if not replica_set["spec"]["replicas"]:
                call(cluster.world, "DELETE", f"{APPS}/replicasets/{replica_set['metadata']['name']}")
        obstacles = await story.preflight(snapshot)
        assert [(item.blocking, "ReplicaSet" in item.message) for item in obstacles] == [(False, True)]
        await story.roll_back(snapshot)
        assert cluster.running() == ["v1"] * 3
        assert {item.revision for item in await story.instances(shop("v1"))} == {snapshot.groups[0].revision}

    tell(cluster, story)


def test_what_earlier_pods_need_and_is_gone_blocks(cluster: KubernetesPlatform) -> None:
    needing = shop("v1").replace(
        "envFrom: [", "envFrom: [{secretRef: {name: shared}}, {configMapRef: {name: may, optional: true}}, "
    )
    secrets = f"/api/v1/namespaces/{NAMESPACE}/secrets"

    async def story(story: Story) -> None:
        call(cluster.world, "POST", secrets, {"metadata": {"name": "shared"}, "stringData": {"a": "b"}})
        await story.deploy(needing)
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        assert await story.preflight(snapshot) == ()
        call(cluster.world, "DELETE", f"{secrets}/shared")
        obstacles = await story.preflight(snapshot)
        assert [(item.blocking, "Secret/shared" in item.message) for item in obstacles] == [(True, True)]

    tell(cluster, story)


def test_missing_permissions_block_all_at_once(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        cluster.world.access.deny("patch", "deployments")
        cluster.world.access.deny("create", "secrets")
        obstacles = await story.preflight(snapshot)
        assert len(obstacles) == 1
        assert obstacles[0].blocking
        assert "patch deployments" in obstacles[0].message
        assert "create secrets" in obstacles[0].message
        assert "Role" in obstacles[0].remedy

    tell(cluster, story)


def test_one_review_answers_where_everything_is_allowed(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        mark = cluster.world.requests.mark
        assert await story.preflight(snapshot) == ()
        asked = [request.path for request in cluster.world.requests.writes(mark)]
        assert [path.rpartition("/")[2] for path in asked] == ["selfsubjectrulesreviews"]

    tell(cluster, story)


def test_a_namespace_that_is_gone_blocks(cluster: KubernetesPlatform) -> None:
    cluster.target = cluster.target.model_copy(update={"namespace": "fresh"})

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await story.deploy(shop("v2"))
        call(cluster.world, "DELETE", "/api/v1/namespaces/fresh")
        obstacles = await story.preflight(snapshot)
        assert [item.blocking for item in obstacles] == [True]
        assert "namespace fresh" in obstacles[0].message

    tell(cluster, story)
