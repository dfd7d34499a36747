"""Endpoints follow the pods that a Service selects."""

from __future__ import annotations

from sandbox.core.wire import Object, sublist
from tests.sandbox.cluster import Namespace, deployment, template

SERVICE: Object = {
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}


def addresses(endpoints: Object | None, field: str = "addresses") -> list[str]:
    """The names of the pods behind it."""
    subsets = sublist(endpoints or {}, "subsets")
    return sorted(item["targetRef"]["name"] for subset in subsets for item in sublist(subset, field))


def pods(namespace: Namespace, **labels: str) -> list[str]:
    """The names of pods with those labels."""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return sorted(pod["metadata"]["name"] for pod in namespace.list("Pod", labelSelector=selector))


def test_ready_pods_are_behind_the_service(namespace: Namespace) -> None:
    namespace.post("Service", SERVICE)
    namespace.post("Deployment", deployment(replicas=2))
    namespace.rolled_out("web")
    found = namespace.until("Endpoints", "web", lambda item: len(addresses(item)) == 2)
    assert found is not None
    assert addresses(found) == pods(namespace, app="web")
    assert found["subsets"][0]["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_another_selector_leads_to_other_pods(namespace: Namespace) -> None:
    namespace.post("Service", SERVICE)
    for name in ("web", "other"):
        namespace.post("Deployment", deployment(name, replicas=1))
        namespace.rolled_out(name)
    namespace.patch("Service", "web", {"spec": {"selector": {"app": "other"}}})
    wanted = pods(namespace, app="other")
    namespace.until("Endpoints", "web", lambda item: addresses(item) == wanted)


def test_pods_that_are_not_ready_are_told_apart(namespace: Namespace) -> None:
    namespace.world.images.unready(":never$")
    namespace.post("Service", SERVICE)
    namespace.post(
        "Deployment", {**deployment(), "spec": {**deployment()["spec"], "template": template("web", "x:never")}}
    )
    waiting = namespace.until("Endpoints", "web", lambda item: len(addresses(item, "notReadyAddresses")) == 3)
    assert addresses(waiting) == []


def test_endpoints_go_with_their_service_and_stay_where_somebody_else_keeps_them(namespace: Namespace) -> None:
    namespace.post("Service", SERVICE)
    namespace.until("Endpoints", "web", lambda item: item is not None)
    namespace.delete("Service", "web")
    namespace.until("Endpoints", "web", lambda item: item is None)
    namespace.post(
        "Endpoints", {"metadata": {"name": "outside"}, "subsets": [{"addresses": [{"ip": "192.0.2.1"}]}]}
    )
    namespace.post("Service", {"metadata": {"name": "outside"}, "spec": {"ports": [{"port": 80}]}})
    namespace.post("Service", SERVICE)
    namespace.until("Endpoints", "web", lambda item: item is not None)
    assert namespace.read("Endpoints", "outside")["subsets"] == [{"addresses": [{"ip": "192.0.2.1"}]}]
