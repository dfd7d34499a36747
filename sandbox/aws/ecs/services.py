"""CreateService, UpdateService, DeleteService and what reads services."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.ecs.deployments import end, start
from sandbox.aws.ecs.finding import Finder, short
from sandbox.aws.ecs.state import Cluster, EcsService, RolloutState, State, TaskStatus
from sandbox.aws.ecs.targets import TargetGroups
from sandbox.aws.ecs.views import OF_REVISION, service_view
from sandbox.aws.names import Account
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, sublist, submap

_NOT_SETTINGS = frozenset(
    {
        "cluster",
        "service",
        "serviceName",
        "taskDefinition",
        "desiredCount",
        "clientToken",
        "tags",
        "forceNewDeployment",
        "role",
        "gatewayConnectors",
        "monitoring",
    }
)
# A change of these makes new tasks; of the others it does not.
_DEPLOYED = (*OF_REVISION, "loadBalancers", "serviceRegistries", "enableExecuteCommand", "propagateTags")
_MOST_NAMES = 10


class Services:
    """The services of all clusters."""

    def __init__(self, state: State, finder: Finder, account: Account, targets: TargetGroups) -> None:
        self._state = state
        self._finder = finder
        self._account = account
        self._targets = targets
        self.handlers: Mapping[str, Handler] = {
            "CreateService": self._create,
            "UpdateService": self._update,
            "DeleteService": self._delete,
            "DescribeServices": self._describe,
            "ListServices": self._list,
        }

    def _create(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        name: str = parameters["serviceName"]
        token = parameters.get("clientToken")
        found = cluster.services.get(name)
        if found is not None and found.status == "ACTIVE":
            if token is None or token != found.client_token:
                raise AwsError("InvalidParameterException", "Creation of service was not idempotent.")
            return {"service": service_view(cluster, found, tags=True)}
        if found is not None and found.status == "DRAINING":
            raise AwsError("InvalidParameterException", "Unable to Start a service that is still Draining.")
        if not parameters.get("taskDefinition"):
            raise AwsError("InvalidParameterException", "TaskDefinition can not be blank.")
        definition = self._finder.usable_definition(parameters["taskDefinition"])
        settings = self._settings(parameters, {})
        self._check(settings, definition.body)
        service = EcsService(
            self._account.arn("ecs", f"service/{cluster.name}/{name}"),
            name,
            cluster.name,
            settings,
            parameters.get("desiredCount") or 0,
            token,
            tags=list(parameters.get("tags") or []),
        )
        cluster.services[name] = service
        start(service, definition)
        self._state.revision += 1
        return {"service": service_view(cluster, service, tags=True)}

    def _update(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        service = self._finder.active_service(cluster, parameters["service"])
        current = service.primary.revision
        named = parameters.get("taskDefinition")
        definition = self._finder.usable_definition(named) if named else current.definition
        settings = self._settings(parameters, service.settings)
        self._check(settings, definition.body)
        changed = definition is not current.definition or any(
            settings.get(key) != service.settings.get(key) for key in _DEPLOYED
        )
        service.settings = settings
        count = parameters.get("desiredCount")
        if count is not None and count != service.desired:
            service.desired = count
            service.steady = False
        if changed or parameters.get("forceNewDeployment"):
            start(service, definition)
        elif service.primary.state is not RolloutState.FAILED:
            service.primary.wanted = service.desired
        self._state.revision += 1
        return {"service": service_view(cluster, service, tags=False)}

    def _delete(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        service = self._finder.active_service(cluster, parameters["service"])
        if service.desired and not parameters.get("force"):
            message = "The service cannot be stopped while it is scaled above 0."
            raise AwsError("InvalidParameterException", message)
        service.status, service.desired = "DRAINING", 0
        for deployment in service.deployments:
            deployment.wanted = 0
        for record in service.history:
            if record.finished is None:
                end(record, "STOPPED", "The service was deleted.")
        self._state.revision += 1
        return {"service": service_view(cluster, service, tags=False)}

    def _describe(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        names: list[str] = parameters["services"]
        if not names:
            raise AwsError("InvalidParameterException", "Services cannot be empty.")
        if len(names) > _MOST_NAMES:
            raise AwsError("InvalidParameterException", "Services list cannot have more than 10 services.")
        tags = "TAGS" in (parameters.get("include") or ())
        found = [cluster.services[short(name)] for name in names if short(name) in cluster.services]
        missing = [short(name) for name in names if short(name) not in cluster.services]
        return {
            "services": [service_view(cluster, item, tags=tags) for item in found],
            "failures": [
                {"arn": self._account.arn("ecs", f"service/{cluster.name}/{name}"), "reason": "MISSING"}
                for name in missing
            ],
        }

    def _list(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        wanted = parameters.get("launchType")
        arns = [
            item.arn
            for _, item in sorted(cluster.services.items())
            if item.status != "INACTIVE" and wanted in (None, item.settings.get("launchType"))
        ]
        found = page(arns, parameters.get("nextToken"), parameters.get("maxResults") or 10)
        return {"serviceArns": list(found.items), "nextToken": found.next_token}

    def _settings(self, parameters: Object, before: Object) -> Object:
        settings: Object = {
            "loadBalancers": [],
            "serviceRegistries": [],
            "placementConstraints": [],
            "placementStrategy": [],
            "schedulingStrategy": "REPLICA",
            "deploymentController": {"type": "ECS"},
            "createdBy": self._account.user,
            "enableECSManagedTags": False,
            "enableExecuteCommand": False,
            "propagateTags": "NONE",
            "availabilityZoneRebalancing": "DISABLED",
            **before,
            **{key: value for key, value in parameters.items() if key not in _NOT_SETTINGS},
        }
        if not settings.get("capacityProviderStrategy"):
            settings.setdefault("launchType", "EC2")
        if settings.get("launchType") == "FARGATE":
            settings.setdefault("platformFamily", "Linux")
            wanted = settings.get("platformVersion")
            settings["platformVersion"] = "1.4.0" if wanted in (None, "LATEST") else wanted
        settings["deploymentConfiguration"] = {
            "deploymentCircuitBreaker": {"enable": False, "rollback": False},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            **submap(before, "deploymentConfiguration"),
            **submap(parameters, "deploymentConfiguration"),
        }
        return settings

    def _check(self, settings: Object, definition: Object) -> None:
        if definition.get("networkMode") == "awsvpc" and not settings.get("networkConfiguration"):
            message = "Network Configuration must be provided when networkMode 'awsvpc' is specified."
            raise AwsError("InvalidParameterException", message)
        configuration: Object = settings["deploymentConfiguration"]
        if configuration["maximumPercent"] <= configuration["minimumHealthyPercent"] == 100:
            message = "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
            raise AwsError("InvalidParameterException", message)
        if settings.get("healthCheckGracePeriodSeconds") is not None and not sublist(settings, "loadBalancers"):
            message = "Health check grace period is only valid for services configured to use load balancers"
            raise AwsError("InvalidParameterException", message)
        names = {item["name"] for item in definition["containerDefinitions"]}
        for balancer in sublist(settings, "loadBalancers"):
            if balancer.get("containerName") not in names:
                message = f"The container {balancer.get('containerName')} does not exist in the task definition."
                raise AwsError("InvalidParameterException", message)
            if not self._targets.exists(balancer.get("targetGroupArn") or ""):
                message = f"The target group {balancer.get('targetGroupArn')} does not exist."
                raise AwsError("InvalidParameterException", message)


def settle(cluster: Cluster, service: EcsService) -> None:
    """A deleted service whose tasks are gone is INACTIVE."""
    if service.status == "DRAINING" and not any(
        task.status is not TaskStatus.STOPPED for task in cluster.tasks_of(service)
    ):
        service.status = "INACTIVE"
        del service.deployments[1:]
