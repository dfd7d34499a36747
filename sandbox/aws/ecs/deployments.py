"""Deployments of services: how one begins and ends, and the records of those that were."""

from __future__ import annotations

import random
from collections.abc import Mapping

from sandbox.aws.ecs.finding import Finder, short
from sandbox.aws.ecs.state import (
    Cluster,
    Definition,
    Deployment,
    EcsService,
    Revision,
    RolloutState,
    ServiceDeployment,
    State,
    now,
)
from sandbox.aws.ecs.views import OF_REVISION, service_deployment_view
from sandbox.aws.names import request_id
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, clone

_ALSO_OF_REVISION = ("loadBalancers", "serviceRegistries")


def start(service: EcsService, definition: Definition, *, reason: str = "") -> Deployment:
    """A new PRIMARY deployment of the service's settings; the one before stays ACTIVE until it is replaced."""
    number = str(random.randrange(10**18, 10**19))
    settings = {
        key: service.settings[key] for key in (*OF_REVISION, *_ALSO_OF_REVISION) if key in service.settings
    }
    revision = Revision(
        service.arn.replace(":service/", ":service-revision/") + f"/{number}", definition, clone(settings), now()
    )
    deployment = Deployment(f"ecs-svc/{number}", revision, service.desired)
    deployment.reason = reason or f"ECS deployment {deployment.id} in progress."
    for record in service.history:
        if record.finished is None and not reason:
            end(record, "STOPPED", "A newer deployment of the service began.")
    sources = tuple(item.revision for item in service.deployments if item.wanted)
    service.deployments.insert(0, deployment)
    for older in service.deployments[1:]:
        older.wanted = 0 if older.state is RolloutState.FAILED else older.wanted
    if not reason:
        arn = service.arn.replace(":service/", ":service-deployment/") + f"/{request_id().replace('-', '')[:22]}"
        configuration = clone(service.settings["deploymentConfiguration"])
        service.history.append(ServiceDeployment(arn, deployment, sources, configuration))
    service.steady = False
    return deployment


def end(record: ServiceDeployment, status: str, reason: str | None = None) -> None:
    """The deployment is over."""
    record.status, record.reason, record.finished = status, reason, now()


def tell(service: EcsService, message: str) -> None:
    """Adds an event; `message` begins after "(service NAME) "."""
    text = f"(service {service.name}) {message}"
    service.events.append({"id": request_id(), "createdAt": now(), "message": text})


def fail(service: EcsService, deployment: Deployment, cause: str, *, roll_back: bool) -> None:
    """Ends a deployment that cannot finish; with `roll_back` the last completed one is deployed again."""
    deployment.state, deployment.updated, deployment.wanted = RolloutState.FAILED, now(), 0
    deployment.reason = f"ECS deployment circuit breaker: {cause}."
    tell(service, f"(deployment {deployment.id}) deployment failed: {cause}.")
    record = next((item for item in service.history if item.deployment is deployment), None)
    good = next((item for item in service.deployments[1:] if item.state is RolloutState.COMPLETED), None)
    if record is None:
        # What a rollback began: there is nothing further to go back to.
        for earlier in service.history:
            if earlier.finished is None:
                end(earlier, "ROLLBACK_FAILED", f"The rollback failed: {cause}.")
        return
    if not roll_back or good is None:
        end(record, "STOPPED", f"Service deployment failed: {cause}.")
        return
    service.settings = {**service.settings, **good.revision.settings}
    tell(service, f"rolling back to deployment {good.id}.")
    back = f"ECS deployment circuit breaker: rolling back to deploymentId {good.id}."
    again = start(service, good.revision.definition, reason=back)
    record.status, record.reason = "ROLLBACK_IN_PROGRESS", f"Service deployment failed: {cause}."
    record.rollback = {"reason": back, "startedAt": now(), "serviceRevisionArn": again.revision.arn}


def complete(service: EcsService) -> None:
    """The primary deployment has all its tasks and nothing else runs."""
    deployment = service.primary
    del service.deployments[1:]
    if deployment.state is not RolloutState.COMPLETED:
        deployment.state, deployment.updated = RolloutState.COMPLETED, now()
        deployment.reason = f"ECS deployment {deployment.id} completed."
        deployment.failed_tasks = 0
        tell(service, f"(deployment {deployment.id}) deployment completed.")
        for record in service.history:
            if record.finished is None:
                own = record.deployment is deployment
                end(record, "SUCCESSFUL" if own else "ROLLBACK_SUCCESSFUL", record.reason)
    if not service.steady:
        service.steady = True
        tell(service, "has reached a steady state.")


class Deployments:
    """ListServiceDeployments and its siblings."""

    def __init__(self, state: State, finder: Finder) -> None:
        self._state = state
        self._finder = finder
        self.handlers: Mapping[str, Handler] = {
            "ListServiceDeployments": self._list,
            "DescribeServiceDeployments": self._describe,
            "StopServiceDeployment": self._stop,
            "DescribeServiceRevisions": self._revisions,
        }

    def _list(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        service = self._finder.service(cluster, parameters["service"])
        wanted = parameters.get("status") or ()
        briefs = [
            {
                "serviceDeploymentArn": item.arn,
                "serviceArn": service.arn,
                "clusterArn": cluster.arn,
                "startedAt": item.deployment.created,
                "createdAt": item.deployment.created,
                "finishedAt": item.finished,
                "targetServiceRevisionArn": item.deployment.revision.arn,
                "status": item.status,
                "statusReason": item.reason,
            }
            for item in reversed(service.history)
            if not wanted or item.status in wanted
        ]
        found = page(briefs, parameters.get("nextToken"), parameters.get("maxResults") or 20)
        return {"serviceDeployments": list(found.items), "nextToken": found.next_token}

    def _all(self) -> list[tuple[Cluster, EcsService, ServiceDeployment]]:
        return [
            (cluster, service, record)
            for cluster in self._state.clusters.values()
            for service in cluster.services.values()
            for record in service.history
        ]

    def _describe(self, parameters: Object) -> Object:
        known = {record.arn: (cluster, service, record) for cluster, service, record in self._all()}
        arns: list[str] = parameters["serviceDeploymentArns"]
        return {
            "serviceDeployments": [clone(service_deployment_view(*known[arn])) for arn in arns if arn in known],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
        }

    def _stop(self, parameters: Object) -> Object:
        arn = parameters["serviceDeploymentArn"]
        found = next((item for item in self._all() if item[2].arn == arn), None)
        if found is None:
            raise AwsError("ServiceDeploymentNotFoundException", "The service deployment cannot be found.")
        _, service, record = found
        if record.finished is not None or record.status == "ROLLBACK_IN_PROGRESS":
            message = f"Cannot stop a service deployment with status {record.status}."
            raise AwsError("ConflictException", message)
        fail(
            service,
            record.deployment,
            "deployment stopped by the user",
            roll_back=parameters.get("stopType") != "ABORT",
        )
        self._state.revision += 1
        return {"serviceDeploymentArn": arn}

    def _revisions(self, parameters: Object) -> Object:
        known: dict[str, tuple[Cluster, EcsService, Revision]] = {}
        for cluster, service, record in self._all():
            for revision in (*record.sources, record.deployment.revision):
                known[revision.arn] = (cluster, service, revision)
        for cluster in self._state.clusters.values():
            for service in cluster.services.values():
                known |= {item.revision.arn: (cluster, service, item.revision) for item in service.deployments}
        arns: list[str] = parameters["serviceRevisionArns"]
        return {
            "serviceRevisions": [_revision_view(*known[arn]) for arn in arns if arn in known],
            "failures": [
                {"arn": arn, "reason": "MISSING", "detail": short(arn)} for arn in arns if arn not in known
            ],
        }


def _revision_view(cluster: Cluster, service: EcsService, revision: Revision) -> Object:
    containers: list[Object] = revision.definition.body["containerDefinitions"]
    return clone(
        {
            **revision.settings,
            "serviceRevisionArn": revision.arn,
            "serviceArn": service.arn,
            "clusterArn": cluster.arn,
            "taskDefinition": revision.definition.arn,
            "containerImages": [{"containerName": item["name"], "image": item["image"]} for item in containers],
            "createdAt": revision.created,
        }
    )
