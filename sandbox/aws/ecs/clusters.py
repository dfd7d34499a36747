"""Clusters, and the tags of everything that has an ARN."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.ecs.finding import Finder, short
from sandbox.aws.ecs.state import Cluster, State, TaskStatus
from sandbox.aws.names import Account
from sandbox.aws.protocol.errors import AwsError
from sandbox.aws.protocol.paging import page
from sandbox.aws.services import Handler
from sandbox.core.wire import Object, clone


class Clusters:
    """CreateCluster and its siblings; TagResource and its."""

    def __init__(self, state: State, finder: Finder, account: Account) -> None:
        self._state = state
        self._finder = finder
        self._account = account
        self.handlers: Mapping[str, Handler] = {
            "CreateCluster": self._create,
            "DescribeClusters": self._describe,
            "ListClusters": self._list,
            "DeleteCluster": self._delete,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def add(self, name: str) -> Cluster:
        """A cluster that is there from the start."""
        cluster = Cluster(self._account.arn("ecs", f"cluster/{name}"), name)
        self._state.clusters[name] = cluster
        return cluster

    def _create(self, parameters: Object) -> Object:
        name = parameters.get("clusterName") or "default"
        found = self._state.clusters.get(name)
        if found is None or found.status != "ACTIVE":
            found = self.add(name)
            found.tags = list(parameters.get("tags") or [])
            self._state.revision += 1
        return {"cluster": view(found)}

    def _describe(self, parameters: Object) -> Object:
        names = parameters.get("clusters") or ["default"]
        found = [self._state.clusters.get(short(name)) for name in names]
        missing = [
            {"arn": self._account.arn("ecs", f"cluster/{short(name)}"), "reason": "MISSING"}
            for name, cluster in zip(names, found, strict=True)
            if cluster is None
        ]
        return {"clusters": [view(item) for item in found if item is not None], "failures": missing}

    def _list(self, parameters: Object) -> Object:
        arns = [item.arn for item in self._state.clusters.values() if item.status == "ACTIVE"]
        found = page(arns, parameters.get("nextToken"), parameters.get("maxResults") or 100)
        return {"clusterArns": list(found.items), "nextToken": found.next_token}

    def _delete(self, parameters: Object) -> Object:
        cluster = self._finder.cluster(parameters)
        if any(service.status == "ACTIVE" for service in cluster.services.values()):
            message = "The Cluster cannot be deleted while Services are active."
            raise AwsError("ClusterContainsServicesException", message)
        cluster.status = "INACTIVE"
        self._state.revision += 1
        return {"cluster": view(cluster)}

    def _tagged(self, parameters: Object) -> list[Object]:
        """The tags of what an ARN names, to be changed in place."""
        kind, _, path = parameters["resourceArn"].rpartition(":")[2].partition("/")
        if kind == "task-definition" or "task-definition/" in parameters["resourceArn"]:
            definition = self._finder.definition(parameters["resourceArn"])
            found = None if definition is None else definition.tags
        else:
            names = path.split("/")
            cluster = self._finder.cluster({"cluster": names[0]})
            found = cluster.tags if kind == "cluster" else None
            if kind == "service":
                found = self._finder.active_service(cluster, names[-1]).tags
            if kind == "task" and names[-1] in cluster.tasks:
                found = cluster.tasks[names[-1]].tags
        if found is None:
            message = "The specified resource cannot be found. Specify a valid resource and try again."
            raise AwsError("InvalidParameterException", message)
        return found

    def _tag(self, parameters: Object) -> Object:
        tags = self._tagged(parameters)
        added: list[Object] = parameters["tags"]
        names = {item["key"] for item in added}
        if not all(item in tags for item in added):
            tags[:] = [item for item in tags if item["key"] not in names] + clone(added)
            self._state.revision += 1
        return {}

    def _untag(self, parameters: Object) -> Object:
        tags = self._tagged(parameters)
        tags[:] = [item for item in tags if item["key"] not in parameters["tagKeys"]]
        self._state.revision += 1
        return {}

    def _tags(self, parameters: Object) -> Object:
        return {"tags": clone(self._tagged(parameters))}


def view(cluster: Cluster) -> Object:
    """As the API shows it."""
    running = [task for task in cluster.tasks.values() if task.status is TaskStatus.RUNNING]
    pending = [task for task in cluster.tasks.values() if task.status is TaskStatus.PENDING]
    return {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": len(running),
        "pendingTasksCount": len(pending),
        "activeServicesCount": sum(item.status == "ACTIVE" for item in cluster.services.values()),
        "statistics": [],
        "tags": clone(cluster.tags),
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    }
