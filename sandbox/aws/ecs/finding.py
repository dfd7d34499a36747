"""Names and ARNs to what they mean, with the errors that AWS gives for those that mean nothing."""

from __future__ import annotations

from sandbox.aws.ecs.state import Cluster, Definition, EcsService, State
from sandbox.aws.protocol.errors import AwsError
from sandbox.core.wire import Object


def short(name: str) -> str:
    """The last part of a name or an ARN."""
    return name.rpartition("/")[2]


class Finder:
    """Looks things up in the state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def cluster(self, parameters: Object) -> Cluster:
        """The cluster a request names; `default` where it names none."""
        found = self._state.clusters.get(short(parameters.get("cluster") or "default"))
        if found is None or found.status != "ACTIVE":
            raise AwsError("ClusterNotFoundException", "Cluster not found.")
        return found

    def service(self, cluster: Cluster, name: str) -> EcsService:
        found = cluster.services.get(short(name))
        if found is None:
            raise AwsError("ServiceNotFoundException", "Service not found.")
        return found

    def active_service(self, cluster: Cluster, name: str) -> EcsService:
        found = self.service(cluster, name)
        if found.status != "ACTIVE":
            raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.")
        return found

    def definition(self, name: str) -> Definition | None:
        """`family`, `family:revision` or an ARN; of a family the newest active one."""
        family, _, revision = short(name).partition(":")
        known = self._state.families.get(family, [])
        if revision:
            return next((item for item in known if str(item.revision) == revision), None)
        return next((item for item in reversed(known) if item.is_active), None)

    def usable_definition(self, name: str) -> Definition:
        """The task definition for something that is to run it."""
        found = self.definition(name)
        if found is None:
            raise AwsError("ClientException", "TaskDefinition not found.")
        if not found.is_active:
            raise AwsError("ClientException", "TaskDefinition is inactive")
        return found
