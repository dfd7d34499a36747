"""Copies of a release's Deployments: what is copied, what is renamed, which Service is which. Pure."""

from __future__ import annotations

import pytest

from providers.errors import ProviderRefused
from providers.kubernetes.canary import CANARY
from providers.kubernetes.colours import BLUE, GREEN, at_colour, colour_of, other, services_of
from providers.kubernetes.manifests import parse
from providers.kubernetes.objects import KubeObject, label
from providers.kubernetes.references import configuration_names, with_names
from providers.kubernetes.variants import split
from providers.tree import Tree, at
from tests.providers.kubernetes.stories import shop

PODS: Tree = {
    "spec": {
        "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "a"}}]}],
        "containers": [
            {
                "name": "web",
                "envFrom": [{"secretRef": {"name": "s", "optional": True}}],
                "env": [
                    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "a"}}},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "t", "key": "a"}}},
                    {"name": "PLAIN", "value": "a"},
                ],
            }
        ],
        "volumes": [
            {"name": "a", "configMap": {"name": "c"}},
            {"name": "s", "secret": {"secretName": "u"}},
            {"name": "p", "projected": {"sources": [{"configMap": {"name": "d"}}, {"secret": {"name": "v"}}]}},
        ],
        "imagePullSecrets": [{"name": "s"}],
    }
}
MORE = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unread}
data: {a: b}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report}
spec:
  schedule: "@daily"
  jobTemplate:
    spec:
      template:
        spec: {containers: [{name: job, image: "job:1", envFrom: [{configMapRef: {name: web-config}}]}]}
"""


def objects() -> tuple[KubeObject, ...]:
    return parse("web", shop("v1") + "---" + MORE)


def test_every_reference_to_copied_configuration_is_renamed() -> None:
    names = configuration_names(PODS)
    assert names == {("ConfigMap", name) for name in "abcd"} | {("Secret", name) for name in "stuv"}
    renamed = with_names(PODS, {name: f"{name[1]}-blue" for name in names})
    assert configuration_names(renamed) == {(kind, f"{name}-blue") for kind, name in names}
    assert at(renamed, "spec", "imagePullSecrets") == [{"name": "s"}], "images are pulled with what there is"
    assert with_names(PODS, {}) == PODS


def test_what_belongs_to_a_deployment_is_copied_with_it_and_nothing_else() -> None:
    parts = split(objects(), BLUE)
    assert {str(item.ref) for item in parts.copies} == {
        "ConfigMap/web-config-blue",
        "Deployment/web-blue",
        "HorizontalPodAutoscaler/web-blue",
        "PodDisruptionBudget/web-blue",
    }
    assert {str(item.ref) for item in parts.rest} == {
        "Service/web",
        "ConfigMap/unread",
        "CronJob/report",
        "ConfigMap/web-config",
    }, "what something else reads as well stays under its own name too"


def test_a_copy_selects_and_scales_its_own_pods() -> None:
    copies = {item.ref.kind: item.body for item in split(objects(), CANARY).copies}
    labels = {"app": "web", "harness.io/track": "canary"}
    assert at(copies["Deployment"], "spec", "selector", "matchLabels") == labels
    assert at(copies["Deployment"], "spec", "template", "metadata", "labels") == labels
    assert at(copies["PodDisruptionBudget"], "spec", "selector", "matchLabels") == labels
    assert at(copies["HorizontalPodAutoscaler"], "spec", "scaleTargetRef", "name") == "web-canary"
    assert {label(body, "unship.dev/variant") for body in copies.values()} == {"canary"}


def test_a_copy_does_not_take_the_name_of_another_object() -> None:
    taken = shop("v1") + "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-config-green}\n"
    with pytest.raises(ProviderRefused, match="ConfigMap/web-config-green is in the manifests"):
        split(parse("web", taken), GREEN)
    assert split(parse("web", taken), BLUE).copies


def test_services_lead_to_colours() -> None:
    services = services_of(objects())
    assert (services.primary.ref.name, services.stage.ref.name) == ("web", "web-stage")
    blue = at_colour(services.primary, BLUE)
    assert (colour_of(blue.body), colour_of(services.primary.body), colour_of(None)) == (BLUE, None, None)
    assert (other(BLUE), other(GREEN)) == (GREEN, BLUE)


def test_a_service_without_selector_leads_to_no_colour() -> None:
    bare = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
    with pytest.raises(ProviderRefused, match="Service/web has no selector"):
        services_of(parse("web", bare))
