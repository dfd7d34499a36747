"""K8sCanaryDeploy and K8sCanaryDelete: what runs beside the primary, and that it goes again."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import ValidationError

from providers.errors import ProviderError, ProviderRefused
from providers.values import Effect, LiveInstance
from tests.providers.kubernetes.platform import NAMESPACE, RELEASE, KubernetesPlatform
from tests.providers.kubernetes.stories import EXTRAS, Releasing, Story, names, shop, tell
from tests.providers.tools import call

APPS = f"/apis/apps/v1/namespaces/{NAMESPACE}"


def count(number: int) -> dict[str, object]:
    return {"type": "Count", "spec": {"count": number}}


def percentage(number: int) -> dict[str, object]:
    return {"type": "Percentage", "spec": {"percentage": number}}


def groups(listed: tuple[LiveInstance, ...]) -> Counter[tuple[str, object, str | None]]:
    return Counter((item.group, item.details["track"], item.artifact.tag) for item in listed)


def test_a_canary_runs_beside_the_primary_and_the_service_reaches_both(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        primary = cluster.world.get("Deployment", NAMESPACE, "web")
        outcome = await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=count(2))
        assert outcome.outputs["canaryWorkload"] == "Deployment/web-canary"
        assert groups(await story.instances(shop("v2"))) == {
            ("Deployment/web", None, "v1"): 3,
            ("Deployment/web-canary", "canary", "v2"): 2,
        }
        assert cluster.world.get("Deployment", NAMESPACE, "web") == primary
        canary = cluster.world.get("Deployment", NAMESPACE, "web-canary")
        service = cluster.world.get("Service", NAMESPACE, "web")
        assert canary is not None
        assert service is not None
        labels = canary["spec"]["template"]["metadata"]["labels"]
        assert canary["spec"]["selector"]["matchLabels"] == {"app": "web", "harness.io/track": "canary"}
        assert service["spec"]["selector"].items() <= labels.items()
        assert labels["unship.dev/release"] == RELEASE

    tell(cluster, story)


def test_the_new_configuration_reaches_the_canary_alone(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=count(1))
        found = {name: cluster.world.get("ConfigMap", NAMESPACE, name) for name in names(cluster, "ConfigMap")}
        assert {name: body and body["data"] for name, body in found.items() if name.startswith("web")} == {
            "web-config": {"release": "v1"},
            "web-config-canary": {"release": "v2"},
        }
        canary = cluster.world.get("Deployment", NAMESPACE, "web-canary")
        assert canary is not None
        container = canary["spec"]["template"]["spec"]["containers"][0]
        assert container["envFrom"] == [{"configMapRef": {"name": "web-config-canary"}}]

    tell(cluster, story)


def test_deleting_a_canary_removes_exactly_it(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1") + EXTRAS)
        call(
            cluster.world,
            "POST",
            f"/api/v1/namespaces/{NAMESPACE}/configmaps",
            {"metadata": {"name": "other-canary", "labels": {"harness.io/track": "canary"}}},
        )
        kinds = ("Deployment", "ReplicaSet", "ConfigMap", "Service", "HorizontalPodAutoscaler")
        before = {kind: names(cluster, kind) for kind in kinds}
        await story.step("K8sCanaryDeploy", shop("v2") + EXTRAS, instanceSelection=count(1))
        outcome = await story.step("K8sCanaryDelete")
        assert outcome.outputs["deleted"] == "ConfigMap/web-config-canary,Deployment/web-canary"
        assert {kind: names(cluster, kind) for kind in kinds} == before
        assert cluster.running() == ["v1"] * 3
        assert (await story.step("K8sCanaryDelete")).effect is Effect.SKIPPED

    tell(cluster, story)


def test_a_canary_with_a_bad_image_is_told_and_goes_without_a_trace(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        cluster.break_version("v2")
        with pytest.raises(ProviderError) as failed:
            await story.step(
                "K8sCanaryDeploy", shop("v2"), story.attempt(seconds_left=1.0), instanceSelection=count(1)
            )
        assert "ImagePull" in str(failed.value)
        assert [group.name for group in (await story.capture(shop("v3"))).groups] == ["Deployment/web"]
        changes = await story.preview(snapshot)
        assert changes[("Deployment/web-canary", "object")] == ("present", None)
        outcomes = [await story.undo(step, snapshot) for step in ("K8sCanaryDelete", "K8sRollingRollback")]
        assert [outcome.effect for outcome in outcomes] == [Effect.CHANGED, Effect.SKIPPED]
        assert names(cluster, "Deployment") == ["web"]
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_a_second_canary_takes_the_place_of_the_first(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=count(1))
        snapshot = await story.capture(shop("v3"))
        await story.step("K8sCanaryDeploy", shop("v3"), instanceSelection=count(2))
        assert Counter(cluster.running()) == {"v1": 3, "v3": 2}
        await story.undo("K8sRollingRollback", snapshot)
        assert names(cluster, "Deployment") == ["web"], "a canary that was left behind is no state to go back to"

    tell(cluster, story)


def test_a_canary_waits_until_an_earlier_one_has_ended(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=count(1))
        attempt = Releasing("third", cluster, f"{APPS}/deployments/web-canary")
        await story.step("K8sCanaryDeploy", shop("v3"), attempt, instanceSelection=count(1))
        assert attempt.told[0].message == "Waiting until Deployment/web-canary is gone"
        assert Counter(cluster.running()) == {"v1": 3, "v3": 1}

    tell(cluster, story)


@pytest.mark.parametrize(("per_cent", "copies"), [(1, 1), (33, 1), (34, 2), (50, 2), (67, 3), (100, 3)])
def test_a_percentage_is_of_the_wanted_copies_and_rounded_up(
    cluster: KubernetesPlatform, per_cent: int, copies: int
) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        outcome = await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=percentage(per_cent))
        assert outcome.outputs["replicas"] == str(copies)
        assert Counter(cluster.running())["v2"] == copies

    tell(cluster, story)


def test_a_percentage_is_of_what_runs_where_an_autoscaler_decides(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1") + EXTRAS)
        path = f"{APPS}/deployments/web/scale?fieldManager=kube-controller-manager"
        call(cluster.world, "PATCH", path, {"spec": {"replicas": 8}}, "application/merge-patch+json")
        attempt = story.attempt("once")
        outcome = await story.step(
            "K8sCanaryDeploy", shop("v2") + EXTRAS, attempt, instanceSelection=percentage(25)
        )
        assert outcome.outputs["replicas"] == "2"
        assert names(cluster, "HorizontalPodAutoscaler") == ["web"]
        call(cluster.world, "PATCH", path, {"spec": {"replicas": 4}}, "application/merge-patch+json")
        again = await story.step(
            "K8sCanaryDeploy", shop("v2") + EXTRAS, story.attempt("once"), instanceSelection=percentage(25)
        )
        assert again.outputs == outcome.outputs, "the count is decided once"

    tell(cluster, story)


def test_what_a_canary_cannot_start_without_is_made_too(cluster: KubernetesPlatform) -> None:
    account = "\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop}\n"
    new = shop("v2").replace(
        "    spec:\n      containers", "    spec:\n      serviceAccountName: shop\n      containers"
    )

    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(new + account)
        await story.step("K8sCanaryDeploy", new + account, instanceSelection=count(1))
        assert "shop" in names(cluster, "ServiceAccount")
        await story.undo("K8sCanaryDelete", snapshot)
        await story.undo("K8sRollingRollback", snapshot)
        assert "shop" not in names(cluster, "ServiceAccount")

    tell(cluster, story)


def test_a_deployment_of_somebody_else_is_not_taken_for_a_canary(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        body = cluster.world.get("Deployment", NAMESPACE, "web")
        assert body is not None
        call(
            cluster.world,
            "POST",
            f"{APPS}/deployments",
            {"metadata": {"name": "web-canary"}, "spec": body["spec"]},
        )
        with pytest.raises(ProviderRefused, match="Deployment/web-canary exists and is not the canary"):
            await story.step("K8sCanaryDeploy", shop("v2"), instanceSelection=count(1))
        assert (await story.step("K8sCanaryDelete")).effect is Effect.SKIPPED

    tell(cluster, story)


def test_a_canary_of_nothing_is_refused(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        stateful = shop("v1").replace("kind: Deployment", "kind: StatefulSet")
        with pytest.raises(ProviderRefused, match="made of Deployments"):
            await story.step("K8sCanaryDeploy", stateful, instanceSelection=count(1))

    tell(cluster, story)
    model = cluster.provider.step_types["K8sCanaryDeploy"].spec_model
    for nothing in (count(0), percentage(0)):
        with pytest.raises(ValidationError, match="greater than or equal to 1"):
            model.model_validate({"instanceSelection": nothing})
