"""What other people do to a cluster, done over its API with another client's name."""

from __future__ import annotations

from typing import Any

import httpx2

from sandbox.core.world import World

KUBECTL = {"User-Agent": "kubectl/v1.37"}


def call(world: World, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
    """One request to the world; its JSON. Fails the test if the world refuses it."""
    headers = {**KUBECTL, "Content-Type": content_type, "Authorization": "Bearer sandbox"}
    with httpx2.Client(base_url=world.url, trust_env=False, verify=False) as client:
        answer = client.request(method, path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json()


def kubectl_patch(world: World, path: str, patch: Any) -> Any:
    """A strategic merge patch, as `kubectl set` and `kubectl patch` send it."""
    content_type = "application/strategic-merge-patch+json"
    return call(world, "PATCH", f"{path}?fieldManager=kubectl-set", patch, content_type)


def delete_history(world: World, namespace: str = "staging") -> None:
    """Delete every release record, as `kubectl delete secret --all` would."""
    for secret in call(world, "GET", f"/api/v1/namespaces/{namespace}/secrets")["items"]:
        call(world, "DELETE", f"/api/v1/namespaces/{namespace}/secrets/{secret['metadata']['name']}")
