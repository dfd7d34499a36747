"""K8sBlueGreenDeploy and K8sBGSwapServices: two colours, two Services, and the way back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.errors import ProviderNotFound, ProviderRefused
from providers.values import Effect, Outcome
from sandbox.core.requests import RequestRecord
from sandbox.core.store import Change
from tests.providers.attempts import BrokenOffError, TestAttempt
from tests.providers.kubernetes.platform import NAMESPACE, KubernetesBlueGreenPlatform
from tests.providers.kubernetes.stories import EXTRAS, Story, kubectl, names, shop, tell
from tests.providers.tools import call

APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"
STAGE = """
---
apiVersion: v1
kind: Service
metadata: {name: preview, annotations: {harness.io/stage-service: "true"}}
spec:
  selector: {app: web}
  ports: [{port: 8000, targetPort: 8080}]
"""
BLUE, GREEN = ({"app": "web", "harness.io/color": name} for name in ("blue", "green"))


@pytest.fixture
def colours(tmp_path: Path) -> Iterator[KubernetesBlueGreenPlatform]:
    """The web shop, and no deployment of it yet."""
    with KubernetesBlueGreenPlatform(tmp_path) as made:
        yield made


async def swapped(story: Story, content: str) -> Outcome:
    """A whole blue/green deployment; the outcome of its swap."""
    await story.step("K8sBlueGreenDeploy", content)
    return await story.step("K8sBGSwapServices", content)


def scale(colours: KubernetesBlueGreenPlatform, name: str, count: int) -> None:
    path = f"{APPS}/deployments/{name}/scale?fieldManager=kubectl"
    call(colours.world, "PATCH", path, {"spec": {"replicas": count}}, "application/merge-patch+json")


def order(requests: list[RequestRecord]) -> list[str]:
    """What was changed, in its order, as plural/name; history and questions left out."""
    return [
        "/".join(request.path.split("/")[-2:])
        for request in requests
        if "/secrets" not in request.path
        and "json-patch" not in request.headers["content-type"]
        and not request.path.endswith(("reviews",))
        and "dryRun" not in request.query
    ]


def watch_primary(colours: KubernetesBlueGreenPlatform) -> list[tuple[str, int]]:
    """Fills with each colour that the primary Service comes to select, and how many pods of it are ready then."""
    seen: list[tuple[str, int]] = []
    store = colours.world.cluster.store

    def note(change: Change) -> None:
        if (change.key.kind, change.key.name) != ("services", "web"):
            return
        color = change.value["spec"]["selector"].get("harness.io/color", "none")
        workload = store.get(change.key._replace(kind="deployments.apps", name=f"web-{color}")) or {}
        seen.append((color, workload.get("status", {}).get("readyReplicas", 0)))

    store.on_change(note)
    return seen


def test_the_new_colour_is_on_the_stage_until_the_swap(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        first = await swapped(story, shop("v1"))
        assert first.outputs["color"] == "blue"
        outcome = await story.step("K8sBlueGreenDeploy", shop("v2"))
        assert (outcome.outputs["color"], outcome.outputs["primaryService"]) == ("green", "web")
        assert colours.running() == ["v1"] * 3
        assert (colours.selector(), colours.selector("web-stage")) == (BLUE, GREEN)
        listed = await story.instances(shop("v2"))
        assert Counter((item.group, item.details["color"], item.artifact.tag) for item in listed) == {
            ("Deployment/web-blue", "blue", "v1"): 3,
            ("Deployment/web-green", "green", "v2"): 3,
        }
        await story.step("K8sBGSwapServices", shop("v2"))
        assert (colours.selector(), colours.selector("web-stage")) == (GREEN, BLUE)
        assert colours.running() == ["v2"] * 3

    tell(colours, story)


def test_each_colour_has_its_own_configuration(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        await story.step("K8sBlueGreenDeploy", shop("v2"))
        found = {
            name: colours.world.get("ConfigMap", NAMESPACE, name)
            for name in names(colours, "ConfigMap")
            if name.startswith("web")
        }
        assert {name: body and body["data"]["release"] for name, body in found.items()} == {
            "web-config-blue": "v1",
            "web-config-green": "v2",
        }

    tell(colours, story)


def test_nothing_serves_before_the_first_swap(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await story.step("K8sBlueGreenDeploy", shop("v1"))
        assert colours.running() == []
        assert colours.selector("web-stage") == BLUE

    tell(colours, story)


def test_a_stage_service_is_derived_from_the_primary(colours: KubernetesBlueGreenPlatform) -> None:
    exposed = shop("v1").replace("ports: [{port: 80,", "type: NodePort\n  ports: [{port: 80, nodePort: 30080,")

    async def story(story: Story) -> None:
        outcome = await swapped(story, exposed)
        assert outcome.outputs["stageService"] == "web-stage"
        stage = colours.world.get("Service", NAMESPACE, "web-stage")
        primary = colours.world.get("Service", NAMESPACE, "web")
        assert stage is not None
        assert primary is not None
        assert stage["metadata"]["annotations"]["harness.io/stage-service"] == "true"
        assert stage["spec"]["type"] == "NodePort"
        assert stage["spec"]["ports"][0].get("nodePort") != 30080
        assert primary["spec"]["ports"][0]["nodePort"] == 30080

    tell(colours, story)


def test_a_stage_service_of_the_manifests_is_used(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        outcome = await swapped(story, shop("v1") + STAGE)
        assert outcome.outputs["stageService"] == "preview"
        assert names(colours, "Service") == ["preview", "web"]
        await swapped(story, shop("v2") + STAGE)
        assert (colours.selector(), colours.selector("preview")) == (GREEN, BLUE)

    tell(colours, story)


def test_which_service_is_the_primary_must_be_clear(colours: KubernetesBlueGreenPlatform) -> None:
    second = STAGE.replace(', annotations: {harness.io/stage-service: "true"}', "")
    annotated = '{name: web, annotations: {harness.io/primary-service: "true"}}\nspec:\n  selector: {app'
    marked = shop("v1").replace("{name: web}\nspec:\n  selector: {app", annotated)

    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="exactly one primary Service"):
            await story.step("K8sBlueGreenDeploy", shop("v1") + second)
        await story.step("K8sBlueGreenDeploy", marked + second)
        assert colours.selector("preview") == {"app": "web"}, "a further Service is applied as it is"

    tell(colours, story)


def test_workloads_that_cannot_be_in_two_colours_are_refused(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        stateful = shop("v1").replace("kind: Deployment", "kind: StatefulSet")
        with pytest.raises(ProviderRefused, match="StatefulSet/web cannot run as blue and green"):
            await story.step("K8sBlueGreenDeploy", stateful)
        assert names(colours, "Service") == []

    tell(colours, story)


def test_a_rolling_deployment_does_not_mix_the_colours(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        with pytest.raises(ProviderRefused, match="Service/web leads to one of two colours"):
            await story.deploy(shop("v2"))
        assert colours.running() == ["v1"] * 3

    tell(colours, story)


def test_no_traffic_is_led_to_where_nothing_runs(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        with pytest.raises(ProviderRefused, match="run K8sBlueGreenDeploy first"):
            await story.step("K8sBGSwapServices", shop("v1"))
        await swapped(story, shop("v1"))
        await story.step("K8sBlueGreenDeploy", shop("v2"))
        scale(colours, "web-green", 0)
        with pytest.raises(ProviderRefused, match="Deployment/web-green is scaled to zero"):
            await story.step("K8sBGSwapServices", shop("v2"))
        call(colours.world, "DELETE", f"{APPS}/deployments/web-green")
        with pytest.raises(ProviderNotFound, match="Deployment/web-green does not exist"):
            await story.step("K8sBGSwapServices", shop("v2"))
        assert colours.running() == ["v1"] * 3

    tell(colours, story)


def test_capacity_comes_back_before_traffic_and_goes_after_it(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        before, snapshot = colours.state(), await story.capture(shop("v2"))
        await swapped(story, shop("v2"))
        scale(colours, "web-blue", 0)
        assert (await story.preview(snapshot))[("Deployment/web-blue", "replicas")] == ("0", "3")
        mark, seen = colours.world.requests.mark, watch_primary(colours)
        await story.undo("K8sBGSwapServices", snapshot)
        *changed, first, second = order(colours.effects(mark))
        assert changed == ["deployments/web-blue", "services/web", "services/web-stage"]
        assert {first, second} == {"configmaps/web-config-green", "deployments/web-green"}
        assert {color: ready for color, ready in seen if color == "blue"} == {"blue": 3}
        assert colours.state() == before

    tell(colours, story)


def test_an_old_colour_that_was_deleted_is_made_again_first(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        before, snapshot = colours.state(), await story.capture(shop("v2"))
        await swapped(story, shop("v2"))
        call(colours.world, "DELETE", f"{APPS}/deployments/web-blue")
        call(colours.world, "DELETE", f"/api/v1/namespaces/{NAMESPACE}/configmaps/web-config-blue")
        assert await story.preflight(snapshot) == ()
        seen = watch_primary(colours)
        await story.undo("K8sBGSwapServices", snapshot)
        assert {color: ready for color, ready in seen if color == "blue"} == {"blue": 3}
        assert colours.state() == before

    tell(colours, story)


def test_the_colour_that_is_overwritten_gets_its_older_version_back_last(
    colours: KubernetesBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        await swapped(story, shop("v2"))
        before, snapshot = colours.state(), await story.capture(shop("v3"))
        assert snapshot.artifact is not None
        assert snapshot.artifact.tag == "v2", "what serves, not what idles"
        assert {group.name: group.artifact.tag for group in snapshot.groups} == {
            "Deployment/web-blue": "v1",
            "Deployment/web-green": "v2",
        }
        await swapped(story, shop("v3"))
        scale(colours, "web-green", 1)
        mark = colours.world.requests.mark
        await story.undo("K8sBGSwapServices", snapshot)
        assert order(colours.effects(mark)) == [
            "deployments/web-green",
            "services/web",
            "services/web-stage",
            "configmaps/web-config-blue",
            "deployments/web-blue",
        ]
        assert colours.state() == before
        assert (await story.undo("K8sBGSwapServices", snapshot)).effect is Effect.SKIPPED

    tell(colours, story)


def test_a_deployment_that_was_never_swapped_is_undone_too(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        before, snapshot = colours.state(), await story.capture(shop("v2"))
        await story.step("K8sBlueGreenDeploy", shop("v2"))
        mark = colours.world.requests.mark
        await story.undo("K8sBGSwapServices", snapshot)
        assert "services/web" not in order(colours.effects(mark)), "the primary Service was never touched"
        assert colours.state() == before

    tell(colours, story)


@pytest.mark.parametrize("breaking", [2, 3])
def test_a_swap_that_was_interrupted_is_finished_or_undone(
    colours: KubernetesBlueGreenPlatform, breaking: int
) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        before, snapshot = colours.state(), await story.capture(shop("v2"))
        await story.step("K8sBlueGreenDeploy", shop("v2"))
        attempt = TestAttempt("swap", breaks_before=breaking)
        with pytest.raises(BrokenOffError):
            await story.step("K8sBGSwapServices", shop("v2"), attempt)
        half = [colours.selector(), colours.selector("web-stage")]
        assert half == [BLUE if breaking == 2 else GREEN, GREEN]
        await story.step("K8sBGSwapServices", shop("v2"), TestAttempt("swap"))
        assert [colours.selector(), colours.selector("web-stage")] == [GREEN, BLUE]
        await story.undo("K8sBGSwapServices", snapshot)
        assert colours.state() == before
        await story.step("K8sBlueGreenDeploy", shop("v2"))
        attempt = TestAttempt("again", breaks_before=breaking)
        with pytest.raises(BrokenOffError):
            await story.step("K8sBGSwapServices", shop("v2"), attempt)
        await story.undo("K8sBGSwapServices", snapshot)
        assert colours.state() == before

    tell(colours, story)


def test_a_target_that_was_rolled_out_before_keeps_its_traffic_until_the_swap(
    colours: KubernetesBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before, snapshot = colours.state(), await story.capture(shop("v2"))
        seen: set[str] = set()
        await story.step("K8sBlueGreenDeploy", shop("v2"), Looking("deploy", colours, seen))
        assert seen == {"v1"}, "pods of the new colour have the labels that the old selector asks for"
        assert colours.running() == ["v1"] * 3
        await story.step("K8sBGSwapServices", shop("v2"))
        assert colours.running() == ["v2"] * 3
        scale(colours, "web", 0)
        mark = colours.world.requests.mark
        await story.undo("K8sBGSwapServices", snapshot)
        assert order(colours.effects(mark))[:2] == ["deployments/web", "services/web"]
        assert colours.state() == before
        assert colours.selector() == {"app": "web"}

    tell(colours, story)


class Looking(TestAttempt):
    """Collects the versions that serve whenever something is reported or about to be changed."""

    def __init__(self, token: str, colours: KubernetesBlueGreenPlatform, seen: set[str]) -> None:
        super().__init__(token)
        self._look = lambda: seen.update(colours.running())

    async def report(self, progress: object) -> None:
        self._look()

    async def before_effect(self) -> None:
        self._look()


def test_a_service_that_leads_to_several_versions_cannot_be_narrowed(
    colours: KubernetesBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection={"type": "Count", "spec": {"count": 1}})
        with pytest.raises(ProviderRefused, match="Service/web leads to pods of several versions"):
            await story.step("K8sBlueGreenDeploy", shop("v3"))

    tell(colours, story)


def test_each_colour_has_its_autoscaler_and_starts_with_what_serves(
    colours: KubernetesBlueGreenPlatform,
) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1") + EXTRAS)
        scale(colours, "web-blue", 6)
        snapshot = await story.capture(shop("v2") + EXTRAS)
        assert [(group.name, group.count, group.autoscaled) for group in snapshot.groups] == [
            ("Deployment/web-blue", 6, True)
        ]
        await swapped(story, shop("v2") + EXTRAS)
        assert names(colours, "HorizontalPodAutoscaler") == ["web-blue", "web-green"]
        assert colours.running() == ["v2"] * 6
        scale(colours, "web-blue", 2)
        seen = watch_primary(colours)
        await story.undo("K8sBGSwapServices", snapshot)
        assert {color: ready for color, ready in seen if color == "blue"} == {"blue": 6}
        assert names(colours, "HorizontalPodAutoscaler") == ["web-blue"]
        assert colours.running() == ["v1"] * 6

    tell(colours, story)


def test_an_autoscaler_is_left_alone_once_the_traffic_is_back(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1") + EXTRAS)
        scale(colours, "web-blue", 6)
        snapshot = await story.capture(shop("v2") + EXTRAS)
        await swapped(story, shop("v2") + EXTRAS)
        await story.undo("K8sBGSwapServices", snapshot)
        scale(colours, "web-blue", 4)
        assert (await story.undo("K8sBGSwapServices", snapshot)).effect is Effect.SKIPPED
        assert await story.preview(snapshot) == {}

    tell(colours, story)


def test_the_preview_says_where_the_traffic_goes(colours: KubernetesBlueGreenPlatform) -> None:
    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        snapshot = await story.capture(shop("v2"))
        await swapped(story, shop("v2"))
        changes = await story.preview(snapshot)
        assert changes[("Service/web", "reaches")] == (
            "Deployment/web-green (library/nginx:v2)",
            "Deployment/web-blue (library/nginx:v1)",
        )
        assert ("Service/web-stage", "reaches") not in changes
        assert changes[("Deployment/web-green", "object")] == ("present", None)

    tell(colours, story)


def test_kubectl_sees_the_pods_of_the_old_colour_behind_the_service_again(
    colours: KubernetesBlueGreenPlatform, tmp_path: Path
) -> None:
    def behind() -> set[str]:
        path = "{.subsets[*].addresses[*].targetRef.name}"
        return set(kubectl(colours, tmp_path, "get", "endpoints", "web", "-o", f"jsonpath={path}").split())

    def are_behind(pods: set[str]) -> bool:
        """The cluster follows a moment later."""
        return any(behind() == pods for _ in range(20))

    async def story(story: Story) -> None:
        await swapped(story, shop("v1"))
        blue = {pod["metadata"]["name"] for pod in colours.pods()}
        snapshot = await story.capture(shop("v2"))
        await swapped(story, shop("v2"))
        assert are_behind({name for name in names(colours, "Pod") if name.startswith("web-green")})
        await story.undo("K8sBGSwapServices", snapshot)
        assert are_behind(blue)

    tell(colours, story)
