"""Services, deployments and tasks as the API shows them."""

from __future__ import annotations

from sandbox.aws.ecs.state import (
    Cluster,
    Deployment,
    EcsService,
    Revision,
    ServiceDeployment,
    Task,
    TaskStatus,
)
from sandbox.core.wire import Object, clone

OF_REVISION = (
    "capacityProviderStrategy",
    "launchType",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
"""What a deployment shows of its revision."""
_HIDDEN = frozenset({"serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"})
"""What only deployments show, not their service."""
_BEFORE_RUNNING = frozenset({TaskStatus.PROVISIONING, TaskStatus.PENDING})
_MOST_EVENTS = 100


def counts(tasks: list[Task]) -> tuple[int, int]:
    """Running and pending."""
    running = sum(task.status in (TaskStatus.RUNNING, TaskStatus.DEACTIVATING) for task in tasks)
    return running, sum(task.status in _BEFORE_RUNNING for task in tasks)


def service_view(cluster: Cluster, service: EcsService, *, tags: bool) -> Object:
    """One service of DescribeServices, and of the answers to changes."""
    tasks = cluster.tasks_of(service)
    running, pending = counts(tasks)
    current = [item for item in service.history if item.finished is None]
    view: Object = {
        **{key: value for key, value in service.settings.items() if key not in _HIDDEN},
        "serviceArn": service.arn,
        "serviceName": service.name,
        "clusterArn": cluster.arn,
        "status": service.status,
        "desiredCount": service.desired,
        "runningCount": running,
        "pendingCount": pending,
        "taskDefinition": service.primary.revision.definition.arn,
        "deployments": [
            deployment_view(item, tasks, primary=number == 0) for number, item in enumerate(service.deployments)
        ],
        "events": list(reversed(service.events[-_MOST_EVENTS:])),
        "createdAt": service.created,
        "currentServiceDeployment": current[-1].arn if current else None,
        "currentServiceRevisions": [
            _summary(item.revision, item, tasks) for item in service.deployments if service.status == "ACTIVE"
        ],
    }
    if tags:
        view["tags"] = service.tags
    return clone(view)


def deployment_view(deployment: Deployment, tasks: list[Task], *, primary: bool) -> Object:
    own = [task for task in tasks if task.deployment == deployment.id]
    running, pending = counts(own)
    settings = deployment.revision.settings
    return {
        "id": deployment.id,
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": deployment.revision.definition.arn,
        "desiredCount": deployment.wanted,
        "runningCount": running,
        "pendingCount": pending,
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created,
        "updatedAt": deployment.updated,
        "rolloutState": deployment.state,
        "rolloutStateReason": deployment.reason,
        **{key: settings[key] for key in OF_REVISION if key in settings},
    }


def task_view(cluster: Cluster, task: Task, *, tags: bool) -> Object:
    """One task of DescribeTasks."""
    view: Object = {
        "taskArn": task.arn,
        "clusterArn": cluster.arn,
        "taskDefinitionArn": task.definition.arn,
        "group": task.group,
        "startedBy": task.deployment,
        "lastStatus": task.status,
        "desiredStatus": task.wanted,
        "healthStatus": "UNKNOWN",
        "launchType": task.settings.get("launchType"),
        "platformVersion": task.settings.get("platformVersion"),
        "cpu": task.definition.body.get("cpu"),
        "memory": task.definition.body.get("memory"),
        "availabilityZone": "eu-west-1a",
        "createdAt": task.created,
        "startedAt": task.started,
        "stoppingAt": task.stopping,
        "stoppedAt": task.stopped,
        "stopCode": task.stop_code,
        "stoppedReason": task.reason,
        "connectivity": "CONNECTED",
        "version": 1 + task.age,
        "attachments": [
            {
                "id": task.id[:8],
                "type": "ElasticNetworkInterface",
                "status": "DELETED" if task.status is TaskStatus.STOPPED else "ATTACHED",
                "details": [{"name": "privateIPv4Address", "value": task.address}],
            }
        ],
        "overrides": {"containerOverrides": []},
        "containers": [_container(task, item) for item in task.definition.body["containerDefinitions"]],
    }
    if tags:
        view["tags"] = task.tags
    return clone(view)


def _container(task: Task, definition: Object) -> Object:
    name: str = definition["name"]
    return {
        "containerArn": task.arn.replace(":task/", ":container/") + f"/{name}",
        "taskArn": task.arn,
        "name": name,
        "image": definition["image"],
        "imageDigest": task.digests.get(name),
        "lastStatus": TaskStatus.PENDING if task.status in _BEFORE_RUNNING else task.status,
        "healthStatus": "UNKNOWN",
        "exitCode": task.exit_codes.get(name),
        "reason": task.reason if task.stop_code == "TaskFailedToStart" else None,
        "networkInterfaces": [{"attachmentId": task.id[:8], "privateIpv4Address": task.address}],
    }


def _summary(revision: Revision, deployment: Deployment | None, tasks: list[Task]) -> Object:
    own = [task for task in tasks if deployment is not None and task.deployment == deployment.id]
    running, pending = counts(own)
    return {
        "arn": revision.arn,
        "requestedTaskCount": 0 if deployment is None else deployment.wanted,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    }


def service_deployment_view(cluster: Cluster, service: EcsService, record: ServiceDeployment) -> Object:
    """One of DescribeServiceDeployments."""
    tasks = cluster.tasks_of(service)
    live = {item.revision.arn: item for item in service.deployments}
    breaker: Object = record.configuration.get("deploymentCircuitBreaker") or {"enable": False}
    return {
        "serviceDeploymentArn": record.arn,
        "serviceArn": service.arn,
        "clusterArn": cluster.arn,
        "createdAt": record.deployment.created,
        "startedAt": record.deployment.created,
        "finishedAt": record.finished,
        "updatedAt": record.deployment.updated,
        "sourceServiceRevisions": [_summary(item, live.get(item.arn), tasks) for item in record.sources],
        "targetServiceRevision": _summary(record.deployment.revision, record.deployment, tasks),
        "status": record.status,
        "statusReason": record.reason,
        "deploymentConfiguration": record.configuration,
        "rollback": record.rollback,
        "deploymentCircuitBreaker": {
            "status": "MONITORING" if breaker["enable"] else "DISABLED",
            "failureCount": record.deployment.failed_tasks,
            "threshold": threshold(service.desired),
        },
    }


def threshold(desired: int) -> int:
    """How many tasks may fail in a row: half of the desired count, at least 3 and at most 200."""
    return min(200, max(3, -(-desired // 2)))
