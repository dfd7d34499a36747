"""The Role in docs/platforms.md is enough for everything that Unship does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from providers.web import USER_AGENT
from sandbox.core.requests import RequestRecord
from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.kubernetes.stories import Story, shop, tell

DOCUMENT = Path(__file__).parents[3] / "docs" / "platforms.md"
PATH = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/v[^/]+(?:/namespaces/(?P<namespace>[^/]+))?(?:/(?P<rest>.+))?$")
VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}

# group, resource, verb
Permission = tuple[str, str, str]


def granted() -> set[Permission]:
    section = DOCUMENT.read_text().split("\n## Kubernetes\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    roles: list[Any] = [role for block in blocks for role in yaml.safe_load_all(block) if "rules" in role]
    return {
        (group, resource, verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(requests: list[RequestRecord]) -> Iterator[Permission]:
    for request in requests:
        found = PATH.match(request.path)
        if request.user_agent != USER_AGENT or found is None or "/authorization.k8s.io/" in request.path:
            continue
        group, namespace, rest = found["group"] or "", found["namespace"], found["rest"]
        if namespace and not rest:
            yield group, "namespaces", VERBS.get(request.method, "get")
        elif rest:
            plural, _, name = rest.partition("/")
            resource = f"{plural}/scale" if name.endswith("/scale") else plural
            reading = "watch" if "watch=true" in request.query else "get" if name else "list"
            yield group, resource, VERBS.get(request.method, reading)
            # Server-side apply of what is not there also needs the permission to create it.
            if request.method == "PATCH" and request.status == 201:
                yield group, resource, "create"


SECRET = "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n"
SCALER = """
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
"""
OTHERS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      serviceAccountName: default
      containers: [{name: db, image: "db:1"}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}]}
"""


def test_the_documented_role_is_enough(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        first = await story.capture(shop("v2") + SECRET)
        await story.deploy(shop("v2") + SECRET)
        await story.step("K8sScale", workload="Deployment/web", instanceSelection=COUNT)
        await story.step("K8sApply", manifestSource=inline(OTHERS + SCALER))
        second = await story.capture(OTHERS)
        await story.deploy(OTHERS.replace(":1", ":2"))
        await story.preflight(second)
        await story.instances(OTHERS)
        await story.step("K8sDelete", resources={"type": "ReleaseName"})
        await story.roll_back(second)
        await story.preflight(first)
        await story.roll_back(first)

    tell(cluster, story)
    needed = set(used(list(cluster.world.requests)))
    assert needed - granted() == set()
    assert {verb for _, resource, verb in needed if resource == "secrets"} == {
        verb for _, resource, verb in granted() if resource == "secrets"
    }


def test_the_documented_role_is_enough_for_canaries_and_colours(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        first = await story.capture(shop("v2"))
        await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=COUNT)
        await story.undo("K8sCanaryDelete", first)
        for version in ("v2", "v3", "v4"):
            await story.step("K8sBlueGreenDeploy", shop(version) + SCALER)
            await story.step("K8sBGSwapServices", shop(version) + SCALER)
        await story.preflight(first)
        await story.undo("K8sBGSwapServices", first)

    tell(cluster, story)
    needed = set(used(list(cluster.world.requests)))
    assert needed - granted() == set()
    assert ("", "configmaps", "list") in needed


COUNT: dict[str, object] = {"type": "Count", "spec": {"count": 2}}


def inline(content: str) -> dict[str, object]:
    return {"type": "K8sManifest", "spec": {"store": {"type": "Inline", "spec": {"content": content}}}}
