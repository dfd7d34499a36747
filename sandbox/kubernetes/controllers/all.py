"""The controllers of a cluster, in the order in which they run. Imports every controller."""

from sandbox.kubernetes.controllers.attachments import AttachmentController
from sandbox.kubernetes.controllers.daemonsets import DaemonSetController
from sandbox.kubernetes.controllers.deployments import DeploymentController
from sandbox.kubernetes.controllers.endpoints import EndpointsController
from sandbox.kubernetes.controllers.garbage import GarbageCollector, NamespaceController
from sandbox.kubernetes.controllers.jobs import JobController
from sandbox.kubernetes.controllers.manager import Context, Controller
from sandbox.kubernetes.controllers.pods import PodController
from sandbox.kubernetes.controllers.replicasets import ReplicaSetController
from sandbox.kubernetes.controllers.statefulsets import StatefulSetController


def all_controllers(context: Context) -> list[Controller]:
    """One of each."""
    return [
        NamespaceController(context),
        GarbageCollector(context),
        AttachmentController(context),
        DeploymentController(context),
        ReplicaSetController(context),
        StatefulSetController(context),
        DaemonSetController(context),
        JobController(context),
        PodController(context),
        EndpointsController(context),
    ]
