"""StatefulSets, DaemonSets, Jobs, claims and what else controllers move."""

from __future__ import annotations

import pytest

from sandbox.core.wire import Object, clone
from tests.sandbox.cluster import Namespace, condition, template, with_image


def stateful_set(image: str = "db:v1", replicas: int = 3, **spec: object) -> Object:
    """A StatefulSet with one claim for each pod."""
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    return {
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": template("db", image),
            "volumeClaimTemplates": [claim],
            **spec,
        },
    }


def daemon_set(image: str = "agent:v1") -> Object:
    """A DaemonSet."""
    return {
        "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", image)},
    }


def job(image: str = "task:v1", **spec: object) -> Object:
    """A Job."""
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}
    return {"metadata": {"name": "task"}, "spec": {"template": pod, **spec}}


def rolled_set(value: Object | None) -> bool:
    """Whether a StatefulSet's rollout has ended."""
    if value is None or value.get("status", {}).get("observedGeneration") != value["metadata"]["generation"]:
        return False
    status = value["status"]
    return (
        status.get("readyReplicas", 0) == value["spec"]["replicas"]
        and status["currentRevision"] == status["updateRevision"]
    )


def rolled_daemon(value: Object | None) -> bool:
    """Whether a DaemonSet's rollout has ended."""
    if value is None or value.get("status", {}).get("observedGeneration") != value["metadata"]["generation"]:
        return False
    status = value["status"]
    return (
        status["desiredNumberScheduled"]
        == status.get("updatedNumberScheduled", 0)
        == status.get("numberAvailable", 0)
    )


def set_image(namespace: Namespace, kind: str, name: str, image: str) -> None:
    """Another image for a workload."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}
    assert namespace.patch(kind, name, patch, "strategic").status_code == 200


def images_by_pod(namespace: Namespace) -> dict[str, str]:
    """The image of every pod, by name."""
    return {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in namespace.list("Pod")}


def test_ordered_set_starts_one_after_the_other_with_claims(own_namespace: Namespace) -> None:
    world = own_namespace.world
    world.clock.pause()
    own_namespace.post("StatefulSet", stateful_set())
    counts: list[int] = []
    for _ in range(15):
        world.clock.advance()
        counts.append(len(world.list("Pod", "own")))
    assert sorted(set(counts)) == [1, 2, 3]
    assert sorted(images_by_pod(own_namespace)) == ["db-0", "db-1", "db-2"]
    claims = own_namespace.list("PersistentVolumeClaim")
    assert [item["metadata"]["name"] for item in claims] == ["data-db-0", "data-db-1", "data-db-2"]
    assert {item["status"]["phase"] for item in claims} == {"Bound"}


def test_set_rolls_from_the_highest_and_back_to_the_old_revision(namespace: Namespace) -> None:
    namespace.post("StatefulSet", stateful_set())
    first = namespace.until("StatefulSet", "db", rolled_set)
    set_image(namespace, "StatefulSet", "db", "db:v2")
    second = namespace.until("StatefulSet", "db", rolled_set)
    assert first is not None
    assert second is not None
    assert set(images_by_pod(namespace).values()) == {"db:v2"}
    set_image(namespace, "StatefulSet", "db", "db:v1")
    third = namespace.until("StatefulSet", "db", rolled_set)
    assert third is not None
    assert third["status"]["currentRevision"] == first["status"]["currentRevision"]
    numbers = {item["metadata"]["name"]: item["revision"] for item in namespace.list("ControllerRevision")}
    assert numbers == {first["status"]["currentRevision"]: 3, second["status"]["currentRevision"]: 2}


def test_partition_keeps_the_lower_ordinals(namespace: Namespace) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    namespace.post("StatefulSet", stateful_set(updateStrategy=strategy))
    namespace.until("StatefulSet", "db", rolled_set)
    set_image(namespace, "StatefulSet", "db", "db:v2")
    namespace.until(
        "StatefulSet",
        "db",
        lambda found: bool(
            found and found["status"].get("updatedReplicas") == 1 and found["status"]["readyReplicas"] == 3
        ),
    )
    assert images_by_pod(namespace) == {"db-0": "db:v1", "db-1": "db:v1", "db-2": "db:v2"}
    namespace.delete("Pod", "db-0", gracePeriodSeconds="0")
    namespace.until("Pod", "db-0", lambda found: found is not None)
    assert images_by_pod(namespace)["db-0"] == "db:v1"


def test_stuck_ordered_set_needs_its_pod_deleted(own_namespace: Namespace) -> None:
    """As on a real cluster: a template put back alone does not repair an ordered set."""
    world = own_namespace.world
    world.images.bad("broken")
    own_namespace.post("StatefulSet", stateful_set())
    own_namespace.until("StatefulSet", "db", rolled_set)
    world.clock.pause()
    set_image(own_namespace, "StatefulSet", "db", "broken:v2")
    world.clock.advance(20)
    set_image(own_namespace, "StatefulSet", "db", "db:v1")
    world.clock.advance(50)
    assert images_by_pod(own_namespace)["db-2"] == "broken:v2"
    own_namespace.delete("Pod", "db-2")
    world.clock.advance(20)
    assert rolled_set(world.get("StatefulSet", "own", "db"))
    assert set(images_by_pod(own_namespace).values()) == {"db:v1"}


def test_set_scales_down_from_the_highest_and_keeps_claims(namespace: Namespace) -> None:
    namespace.post("StatefulSet", stateful_set(podManagementPolicy="Parallel"))
    namespace.until("StatefulSet", "db", rolled_set)
    namespace.patch("StatefulSet", "db", {"spec": {"replicas": 1}}, "merge", "scale")
    namespace.until("Pod", "db-1", lambda found: found is None)
    namespace.until("StatefulSet", "db", lambda found: bool(found and found["status"]["replicas"] == 1))
    assert list(images_by_pod(namespace)) == ["db-0"]
    assert len(namespace.list("PersistentVolumeClaim")) == 3


def test_daemon_set_runs_on_both_nodes_and_rolls_one_at_a_time(own_namespace: Namespace) -> None:
    world = own_namespace.world
    own_namespace.post("DaemonSet", daemon_set())
    own_namespace.until("DaemonSet", "agent", rolled_daemon)
    assert {pod["spec"]["nodeName"] for pod in own_namespace.list("Pod")} == {"node-a", "node-b"}
    world.clock.pause()
    set_image(own_namespace, "DaemonSet", "agent", "agent:v2")
    for _ in range(20):
        world.clock.advance()
        ready = [pod for pod in world.list("Pod", "own") if condition(pod, "Ready").get("status") == "True"]
        assert ready
    assert rolled_daemon(world.get("DaemonSet", "own", "agent"))
    assert own_namespace.images(app="agent") == ["agent:v2"] * 2


def test_daemon_set_goes_back_to_its_revision(namespace: Namespace) -> None:
    namespace.post("DaemonSet", daemon_set())
    namespace.until("DaemonSet", "agent", rolled_daemon)
    old = namespace.list("ControllerRevision")[0]
    namespace.world.images.bad(f"{namespace.name}-broken")
    set_image(namespace, "DaemonSet", "agent", f"{namespace.name}-broken:v2")
    namespace.until(
        "DaemonSet", "agent", lambda found: bool(found and found["status"].get("updatedNumberScheduled") == 1)
    )
    assert namespace.patch("DaemonSet", "agent", old["data"], "strategic").status_code == 200
    namespace.until("DaemonSet", "agent", rolled_daemon)
    numbers = {item["metadata"]["name"]: item["revision"] for item in namespace.list("ControllerRevision")}
    assert numbers[old["metadata"]["name"]] == 3


@pytest.mark.parametrize(("completions", "parallelism"), [(1, 1), (5, 2)])
def test_job_completes(namespace: Namespace, completions: int, parallelism: int) -> None:
    namespace.post("Job", job(completions=completions, parallelism=parallelism))
    done = namespace.until("Job", "task", lambda found: condition(found, "Complete").get("status") == "True")
    assert done is not None
    assert done["status"]["succeeded"] == completions
    assert done["status"]["completionTime"]
    assert len(namespace.list("Pod")) == completions


def test_job_fails_after_its_tries(namespace: Namespace) -> None:
    namespace.world.images.failing(f"{namespace.name}-failing")
    namespace.post("Job", job(f"{namespace.name}-failing:v1", backoffLimit=2))
    failed = namespace.until("Job", "task", lambda found: condition(found, "Failed").get("status") == "True")
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    assert failed is not None
    assert failed["status"]["failed"] == 3


def test_job_deadline_and_clean_up(own_namespace: Namespace) -> None:
    world = own_namespace.world
    world.images.unready("slow")
    world.clock.pause()
    own_namespace.post("Job", job("slow:v1", activeDeadlineSeconds=20, ttlSecondsAfterFinished=10))
    world.clock.advance(22)
    assert condition(world.get("Job", "own", "task"), "Failed")["reason"] == "DeadlineExceeded"
    world.clock.advance(15)
    assert world.get("Job", "own", "task") is None
    assert world.list("Pod", "own") == []


def test_templates_of_jobs_are_immutable(namespace: Namespace) -> None:
    created = namespace.post("Job", job()).json()
    other = with_image(clone(created), "other:v1")
    del other["metadata"]["resourceVersion"]
    assert namespace.put("Job", "task", other).status_code == 422


def test_load_balancer_gets_an_address(namespace: Namespace) -> None:
    body = {"metadata": {"name": "lb"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    namespace.post("Service", body)
    namespace.until("Service", "lb", lambda found: bool(found and found["status"]["loadBalancer"].get("ingress")))


def test_logs_of_a_pod(namespace: Namespace) -> None:
    namespace.post("Pod", {"metadata": {"name": "one"}, "spec": template("a", "nginx:v1")["spec"]})
    namespace.until("Pod", "one", lambda found: condition(found, "Ready").get("status") == "True")
    text = namespace.client.get(namespace.path("Pod", "one", "log")).text
    assert text == "main: started nginx:v1\nmain: ready\n"
    tail = namespace.client.get(namespace.path("Pod", "one", "log"), params={"tailLines": "1"}).text
    assert tail == "main: ready\n"
    wrong = namespace.client.get(namespace.path("Pod", "one", "log"), params={"container": "x"})
    assert wrong.status_code == 400
