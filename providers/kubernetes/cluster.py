"""Objects of one cluster: get, list, apply, create, patch, delete, watch. The only module that builds requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import JsonValue

from providers.errors import ProviderConflict, ProviderNotFound, ProviderUnreachable
from providers.kubernetes.calls import Call, Effect
from providers.kubernetes.client import Connection
from providers.kubernetes.discovery import Discovery, Kind
from providers.kubernetes.objects import KubeObject, Ref
from providers.tree import Tree, text, tree, trees

FIELD_MANAGER = "unship"
PAGE = "500"
# Enough to hide the latency of a page of objects, few enough to leave the API server's fair share to others.
MOST_AT_ONCE = 8

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class WatchEvent:
    """One change seen: `type` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    body: Tree


class Cluster:
    """One API server, object by object."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.discovery = Discovery(connection)

    async def place(self, found: KubeObject, namespace: str) -> KubeObject:
        """The object in its own namespace, or else in `namespace`; in none if its kind has none."""
        kind = await self.discovery.kind(found.ref.api_version, found.ref.kind)
        return found.placed_in((found.ref.namespace or namespace) if kind.namespaced else None)

    async def get(self, ref: Ref) -> Tree | None:
        """The live object; None if there is none, also where its kind is not served."""
        kind = await self.discovery.find(ref.api_version, ref.kind)
        if kind is None:
            return None
        return await self.read(kind, ref.namespace, ref.name)

    async def read(self, kind: Kind, namespace: str | None, name: str) -> Tree | None:
        path = kind.path(namespace, name)
        return await self._connection.find(Call(f"read {kind.name}/{name}", "GET", path))

    async def list(self, kind: Kind, namespace: str, selector: str = "") -> tuple[Tree, ...]:
        """All objects of a kind in a namespace that the label selector takes."""
        params = {"limit": PAGE} | ({"labelSelector": selector} if selector else {})
        found: list[Tree] = []
        while True:
            doing = f"list the {kind.plural} of namespace {namespace}"
            page = await self._connection.send(Call(doing, "GET", kind.path(namespace), params))
            # Members of a list carry no apiVersion and kind of their own.
            own: Tree = {"apiVersion": kind.api_version, "kind": kind.name}
            found.extend({**own, **item} for item in trees(page, "items"))
            following = text(page, "metadata", "continue")
            if not following:
                return tuple(found)
            params = {**params, "continue": following}

    async def list_if_served(self, kind: Kind, namespace: str, selector: str = "") -> tuple[Tree, ...]:
        """As `list`, but nothing where the API server does not know the kind."""
        try:
            return await self.list(kind, namespace, selector)
        except ProviderNotFound:
            return ()

    async def apply(self, found: KubeObject, effect: Effect | None, *, dry_run: bool = False) -> Tree:
        """Server-side apply, with force; the object as it is afterwards.

        Forced, because a release is the whole intent: a field that `kubectl edit` or an earlier tool took over
        would otherwise stop every rollback, at the moment when it is needed most. Repeating it changes nothing.
        """
        ref = found.ref
        kind = await self.discovery.kind(ref.api_version, ref.kind)
        params = {"fieldManager": FIELD_MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return await self._connection.send(
            Call(
                f"{'check' if dry_run else 'apply'} {ref}",
                "PATCH",
                kind.path(ref.namespace, ref.name),
                params,
                found.body,
                "application/apply-patch+yaml",
                effect,
                outlasts_conflict=True,
            )
        )

    async def create(self, kind: Kind, namespace: str | None, body: Tree, effect: Effect | None) -> Tree:
        """Create an object of that name; ProviderConflict if it exists, also where an own answer was lost."""
        doing = f"create {kind.name}/{text(body, 'metadata', 'name')}"
        params = {"fieldManager": FIELD_MANAGER}
        call = Call(doing, "POST", kind.path(namespace), params, body, effect=effect, outlasts_conflict=True)
        return await self._connection.send(call)

    async def review(self, kind: Kind, body: Tree) -> Tree:
        """Post a question that the API server answers and does not keep."""
        call = Call(f"ask a {kind.name}", "POST", kind.path(None), {}, body)
        return await self._connection.send(call)

    async def merge(
        self, kind: Kind, ref: Ref, patch: Tree, effect: Effect, subresource: str | None = None
    ) -> Tree:
        """A JSON merge patch with values of its own, so that repeating it changes nothing."""
        path = kind.path(ref.namespace, ref.name, subresource)
        params = {"fieldManager": FIELD_MANAGER}
        content_type = "application/merge-patch+json"
        return await self._connection.send(
            Call(f"change {ref}", "PATCH", path, params, patch, content_type, effect, outlasts_conflict=True)
        )

    async def set_owners(self, ref: Ref, version: str, managed: list[Tree], effect: Effect) -> Tree:
        """Write metadata.managedFields of the object as it was seen; ProviderConflict if it changed since."""
        kind = await self.discovery.kind(ref.api_version, ref.kind)
        patch: JsonValue = [
            {"op": "replace", "path": "/metadata/managedFields", "value": [*managed]},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
        ]
        path, params = kind.path(ref.namespace, ref.name), {"fieldManager": FIELD_MANAGER}
        content_type = "application/json-patch+json"
        return await self._connection.send(
            Call(f"take over fields of {ref}", "PATCH", path, params, patch, content_type, effect)
        )

    async def delete(self, ref: Ref, uid: str, effect: Effect) -> None:
        """Delete the very object that was seen; one of another uid stays, and one that is gone is fine."""
        kind = await self.discovery.kind(ref.api_version, ref.kind)
        options: Tree = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        path = kind.path(ref.namespace, ref.name)
        call = Call(f"delete {ref}", "DELETE", path, {}, options, effect=effect, outlasts_conflict=True)
        try:
            await self._connection.find(call)
        except ProviderConflict:
            now = await self.get(ref)
            if now is not None and text(now, "metadata", "uid") == uid:
                raise

    async def watch(self, kind: Kind, ref: Ref, version: str, seconds: int) -> AsyncGenerator[WatchEvent]:
        """Changes of one object since `version`, for `seconds`. ProviderNotFound if that is too long ago."""
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "fieldSelector": f"metadata.name={ref.name}",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        call = Call(f"watch {ref}", "GET", kind.path(ref.namespace), params)
        lines = self._connection.stream(call, seconds + 5.0)
        try:
            async for line in lines:
                body = tree(line, "object")
                if text(line, "type") == "ERROR":
                    raise ProviderNotFound(f"The watch of {ref} was ended.", text(body, "message") or "expired")
                yield WatchEvent(text(line, "type") or "", body)
        finally:
            await lines.aclose()

    async def version(self) -> str:
        """The version that the API server says it has; ProviderUnreachable if it is none."""
        answer = await self._connection.send(Call("ask the API server for its version", "GET", "/version"))
        found = text(answer, "gitVersion")
        if found is None:
            raise ProviderUnreachable("What answers there is not the Kubernetes API.")
        return found

    async def close(self) -> None:
        await self._connection.close()


async def each(
    items: Iterable[ItemT], act: Callable[[ItemT], Awaitable[ResultT]], at_once: int = MOST_AT_ONCE
) -> tuple[ResultT, ...]:
    """`act` on every item, so many at once; results in order. The first error is raised after all have ended."""
    gate = asyncio.Semaphore(at_once)

    async def gated(item: ItemT) -> ResultT:
        async with gate:
            return await act(item)

    results: list[ResultT] = []
    outcomes = await asyncio.gather(*(gated(item) for item in items), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return tuple(results)


def by_selector(labels: Mapping[str, str]) -> str:
    """A label selector that takes objects with all of these labels."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
