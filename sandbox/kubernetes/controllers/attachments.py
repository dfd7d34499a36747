"""What a cloud and a disk provisioner add: bound claims, addresses of load balancers. Imports manager, kinds."""

from collections.abc import Iterable

from sandbox.core.store import Change, Key
from sandbox.core.wire import submap
from sandbox.kubernetes.cluster import kind_of
from sandbox.kubernetes.controllers.manager import Controller
from sandbox.kubernetes.kinds import CLAIM

SERVICES = "services"
BUDGETS = "poddisruptionbudgets.policy"


class AttachmentController(Controller):
    """Binds claims, gives load balancers an address, observes disruption budgets."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """The three kinds themselves."""
        return (change.key,) if change.key.kind in {CLAIM.id, SERVICES, BUDGETS} else ()

    def reconcile(self, key: Key) -> None:
        """Writes the status that the outside world would."""
        value = self.cluster.store.get(key)
        if value is None:
            return
        spec = submap(value, "spec")
        if key.kind == CLAIM.id:
            bound = {"phase": "Bound", "accessModes": spec.get("accessModes", [])}
            self.cluster.set_status(kind_of(key), value, bound)
        elif key.kind == BUDGETS:
            observed = {"observedGeneration": value["metadata"].get("generation", 1), "disruptionsAllowed": 1}
            self.cluster.set_status(kind_of(key), value, observed)
        elif spec.get("type") == "LoadBalancer":
            status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.80", "ipMode": "VIP"}]}}
            self.cluster.set_status(kind_of(key), value, status)
