"""Keeps the Endpoints of Services: the addresses of the pods that they select. Imports manager, podset, kinds."""

from collections.abc import Iterable

from sandbox.core.store import Change, Key
from sandbox.core.wire import Object, sublist, submap
from sandbox.kubernetes.controllers.manager import Controller
from sandbox.kubernetes.controllers.podset import is_active, is_ready
from sandbox.kubernetes.kinds import ENDPOINTS, POD, SERVICE


class EndpointsController(Controller):
    """One Service at a time; those without a selector are left to whoever made them."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """Services, and those that select a pod before or after its change."""
        if change.key.kind == SERVICE.id:
            return (change.key,)
        if change.key.kind != POD.id:
            return ()
        pods = [pod for pod in (change.value, change.previous) if pod is not None]
        services = self.cluster.store.items(SERVICE.id, change.key.scope)
        return [key for key, service in services if any(_selects(service, pod) for pod in pods)]

    def reconcile(self, key: Key) -> None:
        """Writes the Endpoints of the Service's name."""
        service = self.cluster.store.get(key)
        found = self.cluster.find(ENDPOINTS, key.scope, key.name)
        if service is None:
            if found is not None:
                self.cluster.remove(ENDPOINTS, found)
            return
        if not submap(service, "spec", "selector"):
            return
        subsets = self._subsets(service, key.scope)
        if found is None:
            metadata = {"name": key.name, "namespace": key.scope}
            self.cluster.create(ENDPOINTS, {"metadata": metadata, "subsets": subsets})
        else:
            self.cluster.modify(ENDPOINTS, found, lambda value: value.update(subsets=subsets))

    def _subsets(self, service: Object, namespace: str) -> list[Object]:
        pods = [
            pod
            for pod in self.cluster.store.values(POD.id, namespace)
            if _selects(service, pod) and is_active(pod) and submap(pod, "status").get("podIP")
        ]
        ready = [_address(pod) for pod in pods if is_ready(pod)]
        waiting = [_address(pod) for pod in pods if not is_ready(pod)]
        if not pods:
            return []
        subset: Object = {"addresses": ready} if ready else {}
        if waiting:
            subset["notReadyAddresses"] = waiting
        return [{**subset, "ports": [_port(port, pods[0]) for port in sublist(service, "spec", "ports")]}]


def _selects(service: Object, pod: Object) -> bool:
    wanted = submap(service, "spec", "selector")
    return bool(wanted) and wanted.items() <= submap(pod, "metadata", "labels").items()


def _address(pod: Object) -> Object:
    metadata = pod["metadata"]
    reference = {"kind": "Pod", **{name: metadata[name] for name in ("namespace", "name", "uid")}}
    address = {"ip": pod["status"]["podIP"], "targetRef": reference}
    node = submap(pod, "spec").get("nodeName")
    return {**address, "nodeName": node} if node else address


def _port(port: Object, pod: Object) -> Object:
    """Where a port of the Service leads; a name is looked up among those of the containers."""
    target = port.get("targetPort", port["port"])
    named = [
        item["containerPort"]
        for container in sublist(pod, "spec", "containers")
        for item in sublist(container, "ports")
        if item.get("name") == target
    ]
    found = {"port": named[0] if named else target, "protocol": port.get("protocol", "TCP")}
    return {"name": port["name"], **found} if port.get("name") else found
