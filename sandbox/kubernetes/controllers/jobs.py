"""Runs Jobs to completion or failure. Imports manager, podset and kinds."""

from collections.abc import Iterable, Sequence

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, sublist, submap, timestamp
from sandbox.kubernetes.controllers.manager import Context, Controller, owner_keys
from sandbox.kubernetes.controllers.podset import is_active, is_ready, new_pod
from sandbox.kubernetes.deletes import DeleteOptions
from sandbox.kubernetes.kinds import JOB, POD


class JobController(Controller):
    """One Job at a time."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._begun: dict[str, int] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        """Jobs, and the owners of pods."""
        if change.key.kind == JOB.id:
            return (change.key,)
        return owner_keys(change, JOB.id) if change.key.kind == POD.id else ()

    def reconcile(self, key: Key) -> None:
        """Takes one step and writes the status."""
        job = self.cluster.store.get(key)
        if job is None or job["metadata"].get("deletionTimestamp"):
            return
        if finished(job):
            self._expire(key, job)
            return
        pods = self.cluster.owned(job["metadata"]["uid"], POD)
        spec = submap(job, "spec")
        self._begun.setdefault(job["metadata"]["uid"], self.context.now)
        outcome = self._outcome(key, job, pods)
        if outcome is not None:
            for pod in pods:
                if is_active(pod):
                    self.context.deleter.delete(POD, pod, DeleteOptions())
        elif not spec.get("suspend"):
            missing = spec["completions"] - _ended(pods, "Succeeded")
            active = sum(is_active(pod) for pod in pods)
            for _ in range(min(spec["parallelism"], missing) - active):
                self.cluster.create(POD, new_pod(JOB, job, submap(spec, "template")))
            pods = self.cluster.owned(job["metadata"]["uid"], POD)
        self.cluster.set_status(JOB, job, _status(job, pods, outcome))

    def _outcome(self, key: Key, job: Object, pods: Sequence[Object]) -> tuple[str, str, str] | None:
        """Condition type, reason and message of a job that has ended; None while it runs."""
        spec = submap(job, "spec")
        if _ended(pods, "Succeeded") >= spec["completions"]:
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        if _ended(pods, "Failed") > spec["backoffLimit"]:
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            left = self._begun[job["metadata"]["uid"]] + deadline - self.context.now
            if left <= 0:
                return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
            self.after(left, key)
        return None

    def _expire(self, key: Key, job: Object) -> None:
        kept = submap(job, "spec").get("ttlSecondsAfterFinished")
        if kept is None:
            return
        uid = f"{job['metadata']['uid']} finished"
        left = self._begun.setdefault(uid, self.context.now) + kept - self.context.now
        if left > 0:
            self.after(left, key)
        else:
            self.context.deleter.delete(JOB, job, DeleteOptions(policy="Background"))


def finished(job: Object) -> bool:
    """Whether a Job is Complete or Failed."""
    return any(
        item["type"] in {"Complete", "Failed"} and item["status"] == "True"
        for item in sublist(job, "status", "conditions")
    )


def _ended(pods: Sequence[Object], phase: str) -> int:
    return sum(submap(pod, "status").get("phase") == phase for pod in pods)


def _status(job: Object, pods: Sequence[Object], outcome: tuple[str, str, str] | None) -> Object:
    old = submap(job, "status")
    active = [pod for pod in pods if is_active(pod)]
    status: Object = {
        "startTime": old.get("startTime") or timestamp(),
        "uncountedTerminatedPods": {},
        "terminating": 0,
        "ready": sum(is_ready(pod) for pod in active),
    }
    counts = {
        "active": len(active),
        "succeeded": _ended(pods, "Succeeded"),
        "failed": _ended(pods, "Failed"),
    }
    status.update({name: count for name, count in counts.items() if count})
    if outcome is None:
        return status
    kind, reason, message = outcome
    first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
    now = timestamp()
    status["conditions"] = [
        {
            "type": name,
            "status": "True",
            "lastProbeTime": now,
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for name in (first, kind)
    ]
    if kind == "Complete":
        status["completionTime"] = now
    return status
