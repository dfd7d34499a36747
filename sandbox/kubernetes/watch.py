"""WATCH: initial events, replay from a revision, selectors, bookmarks and timeouts. Imports listing and core."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from sandbox.core.store import Change, ChangeType, HistoryGone, Subscription
from sandbox.core.wire import Object, encode, parse_bool
from sandbox.kubernetes.cluster import Cluster
from sandbox.kubernetes.errors import ApiError, Cause, expired, invalid
from sandbox.kubernetes.kinds import Kind
from sandbox.kubernetes.listing import select, selector_test
from sandbox.kubernetes.selectors import Test
from sandbox.kubernetes.views import View

DEFAULT_SECONDS = 1800.0
BOOKMARK_SECONDS = 5.0
INITIAL_END = "k8s.io/initial-events-end"


@dataclass(frozen=True, slots=True)
class Watch:
    """One open watch: what to send first, then which changes."""

    kind: Kind
    namespace: str
    test: Test
    initial: list[Object]
    subscription: Subscription
    seconds: float
    bookmarks: bool
    announce_initial_end: bool
    revision: int


def open_watch(cluster: Cluster, kind: Kind, namespace: str, query: Mapping[str, str]) -> Watch:
    """Subscribes. Raises ApiError 400, 410 or 422."""
    wanted = query.get("resourceVersion", "")
    send_initial = query.get("sendInitialEvents")
    if send_initial is not None and query.get("resourceVersionMatch") != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid(kind, "", [Cause("FieldValueForbidden", text, "resourceVersionMatch")])
    if wanted and not wanted.isdigit():
        raise ApiError(400, f"invalid resource version {wanted!r}")
    streams_list = parse_bool(send_initial)
    from_now = streams_list or wanted in {"", "0"}
    revision = cluster.store.revision
    with_initial = streams_list or (send_initial is None and from_now)
    try:
        subscription = cluster.store.subscribe(kind.id, revision if from_now else int(wanted))
    except HistoryGone as error:
        raise expired(str(error)) from None
    seconds = float(query.get("timeoutSeconds") or DEFAULT_SECONDS)
    return Watch(
        kind=kind,
        namespace=namespace,
        test=selector_test(query),
        initial=select(cluster, kind, namespace, query) if with_initial else [],
        subscription=subscription,
        seconds=seconds,
        bookmarks=parse_bool(query.get("allowWatchBookmarks")),
        announce_initial_end=streams_list,
        revision=revision,
    )


async def events(cluster: Cluster, watch: Watch, view: View) -> AsyncIterator[bytes]:
    """JSON lines until the watch times out or the world ends."""
    try:
        for value in watch.initial:
            yield _line(ChangeType.ADDED, view(watch.kind, value))
        if watch.announce_initial_end:
            yield _bookmark(watch, watch.revision, initial_end=True)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + watch.seconds
        sent = watch.revision
        while (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, BOOKMARK_SECONDS)):
                    change = await watch.subscription.queue.get()
            except TimeoutError:
                if watch.bookmarks:
                    yield _bookmark(watch, max(sent, cluster.store.revision))
                continue
            if change is None:
                return
            sent = change.revision
            if (line := _event(watch, change, view)) is not None:
                yield line
    finally:
        cluster.store.unsubscribe(watch.subscription)


def _event(watch: Watch, change: Change, view: View) -> bytes | None:
    if watch.namespace and change.key.scope != watch.namespace:
        return None
    now = change.type is not ChangeType.DELETED and watch.test(change.value)
    before = change.previous is not None and watch.test(change.previous)
    if now:
        return _line(ChangeType.MODIFIED if before else ChangeType.ADDED, view(watch.kind, change.value))
    return _line(ChangeType.DELETED, view(watch.kind, change.value)) if before else None


def _line(kind: str, value: Object) -> bytes:
    return encode({"type": kind, "object": value}) + b"\n"


def _bookmark(watch: Watch, revision: int, *, initial_end: bool = False) -> bytes:
    metadata: Object = {"resourceVersion": str(revision)}
    if initial_end:
        metadata["annotations"] = {INITIAL_END: "true"}
    value = {"kind": watch.kind.kind, "apiVersion": watch.kind.api_version, "metadata": metadata}
    return _line("BOOKMARK", value)
