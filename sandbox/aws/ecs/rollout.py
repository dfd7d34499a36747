"""The service scheduler: at every tick each service comes nearer to what is wanted of it.

minimumHealthyPercent of the desired count stay up and at most maximumPercent run, as in
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
"""

from __future__ import annotations

import itertools

from sandbox.aws.ecs.deployments import complete, fail, tell
from sandbox.aws.ecs.services import settle
from sandbox.aws.ecs.state import Cluster, Deployment, EcsService, RolloutState, State, Task, TaskStatus
from sandbox.aws.ecs.tasks import Life, Pace, stop
from sandbox.aws.ecs.views import threshold
from sandbox.aws.names import Account, hex_id
from sandbox.core.wire import Object, clone

_LONGEST_PAUSE = 10


class Scheduler:
    """Starts and stops the tasks of services."""

    def __init__(self, state: State, account: Account, life: Life, pace: Pace) -> None:
        self._state = state
        self._account = account
        self._life = life
        self._pace = pace
        self._addresses = itertools.count(10)

    def tick(self) -> None:
        """One tick of everything."""
        for cluster in self._state.clusters.values():
            for task in list(cluster.tasks.values()):
                was_starting = task.started is None
                self._life.tick(cluster, task)
                if task.status is TaskStatus.STOPPED and task.age == 0:
                    _note_failure(cluster, task, was_starting=was_starting, pace=self._pace)
            for service in cluster.services.values():
                if service.status == "DRAINING":
                    self._stop(service, cluster.tasks_of(service), "Service was deleted")
                    settle(cluster, service)
                elif service.status == "ACTIVE":
                    self._reconcile(cluster, service)

    def _reconcile(self, cluster: Cluster, service: EcsService) -> None:
        primary = service.primary
        if self._breaks(service, primary):
            return
        tasks = [task for task in cluster.tasks_of(service) if task.is_wanted]
        own = [task for task in tasks if task.deployment == primary.id]
        old = [task for task in tasks if task.deployment != primary.id]
        limits: Object = service.settings["deploymentConfiguration"]
        most = max(service.desired * limits["maximumPercent"] // 100, 1)
        least = -(-service.desired * limits["minimumHealthyPercent"] // 100)
        primary.pause = max(0, primary.pause - 1)
        if primary.state is not RolloutState.FAILED:
            missing = min(service.desired - len(own), most - len(tasks) if old else service.desired - len(own))
            if missing > 0 and not primary.pause:
                self._start(cluster, service, primary, missing)
            surplus = own[service.desired :] if len(own) > service.desired else []
            self._stop(service, surplus, f"Scaling activity initiated by (deployment {primary.id})")
            self._replace(service, old, tasks, least)
        if self._is_done(cluster, service, own, old):
            complete(service)
        elif len(own) != service.desired:
            service.steady = False

    def _replace(self, service: EcsService, old: list[Task], tasks: list[Task], least: int) -> None:
        """Stops old tasks as far as enough healthy ones stay."""
        sick = [task for task in old if not self._life.is_healthy(task)]
        healthy = [task for task in old if self._life.is_healthy(task)]
        spare = sum(self._life.is_healthy(task) for task in tasks) - least
        leaving = sick + healthy[: max(0, spare)]
        self._stop(service, leaving, f"Scaling activity initiated by (deployment {service.primary.id})")
        for deployment in service.deployments[1:]:
            left = [task for task in old if task.deployment == deployment.id and task not in leaving]
            deployment.wanted = len(left)

    def _is_done(self, cluster: Cluster, service: EcsService, own: list[Task], old: list[Task]) -> bool:
        stopping = [task for task in cluster.tasks_of(service) if not task.is_wanted]
        return (
            service.primary.state is not RolloutState.FAILED
            and len(own) == service.desired
            and not old
            and not stopping
            and all(self._life.is_healthy(task) for task in own)
        )

    def _breaks(self, service: EcsService, primary: Deployment) -> bool:
        breaker: Object = service.settings["deploymentConfiguration"]["deploymentCircuitBreaker"]
        if primary.state is not RolloutState.IN_PROGRESS or not breaker["enable"]:
            return False
        if primary.failed_tasks < threshold(service.desired):
            return False
        fail(service, primary, "tasks failed to start", roll_back=breaker["rollback"])
        return True

    def _start(self, cluster: Cluster, service: EcsService, deployment: Deployment, count: int) -> None:
        started: list[str] = []
        for _ in range(count):
            number = next(self._addresses)
            task = Task(
                self._account.arn("ecs", f"task/{cluster.name}/{hex_id(32)}"),
                deployment.revision.definition,
                service.group,
                deployment.id,
                clone(deployment.revision.settings),
                f"10.0.{number // 250 % 250}.{number % 250}",
                tags=clone(service.tags) if service.settings.get("propagateTags") == "SERVICE" else [],
            )
            cluster.tasks[task.id] = task
            started.append(f"(task {task.id})")
        tell(service, f"has started {count} tasks: {' '.join(started)}.")

    def _stop(self, service: EcsService, tasks: list[Task], reason: str) -> None:
        leaving = [task for task in tasks if task.is_wanted]
        for task in leaving:
            stop(task, "ServiceSchedulerInitiated", reason)
        if leaving:
            named = " ".join(f"(task {task.id})" for task in leaving)
            tell(service, f"has stopped {len(leaving)} running tasks: {named}.")


def _note_failure(cluster: Cluster, task: Task, *, was_starting: bool, pace: Pace) -> None:
    """Counts a task that ended although nobody asked it to."""
    if task.stop_code not in ("TaskFailedToStart", "EssentialContainerExited"):
        return
    for service in cluster.services.values():
        for deployment in service.deployments:
            if task.deployment == deployment.id:
                deployment.failed_tasks += 1
                deployment.pause = pace.restart * min(deployment.failed_tasks, _LONGEST_PAUSE)
                if was_starting:
                    tell(service, f"was unable to start a task. Reason: {task.reason}.")
