"""How far a deployment of a service is: decided from what DescribeServices shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from providers.ecs.settings import primary, short
from providers.tree import Tree, number, text, trees


@dataclass(frozen=True)
class Standing:
    """A service that rolls out. `failure` says why it cannot finish, `replaced` that another one took over."""

    done: bool
    message: str
    ready: int
    desired: int
    failed_tasks: int = 0
    failure: str | None = None
    replaced: bool = False


def standing(service: Tree, deployment: str) -> Standing:
    """How far the deployment of that id is."""
    deployments = trees(service, "deployments")
    newest = primary(service)
    own = next((item for item in deployments if text(item, "id") == deployment), None)
    desired = number(service, "desiredCount") or 0
    ready = number(own, "runningCount") or 0
    message = f"{ready} of {desired} tasks of {text(service, 'serviceName')} run {definition_of(own or newest)}"
    others = sum((number(item, "runningCount") or 0) for item in deployments if item is not own)
    if others:
        message += f", {others} of earlier deployments are still there"
    failed = number(own, "failedTasks") or 0
    return Standing(
        done=own is not None and own is newest and is_settled(service),
        message=message,
        ready=min(ready, desired),
        desired=desired,
        failed_tasks=failed,
        failure=_failure(own, newest, deployment),
        replaced=own is not newest,
    )


def is_settled(service: Tree) -> bool:
    """Whether nothing is rolled out: one deployment, complete, with all its tasks."""
    newest = primary(service)
    state = text(newest, "rolloutState")
    return (
        len(trees(service, "deployments")) == 1
        and state in ("COMPLETED", None)
        and number(service, "runningCount") == number(service, "desiredCount")
        and not number(service, "pendingCount")
    )


def is_failing(service: Tree) -> bool:
    """Whether what is rolled out has failed, or has had tasks that did."""
    newest = primary(service)
    state = text(newest, "rolloutState")
    return state == "FAILED" or (state == "IN_PROGRESS" and bool(number(newest, "failedTasks")))


def definition_of(deployment: Tree) -> str:
    """`family:revision` of what a deployment (or a service) runs."""
    return short(text(deployment, "taskDefinition") or "")


def _failure(own: Tree | None, newest: Tree, deployment: str) -> str | None:
    if own is not None and text(own, "rolloutState") == "FAILED":
        return text(own, "rolloutStateReason") or "the deployment failed"
    reason = text(newest, "rolloutStateReason") or ""
    if own is not newest and "rolling back" in reason:
        return f"deployment {deployment} failed and the service went back by itself ({reason})"
    return None
