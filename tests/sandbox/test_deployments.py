"""The Deployment controller: limits, revisions, deadline, pause, Recreate, history, scaling, readiness."""

from __future__ import annotations

import pytest

from sandbox.core.wire import Object
from sandbox.kubernetes import KubernetesWorld
from tests.sandbox.cluster import Namespace, complete, condition, deployment

REVISION = "deployment.kubernetes.io/revision"


def revisions(namespace: Namespace) -> dict[str, str]:
    """Revision by image of every ReplicaSet."""
    return {
        item["spec"]["template"]["spec"]["containers"][0]["image"]: item["metadata"]["annotations"][REVISION]
        for item in namespace.list("ReplicaSet")
    }


def change_image(namespace: Namespace, image: str) -> None:
    """Sets the image of the Deployment `web`."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    assert namespace.patch("Deployment", "web", patch, "strategic").status_code == 200


def pods(world: KubernetesWorld, namespace: str) -> tuple[int, int]:
    """(living, ready) pods."""
    living = [pod for pod in world.list("Pod", namespace) if "deletionTimestamp" not in pod["metadata"]]
    return len(living), sum(condition(pod, "Ready").get("status") == "True" for pod in living)


def test_rollout_stays_within_surge_and_unavailability(own_namespace: Namespace) -> None:
    world = own_namespace.world
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    own_namespace.post("Deployment", deployment(replicas=4, strategy=rolling))
    own_namespace.rolled_out("web")
    world.clock.pause()
    change_image(own_namespace, "nginx:v2")
    steps: list[tuple[int, int]] = []
    for _ in range(40):
        world.clock.advance()
        steps.append(pods(world, "own"))
        if complete(world.get("Deployment", "own", "web")):
            break
    assert complete(world.get("Deployment", "own", "web"))
    assert max(living for living, _ in steps) <= 5
    assert min(ready for _, ready in steps) >= 3
    assert len(steps) > 4, "a rollout takes visible time"


def test_undo_reuses_the_replica_set_with_a_new_revision(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    first = namespace.rolled_out("web")
    assert first["metadata"]["annotations"][REVISION] == "1"
    change_image(namespace, "nginx:v2")
    namespace.rolled_out("web")
    assert revisions(namespace) == {"nginx:v1": "1", "nginx:v2": "2"}
    change_image(namespace, "nginx:v1")
    back = namespace.rolled_out("web")
    assert revisions(namespace) == {"nginx:v1": "3", "nginx:v2": "2"}
    assert back["metadata"]["annotations"][REVISION] == "3"
    old = next(item for item in namespace.list("ReplicaSet") if item["spec"]["replicas"] == 3)
    assert old["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


def test_template_that_means_the_same_keeps_the_replica_set(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    namespace.rolled_out("web")
    patch: Object = {
        "spec": {
            "template": {
                "metadata": {"creationTimestamp": None, "annotations": {}},
                "spec": {"nodeSelector": {}, "volumes": []},
            }
        }
    }
    namespace.patch("Deployment", "web", patch)
    namespace.rolled_out("web")
    assert len(namespace.list("ReplicaSet")) == 1


def test_bad_image_misses_the_progress_deadline_and_keeps_the_old_pods(namespace: Namespace) -> None:
    namespace.world.images.bad(f"^{namespace.name}-broken")
    namespace.post("Deployment", deployment(progressDeadlineSeconds=20))
    namespace.rolled_out("web")
    change_image(namespace, f"{namespace.name}-broken:v2")

    def failed(value: Object | None) -> bool:
        return condition(value, "Progressing").get("reason") == "ProgressDeadlineExceeded"

    found = namespace.until("Deployment", "web", failed)
    assert condition(found, "Progressing")["status"] == "False"
    assert condition(found, "Available")["status"] == "True"
    assert found is not None
    assert found["status"]["availableReplicas"] == 3
    bad = [pod for pod in namespace.list("Pod") if condition(pod, "Ready").get("status") != "True"]
    states = [pod["status"]["containerStatuses"][0]["state"] for pod in bad]
    assert [state["waiting"]["reason"] for state in states] == ["ImagePullBackOff"]
    events = namespace.list("Event", fieldSelector="type=Warning")
    assert any("Back-off pulling image" in event["message"] for event in events)
    change_image(namespace, "nginx:v1")
    assert condition(namespace.rolled_out("web"), "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_deadline_counts_from_the_last_progress(own_namespace: Namespace) -> None:
    world = own_namespace.world
    world.clock.pause()
    world.images.unready("unready")
    own_namespace.post("Deployment", deployment(image="unready:v1", progressDeadlineSeconds=10))
    world.clock.advance(9)
    assert condition(world.get("Deployment", "own", "web"), "Progressing")["status"] == "True"
    world.clock.advance(3)
    assert condition(world.get("Deployment", "own", "web"), "Progressing")["status"] == "False"


def test_slow_image_takes_longer(own_namespace: Namespace) -> None:
    world = own_namespace.world
    world.clock.pause()
    world.images.slow("slow", 20)
    own_namespace.post("Deployment", deployment("fast", "nginx:v1"))
    own_namespace.post("Deployment", deployment("slow", "slow:v1"))
    world.clock.advance(10)
    assert complete(world.get("Deployment", "own", "fast"))
    assert not complete(world.get("Deployment", "own", "slow"))
    world.clock.advance(20)
    assert complete(world.get("Deployment", "own", "slow"))


def test_paused_deployment_scales_but_does_not_roll(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment())
    namespace.rolled_out("web")
    namespace.patch("Deployment", "web", {"spec": {"paused": True}})
    change_image(namespace, "nginx:v2")
    namespace.patch("Deployment", "web", {"spec": {"replicas": 5}})
    scaled = namespace.until(
        "Deployment", "web", lambda found: bool(found and found["status"].get("availableReplicas") == 5)
    )
    assert condition(scaled, "Progressing")["reason"] == "DeploymentPaused"
    assert namespace.images(app="web") == ["nginx:v1"] * 5
    namespace.patch("Deployment", "web", {"spec": {"paused": None}})
    namespace.rolled_out("web")
    assert namespace.images(app="web") == ["nginx:v2"] * 5


@pytest.mark.parametrize("back", ["nginx:v3", "nginx:v1"])
def test_recreate_never_runs_both(own_namespace: Namespace, back: str) -> None:
    world = own_namespace.world
    own_namespace.post("Deployment", deployment(strategy={"type": "Recreate"}))
    own_namespace.rolled_out("web")
    world.clock.pause()
    for image in ("nginx:v2", back):
        change_image(own_namespace, image)
        for _ in range(30):
            world.clock.advance()
            assert len({pod["spec"]["containers"][0]["image"] for pod in world.list("Pod", "own")}) <= 1
        assert complete(world.get("Deployment", "own", "web"))
    assert own_namespace.images(app="web") == [back] * 3


def test_history_limit_prunes_the_oldest(namespace: Namespace) -> None:
    namespace.post("Deployment", deployment(revisionHistoryLimit=1, replicas=1))
    for version in ("v2", "v3", "v4"):
        namespace.rolled_out("web")
        change_image(namespace, f"nginx:{version}")
    namespace.rolled_out("web")
    assert revisions(namespace) == {"nginx:v3": "3", "nginx:v4": "4"}


def test_scaling_in_the_middle_of_a_rollout_is_proportional(own_namespace: Namespace) -> None:
    world = own_namespace.world
    own_namespace.post("Deployment", deployment(replicas=10))
    own_namespace.rolled_out("web")
    world.images.bad("broken")
    change_image(own_namespace, "broken:v2")

    def stuck(value: Object | None) -> bool:
        return bool(value and value["status"].get("updatedReplicas") == 5 and value["status"]["replicas"] == 13)

    own_namespace.until("Deployment", "web", stuck)
    own_namespace.patch("Deployment", "web", {"spec": {"replicas": 20}})
    own_namespace.until("Deployment", "web", lambda found: bool(found and found["status"]["replicas"] == 25))
    sizes = sorted(item["spec"]["replicas"] for item in own_namespace.list("ReplicaSet"))
    assert sum(sizes) == 25
    assert sizes[0] >= 9, "both grew"


def test_min_ready_seconds_delay_availability(own_namespace: Namespace) -> None:
    world = own_namespace.world
    world.clock.pause()
    own_namespace.post("Deployment", deployment(minReadySeconds=30))
    world.clock.advance(10)
    status = own_namespace.read("Deployment", "web")["status"]
    assert (status["readyReplicas"], status.get("availableReplicas", 0)) == (3, 0)
    world.clock.advance(30)
    assert own_namespace.read("Deployment", "web")["status"]["availableReplicas"] == 3


def test_status_is_observed_at_the_next_tick(own_namespace: Namespace) -> None:
    own_namespace.post("Deployment", deployment())
    own_namespace.rolled_out("web")
    own_namespace.world.clock.pause()
    change_image(own_namespace, "nginx:v2")
    found = own_namespace.read("Deployment", "web")
    assert (found["metadata"]["generation"], found["status"]["observedGeneration"]) == (2, 1)
    own_namespace.world.clock.advance()
    assert own_namespace.read("Deployment", "web")["status"]["observedGeneration"] == 2


def test_image_digests_are_stable_until_a_tag_moves(namespace: Namespace) -> None:
    image = f"registry.example/{namespace.name}/web:stable"
    namespace.post("Deployment", deployment(image=image, replicas=1))
    namespace.rolled_out("web")
    before = _image_id(namespace)
    assert before == namespace.world.images.image_id(image)
    assert before.startswith(f"registry.example/{namespace.name}/web@sha256:")
    moved = namespace.world.images.move(image)
    assert _image_id(namespace) == before
    namespace.delete("Pod", labelSelector="app=web")
    namespace.until("Deployment", "web", lambda found: bool(found and not complete(found)))
    namespace.rolled_out("web")
    assert moved != before.split("@")[1]
    assert _image_id(namespace).endswith(f"@{moved}")


def _image_id(namespace: Namespace) -> str:
    pods = [pod for pod in namespace.list("Pod") if "deletionTimestamp" not in pod["metadata"]]
    return pods[0]["status"]["containerStatuses"][0]["imageID"]
