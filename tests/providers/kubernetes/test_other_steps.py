"""K8sApply, K8sScale and K8sDelete: what they do, once, and that a rollback undoes them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.errors import ProviderNotFound, ProviderRefused
from providers.values import Effect
from tests.providers.kubernetes.platform import NAMESPACE, KubernetesPlatform
from tests.providers.kubernetes.stories import Story, shop, tell

JOB = """
apiVersion: v1
kind: ConfigMap
metadata: {name: extra}
data: {a: b}
"""


def inline(content: str) -> dict[str, object]:
    store = {"type": "Inline", "spec": {"content": content}}
    return {"type": "K8sManifest", "spec": {"store": store}}


def count(number: object) -> dict[str, object]:
    return {"type": "Count", "spec": {"count": number}}


def percentage(number: object) -> dict[str, object]:
    return {"type": "Percentage", "spec": {"percentage": number}}


def test_apply_takes_manifests_of_its_own_and_is_undone(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v2"))
        outcome = await story.step("K8sApply", manifestSource=inline(JOB))
        assert outcome.outputs["releaseNumber"] == "2"
        await story.deploy(shop("v2"))
        await story.roll_back(snapshot)
        assert cluster.world.get("ConfigMap", NAMESPACE, "extra") is None
        assert cluster.running() == ["v1"] * 3

    tell(cluster, story)


def test_apply_takes_manifests_of_the_service_by_name(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.step("K8sApply", shop("v1"), filePaths=["web"])
        assert cluster.running() == ["v1"] * 3
        with pytest.raises(ProviderRefused, match=r'no manifest "wbe" \(it has: web\)'):
            await story.step("K8sApply", shop("v1"), filePaths=["wbe"])
        with pytest.raises(ProviderRefused, match="nothing to apply"):
            await story.step("K8sApply", shop("v1"))

    tell(cluster, story)


def test_scale_by_count_and_back(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        snapshot = await story.capture(shop("v1"))
        outcome = await story.step("K8sScale", workload="Deployment/web", instanceSelection=count("5"))
        assert outcome.outputs["replicas"] == "5"
        assert cluster.running() == ["v1"] * 5
        again = await story.step("K8sScale", workload="deployment/web", instanceSelection=count(5))
        assert again.effect is Effect.SKIPPED
        assert (await story.preview(snapshot))[("Deployment/web", "replicas")] == ("5", "3")
        await story.roll_back(snapshot)
        assert len(cluster.running()) == 3

    tell(cluster, story)


def test_a_percentage_is_taken_once_however_often_the_step_is_repeated(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        for _ in range(3):
            await story.step(
                "K8sScale",
                "",
                story.attempt("half"),
                workload="Deployment/web",
                instanceSelection=percentage(50),
            )
            assert len(cluster.running()) == 2, "half of three, rounded up"

    tell(cluster, story)


def test_scale_refuses_what_it_cannot_scale(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        for workload, error in (
            ("web", ProviderRefused),
            ("Service/web", ProviderRefused),
            ("Gadget/web", ProviderRefused),
            ("Deployment/other", ProviderNotFound),
        ):
            with pytest.raises(error):
                await story.step("K8sScale", workload=workload, instanceSelection=count(1))

    tell(cluster, story)


def test_delete_by_name_waits_until_it_is_gone_and_is_undone(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before = cluster.state()
        snapshot = await story.capture(shop("v1"))
        resources = {"type": "ResourceName", "spec": {"resourceNames": ["Deployment/web", "ConfigMap/absent"]}}
        outcome = await story.step("K8sDelete", resources=resources)
        assert outcome.outputs["deleted"] == "Deployment/web"
        assert cluster.world.get("Deployment", NAMESPACE, "web") is None
        assert (await story.step("K8sDelete", resources=resources)).effect is Effect.SKIPPED
        await story.roll_back(snapshot)
        assert cluster.state() == before

    tell(cluster, story)


def test_delete_of_a_release_takes_all_of_it_and_nothing_else(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await story.deploy(shop("v1"))
        before = cluster.state()
        snapshot = await story.capture(shop("v1"))
        await story.step("K8sDelete", resources={"type": "ReleaseName"})
        assert cluster.world.get("Deployment", NAMESPACE, "web") is None
        assert cluster.world.get("Service", NAMESPACE, "web") is None
        assert cluster.world.get("Namespace", "", NAMESPACE) is not None
        await story.roll_back(snapshot)
        assert cluster.state() == before

    tell(cluster, story)


def test_delete_refuses_what_no_rollback_brings_back(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        names = {"resourceNames": [f"Namespace/{NAMESPACE}"]}
        with pytest.raises(ProviderRefused, match="kubectl"):
            await story.step("K8sDelete", resources={"type": "ResourceName", "spec": names})

    tell(cluster, story)


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        ("K8sRollingDeploy", {"skipDryrun": True}),
        (
            "K8sScale",
            {"workload": "Deployment/web", "instanceSelection": {"type": "Count", "spec": {"count": -1}}},
        ),
        ("K8sScale", {"workload": "Deployment/web", "instanceSelection": {"type": "Some"}}),
        ("K8sDelete", {"resources": {"type": "ReleaseName", "spec": {"deleteNamespace": True}}}),
        ("K8sRollingRollback", {"unknown": 1}),
    ],
)
def test_specs_refuse_what_they_do_not_know(
    cluster: KubernetesPlatform, step: str, fields: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        cluster.provider.step_types[step].spec_model.model_validate(fields)
