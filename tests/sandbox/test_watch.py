"""WATCH over a real socket: initial events, replay, selectors, bookmarks, time limits, lost history."""

from __future__ import annotations

import itertools
import json
import threading
import time

import httpx2
import pytest

from sandbox.core.wire import Object
from tests.sandbox.cluster import Namespace, config_map


def test_initial_events_then_changes_in_order(namespace: Namespace) -> None:
    namespace.post("Secret", {"metadata": {"name": "a"}})
    stream = namespace.changes("Secret")
    assert _brief(next(stream)) == ("ADDED", "a")
    namespace.post("Secret", {"metadata": {"name": "b"}})
    namespace.patch("Secret", "a", {"metadata": {"labels": {"x": "y"}}})
    namespace.delete("Secret", "b")
    assert [_brief(next(stream)) for _ in range(3)] == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    stream.close()


def test_replay_from_a_resource_version(namespace: Namespace) -> None:
    first = namespace.post("Secret", {"metadata": {"name": "a"}}).json()
    namespace.post("Secret", {"metadata": {"name": "b"}})
    namespace.delete("Secret", "a")
    revision = first["metadata"]["resourceVersion"]
    events = list(itertools.islice(namespace.changes("Secret", resourceVersion=revision), 2))
    assert [_brief(event) for event in events] == [("ADDED", "b"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert int(revision) < versions[0] < versions[1]


def test_selector_turns_a_lost_match_into_a_deletion(namespace: Namespace) -> None:
    stream = namespace.changes("Secret", labelSelector="x=y", resourceVersion="0")
    namespace.post("Secret", {"metadata": {"name": "a"}})
    namespace.patch("Secret", "a", {"metadata": {"labels": {"x": "y"}}})
    assert _brief(next(stream)) == ("ADDED", "a")
    namespace.patch("Secret", "a", {"metadata": {"labels": {"x": "z"}}})
    assert _brief(next(stream)) == ("DELETED", "a")
    stream.close()


def test_send_initial_events_ends_with_a_bookmark(namespace: Namespace) -> None:
    namespace.post("Secret", {"metadata": {"name": "a"}})
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    stream = namespace.changes("Secret", **query)
    assert _brief(next(stream)) == ("ADDED", "a")
    bookmark = next(stream)
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert bookmark["object"]["kind"] == "Secret"
    stream.close()


def test_send_initial_events_without_its_partner_is_refused(namespace: Namespace) -> None:
    query = {"watch": "1", "sendInitialEvents": "true"}
    refused = namespace.client.get(namespace.path("Secret"), params=query)
    assert (refused.status_code, refused.json()["reason"]) == (422, "Invalid")


def test_watch_ends_at_its_time_limit(namespace: Namespace) -> None:
    began = time.monotonic()
    query = {"watch": "true", "timeoutSeconds": "1", "resourceVersion": str(namespace.world.store.revision)}
    answer = namespace.client.get(namespace.path("Lease"), params=query)
    assert (answer.status_code, answer.text) == (200, "")
    assert 0.8 < time.monotonic() - began < 5


def test_reader_that_leaves_is_forgotten(own_namespace: Namespace) -> None:
    store = own_namespace.world.cluster.store
    streams = [own_namespace.changes("Secret", resourceVersion="0") for _ in range(3)]
    own_namespace.post("Secret", {"metadata": {"name": "a"}})
    assert [_brief(next(stream)) for stream in streams] == [("ADDED", "a")] * 3
    assert store.watchers == 3
    for stream in streams:
        stream.close()
    deadline = time.monotonic() + 5
    while store.watchers and time.monotonic() < deadline:
        own_namespace.client.get("/version")
    assert store.watchers == 0


def test_forgotten_history_is_410(own_namespace: Namespace) -> None:
    old = own_namespace.post("ConfigMap", config_map()).json()["metadata"]["resourceVersion"]
    page = own_namespace.client.get("/api/v1/namespaces", params={"limit": "1"}).json()
    own_namespace.post("Secret", {"metadata": {"name": "a"}})
    own_namespace.world.forget_history()
    query = {"watch": "true", "resourceVersion": old}
    gone = own_namespace.client.get(own_namespace.path("ConfigMap"), params=query)
    assert (gone.status_code, gone.json()["reason"]) == (410, "Expired")
    following = {"limit": "1", "continue": page["metadata"]["continue"]}
    assert own_namespace.client.get("/api/v1/namespaces", params=following).status_code == 410


@pytest.mark.parametrize("watchers", [50])
def test_many_watchers_see_the_same(namespace: Namespace, watchers: int) -> None:
    """Fifty open watches, ten changes, the same events for each and in order."""
    start = str(namespace.world.store.revision)
    ready = threading.Barrier(watchers + 1)
    seen: list[list[tuple[str, str]]] = [[] for _ in range(watchers)]

    def watch(index: int) -> None:
        query = {"watch": "true", "resourceVersion": start}
        with (
            httpx2.Client(base_url=namespace.world.url, timeout=30, verify=False) as client,
            client.stream("GET", namespace.path("ConfigMap"), params=query) as answer,
        ):
            ready.wait(30)
            lines = (json.loads(line) for line in answer.iter_lines())
            wanted = (event for event in lines if event["object"]["metadata"]["name"].startswith("c"))
            seen[index] = [_brief(event) for event in itertools.islice(wanted, 10)]

    threads = [threading.Thread(target=watch, args=(index,)) for index in range(watchers)]
    for thread in threads:
        thread.start()
    ready.wait(30)
    for number in range(10):
        namespace.post("ConfigMap", config_map(f"c{number}"))
    for thread in threads:
        thread.join(30)
    assert seen == [[("ADDED", f"c{number}") for number in range(10)]] * watchers


def _brief(event: Object) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"]["name"]
