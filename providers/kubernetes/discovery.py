"""Which kinds the API server serves and under which path: asked once per API version, kept per connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from providers.errors import ProviderRefused
from providers.kubernetes.calls import Call
from providers.kubernetes.client import Connection
from providers.kubernetes.objects import api_group
from providers.tree import at, text, trees


@dataclass(frozen=True, order=True)
class Kind:
    """A kind that can be asked for: its plural and whether its objects live in namespaces."""

    api_version: str
    name: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        return api_group(self.api_version)

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}/{self.api_version}{scope}/{self.plural}{tail}"


POD = Kind("v1", "Pod", "pods")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets")
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
RULES_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False
)
ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)

# Stable in every supported release: naming them saves a question before the first request of a rollback.
_KNOWN = (
    POD, SECRET, CONFIG_MAP, SERVICE_ACCOUNT, CLAIM, NAMESPACE, Kind("v1", "Service", "services"),
    DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, CONTROLLER_REVISION, AUTOSCALER,
)  # fmt: skip


class Discovery:
    """The kinds of one API server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kinds: dict[tuple[str, str], Kind] = {(kind.api_version, kind.name): kind for kind in _KNOWN}
        self._asking: dict[str, asyncio.Task[None]] = {}

    async def find(self, api_version: str, name: str) -> Kind | None:
        """The kind, or None where the server does not serve it at this moment."""
        kind = self._kinds.get((api_version, name))
        if kind is None:
            await self._ask_once(api_version)
            kind = self._kinds.get((api_version, name))
        return kind

    async def kind(self, api_version: str, name: str) -> Kind:
        """The kind; ProviderRefused where the server does not serve it."""
        kind = await self.find(api_version, name)
        if kind is None:
            raise ProviderRefused(
                f"The cluster does not serve the kind {name} in {api_version}: "
                "install its definition or change apiVersion."
            )
        return kind

    async def by_name(self, name: str) -> Kind:
        """The kind of that name in whichever API serves it, as kubectl resolves `Deployment/web`."""
        wanted = name.lower()
        for kind in self._kinds.values():
            if wanted in {kind.name.lower(), kind.plural}:
                return kind
        groups = await self._connection.send(Call("list the cluster's APIs", "GET", "/apis"))
        preferred = [text(group, "preferredVersion", "groupVersion") for group in trees(groups, "groups")]
        await asyncio.gather(*(self._ask_once(version) for version in ["v1", *preferred] if version))
        for kind in self._kinds.values():
            if wanted in {kind.name.lower(), kind.plural}:
                return kind
        raise ProviderRefused(f'The cluster serves no kind "{name}".')

    async def _ask_once(self, api_version: str) -> None:
        """Ask for one API version; tasks that need the same one share the question."""
        asking = self._asking.get(api_version)
        if asking is None:
            asking = asyncio.create_task(self._ask(api_version))
            self._asking[api_version] = asking
            asking.add_done_callback(lambda task: self._asked(api_version, task))
        await asyncio.shield(asking)

    def _asked(self, api_version: str, task: asyncio.Task[None]) -> None:
        self._asking.pop(api_version, None)
        if not task.cancelled():
            # Those who wait are told; where all of them were cancelled, nobody is left to read it.
            task.exception()

    async def _ask(self, api_version: str) -> None:
        root = "/apis" if "/" in api_version else "/api"
        answer = await self._connection.find(
            Call(f"read which kinds {api_version} has", "GET", f"{root}/{api_version}")
        )
        for entry in trees(answer, "resources"):
            name, plural = text(entry, "kind"), text(entry, "name")
            if name and plural and "/" not in plural:
                kind = Kind(api_version, name, plural, at(entry, "namespaced") is True)
                self._kinds[(api_version, name)] = kind
