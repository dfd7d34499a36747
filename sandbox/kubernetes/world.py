"""A whole Kubernetes cluster on a socket. Imports everything of the package and sandbox.core."""

from pathlib import Path
from typing import Any, Self

from starlette.routing import BaseRoute

from sandbox.core.wire import Object, clone, encode
from sandbox.core.world import World
from sandbox.kubernetes.access import Access
from sandbox.kubernetes.api import Api
from sandbox.kubernetes.bodies import decode_for_log
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.control import image_routes
from sandbox.kubernetes.controllers.all import all_controllers
from sandbox.kubernetes.controllers.manager import Context, Manager, Pace
from sandbox.kubernetes.deletes import Deleter
from sandbox.kubernetes.errors import ApiError
from sandbox.kubernetes.images import Images
from sandbox.kubernetes.kinds import NAMESPACE, NODE, by_name
from sandbox.kubernetes.kubeconfig import CONTEXT, kubeconfig
from sandbox.kubernetes.resources import Resources
from sandbox.kubernetes.writes import WriteOptions, Writer

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
NODES = ("node-a", "node-b")
MESSAGES = {
    401: "Unauthorized",
    408: "the server responded with the status code 408 but did not return more information",
    409: 'Operation cannot be fulfilled on resourcequotas "quota": the object has been modified; '
    "please apply your changes to the latest version and try again",
    429: "the server has received too many requests and has asked us to try again later",
    500: "Internal error occurred: injected by the sandbox",
    502: 'an error on the server ("Bad Gateway") has prevented the request from succeeding',
    503: "the server is currently unable to handle the request",
    504: "Timeout: request did not complete within requested timeout - context deadline exceeded",
}


class WorldObjects:
    """Reads for assertions, from any thread; every value is a copy."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object of a kind (`Deployment`, `deployments` or `deployments.apps`); None when there is none."""
        return clone(self._cluster.find(by_name(kind), namespace, name))

    def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """The objects of a kind in a namespace, or everywhere."""
        found = by_name(kind)
        scope = namespace if found.namespaced else ""
        return [clone(value) for value in self._cluster.store.values(found.id, scope)]

    @property
    def revision(self) -> int:
        """The newest resourceVersion: unchanged means that nothing was written."""
        return self._cluster.store.revision


class KubernetesWorld(World):
    """An API server with its controllers."""

    def __init__(self, *, tick: float = 0.1, pace: Pace | None = None, namespaces: tuple[str, ...] = ()) -> None:
        super().__init__(tick)
        self.images = Images()
        self.access = Access()
        self.cluster = Cluster(self.images)
        self.store = WorldObjects(self.cluster)
        self._writer = Writer(self.cluster)
        deleter = Deleter(self.cluster)
        self._context = Context(self.cluster, deleter, pace or Pace())
        manager = Manager(self._context, all_controllers(self._context))
        self._api = Api(self.cluster, Resources(self.cluster, self._writer, deleter, self.access), self.access)
        for name in NODES:
            self._add_node(name)
        for name in (*SYSTEM_NAMESPACES, *namespaces):
            self.add_namespace(name)
        self.clock.on_tick(manager.tick)

    @classmethod
    def start(
        cls,
        port: int = 0,
        tick: float = 0.02,
        *,
        host: str = "127.0.0.1",
        pace: Pace | None = None,
        namespaces: tuple[str, ...] = ("staging", "prod"),
    ) -> Self:
        """A running world; use it as a context manager. Port 0 takes a free one; `tick` is in seconds."""
        return cls(tick=tick, pace=pace, namespaces=namespaces).serve(host, port)

    def add_namespace(self, name: str) -> None:
        """A namespace that is there from the start; only before the world serves."""
        self._writer.create(NAMESPACE, "", {"metadata": {"name": name}}, WriteOptions("sandbox"))

    def write_kubeconfig(self, path: Path | str, *, namespace: str = "default") -> Path:
        """Writes a kubeconfig with the context `demo`; the file can be read by its owner alone."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_text(kubeconfig(self.url, self.access.required_token or "sandbox", namespace))
        return target

    def forget_history(self) -> None:
        """Compacts the history: every older resourceVersion answers 410 Expired."""
        self.cluster.store.forget_history()

    def routes(self) -> list[BaseRoute]:
        """The Kubernetes API."""
        return self._api.routes()

    def control(self) -> list[BaseRoute]:
        """/_sandbox/images."""
        return image_routes(self.images)

    def connectors(self, directory: Path) -> list[Object]:
        """The connector `cluster`, with its kubeconfig."""
        kubeconfig = self.write_kubeconfig(directory / "kubeconfig")
        spec = {"kubeconfig": str(kubeconfig.resolve()), "context": CONTEXT}
        return [{"identifier": "cluster", "type": "Kubernetes", "spec": spec}]

    def close_streams(self) -> None:
        """Ends every watch."""
        self.cluster.store.close()

    @property
    def revision(self) -> int:
        """The newest resourceVersion."""
        return self.cluster.store.revision

    def decode(self, content_type: str, body: bytes) -> Any:
        """JSON, YAML or protobuf as data, else text."""
        return decode_for_log(content_type, body)

    def error(self, status: int, retry_after: int | None) -> tuple[str, bytes]:
        """A Status with the right reason."""
        details: Object = {} if retry_after is None else {"retryAfterSeconds": retry_after}
        error = ApiError(status, MESSAGES.get(status, "injected by the sandbox"), details=details)
        return "application/json", encode(error.status())

    def _add_node(self, name: str) -> None:
        node = self.cluster.create(NODE, {"metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}})
        self.cluster.set_status(NODE, node, {"conditions": [{"type": "Ready", "status": "True"}]})

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """As `store.get`."""
        return self.store.get(kind, namespace, name)

    def list(self, kind: str, namespace: str | None = None) -> list[Object]:
        """As `store.list`."""
        return self.store.list(kind, namespace)
