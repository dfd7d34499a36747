"""Tasks: ListTasks, DescribeTasks and StopTask, and the life of a task from tick to tick."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.aws.ecs.finding import Finder, short
from sandbox.aws.ecs.images import ImageFate, Images
from sandbox.aws.ecs.state import Cluster, State, Task, TaskStatus, now
from sandbox.aws.ecs.targets import TargetGroups
from sandbox.aws.ecs.views import task_view
from sandbox.aws.names import Account
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, sublist

# A group that no listener leads to has no health.
_SERVING = frozenset({"healthy", "unused"})


@dataclass(frozen=True, slots=True)
class Pace:
    """How many ticks things take."""

    provisioning: int = 1
    pulling: int = 1
    stopping: int = 2
    forgetting: int = 20_000
    """Stopped tasks can be described for about an hour."""
    restart: int = 4
    """Before another task is started after one that failed; longer with each failure, up to ten times."""


class Tasks:
    """All tasks."""

    def __init__(self, state: State, finder: Finder, account: Account) -> None:
        self._state = state
        self._finder = finder
        self._account = account
        self.handlers: Mapping[str, Handler] = {
            "ListTasks": self._list,
            "DescribeTasks": self._describe,
            "StopTask": self._stop,
        }

    def _list(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        name = parameters.get("serviceName")
        group = self._finder.service(cluster, name).group if name else None
        status = parameters.get("desiredStatus") or "RUNNING"
        arns = [
            task.arn
            for task in cluster.tasks.values()
            if group in (None, task.group)
            and task.wanted == status
            and parameters.get("family") in (None, task.definition.family)
            and parameters.get("startedBy") in (None, task.deployment)
        ]
        found = page(arns, parameters.get("nextToken"), parameters.get("maxResults") or 100)
        return {"taskArns": list(found.items), "nextToken": found.next_token}

    def _describe(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        names: list[str] = parameters["tasks"]
        if not names or len(names) > 100:
            raise AwsError("InvalidParameterException", "Tasks must have between 1 and 100 members.")
        tags = "TAGS" in (parameters.get("include") or ())
        found = [cluster.tasks[short(name)] for name in names if short(name) in cluster.tasks]
        missing = [name for name in names if short(name) not in cluster.tasks]
        return {
            "tasks": [task_view(cluster, item, tags=tags) for item in found],
            "failures": [
                {"arn": self._account.arn("ecs", f"task/{cluster.name}/{short(name)}"), "reason": "MISSING"}
                for name in missing
            ],
        }

    def _stop(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        task = cluster.tasks.get(short(parameters["task"]))
        if task is None:
            raise AwsError("InvalidParameterException", "The referenced task was not found.")
        stop(task, "UserInitiated", parameters.get("reason") or "Task stopped by user")
        self._state.revision += 1
        return {"task": task_view(cluster, task, tags=False)}


def stop(task: Task, code: str, reason: str) -> None:
    """The task is to end; it does so by and by."""
    if task.is_wanted:
        task.wanted, task.stop_code, task.reason, task.stopping = TaskStatus.STOPPED, code, reason, now()
        task.age = 0


class Life:
    """Moves tasks along."""

    def __init__(self, images: Images, targets: TargetGroups, pace: Pace) -> None:
        self._images = images
        self._targets = targets
        self._pace = pace

    def tick(self, cluster: Cluster, task: Task) -> None:
        """One tick in a task's life."""
        task.age += 1
        match task.status:
            case TaskStatus.STOPPED:
                if task.age > self._pace.forgetting:
                    del cluster.tasks[task.id]
            case TaskStatus.PROVISIONING | TaskStatus.PENDING if not task.is_wanted:
                _ended(task)
            case TaskStatus.PROVISIONING if task.age >= self._pace.provisioning:
                task.status, task.age = TaskStatus.PENDING, 0
            case TaskStatus.PENDING if task.age >= self._pace.pulling:
                self._pull(task)
            case TaskStatus.RUNNING if not task.is_wanted:
                task.status = TaskStatus.DEACTIVATING
                self._each_target(task, self._targets.deregister)
            case TaskStatus.RUNNING:
                self._run(task)
            case TaskStatus.DEACTIVATING if task.age >= self._pace.stopping:
                _ended(task)
            case _:
                pass

    def is_healthy(self, task: Task) -> bool:
        """Running, and healthy in its target groups."""
        return task.status is TaskStatus.RUNNING and all(
            self._targets.health(item["targetGroupArn"], task.address) in _SERVING
            for item in sublist(task.settings, "loadBalancers")
        )

    def _pull(self, task: Task) -> None:
        for container in task.definition.body["containerDefinitions"]:
            image: str = container["image"]
            fate = self._images.fate(image)
            if fate is ImageFate.STUCK:
                return
            if fate is ImageFate.BAD:
                reason = (
                    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
                    f"ref {image}: {image}: not found"
                )
                stop(task, "TaskFailedToStart", reason)
                _ended(task)
                return
            task.digests[container["name"]] = self._images.digest(image)
        task.status, task.age, task.started = TaskStatus.RUNNING, 0, now()
        self._each_target(task, self._targets.register)

    def _run(self, task: Task) -> None:
        for container in task.definition.body["containerDefinitions"]:
            if self._images.fate(container["image"]) is ImageFate.CRASH and container["essential"]:
                task.exit_codes[container["name"]] = 1
                stop(task, "EssentialContainerExited", "Essential container in task exited")
                self._each_target(task, self._targets.deregister)
                _ended(task)
                return

    @staticmethod
    def _each_target(task: Task, act: Callable[[str, str, int | None], None]) -> None:
        for item in sublist(task.settings, "loadBalancers"):
            act(item["targetGroupArn"], task.address, item["containerPort"])


def _ended(task: Task) -> None:
    task.status, task.age, task.stopped = TaskStatus.STOPPED, 0, now()
