"""A pod's stage and status as pure functions of its age and its images. Imports images, Pace and core.wire."""

import hashlib
from enum import StrEnum

from sandbox.core.wire import Object, sublist, submap, timestamp
from sandbox.kubernetes.controllers.manager import Pace
from sandbox.kubernetes.images import ImageFate, Images

BAD_PULL_TICKS = 1
RETRY_TICKS = 10


class Stage(StrEnum):
    """Where a pod is in its life."""

    CREATING = "ContainerCreating"
    PULL_ERROR = "ErrImagePull"
    BACKOFF = "ImagePullBackOff"
    UNREADY = "Unready"
    CRASHING = "CrashLoopBackOff"
    READY = "Ready"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


def stage_of(pod: Object, images: Images, age: int, pace: Pace) -> tuple[Stage, int]:
    """The stage at an age in ticks, and in how many ticks to look again (0: never)."""
    spec = submap(pod, "spec")
    rules = [images.of(container.get("image", "")) for container in sublist(spec, "containers")]
    fates = {rule.fate for rule in rules}
    if ImageFate.BAD in fates:
        return _bad_pull(age)
    start = pace.ready + max((rule.extra_ticks for rule in rules), default=0)
    if age < start:
        return Stage.CREATING, start - age
    runs_to_completion = spec.get("restartPolicy") in {"Never", "OnFailure"}
    if ImageFate.FAILING in fates:
        return (Stage.FAILED if runs_to_completion else Stage.CRASHING), 0
    if ImageFate.UNREADY in fates:
        return Stage.UNREADY, RETRY_TICKS
    if not runs_to_completion:
        return Stage.READY, 0
    end = start + pace.complete
    return (Stage.SUCCEEDED, 0) if age >= end else (Stage.READY, end - age)


def _bad_pull(age: int) -> tuple[Stage, int]:
    if age < BAD_PULL_TICKS:
        return Stage.CREATING, BAD_PULL_TICKS - age
    if age < 2 * BAD_PULL_TICKS:
        return Stage.PULL_ERROR, 2 * BAD_PULL_TICKS - age
    return Stage.BACKOFF, RETRY_TICKS


def pod_ip(uid: str) -> str:
    """An address that depends on the pod alone."""
    digest = hashlib.sha256(uid.encode()).digest()
    return f"10.244.{digest[0]}.{digest[1] or 1}"


def pod_status(pod: Object, stage: Stage, images: Images, address: str) -> Object:
    """The whole status for a stage; times of conditions that did not change stay."""
    old = submap(pod, "status")
    ready = stage is Stage.READY
    phase = {
        Stage.READY: "Running",
        Stage.UNREADY: "Running",
        Stage.CRASHING: "Running",
        Stage.SUCCEEDED: "Succeeded",
        Stage.FAILED: "Failed",
    }.get(stage, "Pending")
    status: Object = {
        "phase": phase,
        "conditions": _conditions(old, ready, stage),
        "hostIP": "192.0.2.10",
        "startTime": old.get("startTime") or timestamp(),
        "qosClass": "BestEffort",
        "containerStatuses": [
            _container(item, _previous(old, item), stage, images) for item in sublist(pod, "spec", "containers")
        ],
    }
    if phase == "Running":
        status["podIP"] = address
        status["podIPs"] = [{"ip": address}]
    return status


def _conditions(old: Object, ready: bool, stage: Stage) -> list[Object]:
    before = {item["type"]: item for item in sublist(old, "conditions")}
    wanted = {
        "PodScheduled": True,
        "Initialized": True,
        "ContainersReady": ready,
        "Ready": ready,
    }
    result: list[Object] = []
    for name, holds in wanted.items():
        status = "True" if holds else "False"
        previous = before.get(name, {})
        moved = previous.get("status") != status
        condition: Object = {
            "type": name,
            "status": status,
            "lastProbeTime": None,
            "lastTransitionTime": timestamp() if moved else previous["lastTransitionTime"],
        }
        if not holds:
            done = stage is Stage.SUCCEEDED
            condition["reason"] = "PodCompleted" if done else "ContainersNotReady"
            condition["message"] = "" if done else "containers with unready status"
        result.append(condition)
    return result


def _previous(old: Object, container: Object) -> Object:
    for status in sublist(old, "containerStatuses"):
        if status.get("name") == container.get("name"):
            return status
    return {}


def _container(container: Object, previous: Object, stage: Stage, images: Images) -> Object:
    image = container.get("image", "")
    started = stage in {Stage.READY, Stage.UNREADY}
    ran = started or stage in {Stage.CRASHING, Stage.SUCCEEDED, Stage.FAILED}
    return {
        "name": container.get("name", ""),
        "image": image,
        "imageID": (previous.get("imageID") or images.image_id(image)) if ran else "",
        "ready": stage is Stage.READY,
        "started": started,
        "restartCount": 3 if stage is Stage.CRASHING else 0,
        "lastState": {},
        "state": _state(stage, image),
    }


def _state(stage: Stage, image: str) -> Object:
    if stage in {Stage.READY, Stage.UNREADY}:
        return {"running": {"startedAt": timestamp()}}
    if stage in {Stage.SUCCEEDED, Stage.FAILED}:
        code, reason = (0, "Completed") if stage is Stage.SUCCEEDED else (1, "Error")
        return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": timestamp()}}
    messages = {
        Stage.PULL_ERROR: f'failed to pull and unpack image "{image}": not found',
        Stage.BACKOFF: f'Back-off pulling image "{image}": ErrImagePull',
        Stage.CRASHING: "back-off 40s restarting failed container",
    }
    waiting: Object = {"reason": stage.value}
    if stage in messages:
        waiting["message"] = messages[stage]
    return {"waiting": waiting}
