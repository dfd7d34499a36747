"""What counts after a rollback that failed: what it was to bring back, and not what it was to undo."""

from __future__ import annotations

import pytest

from providers.errors import ProviderError
from providers.kubernetes.values import KubernetesSnapshot
from providers.values import Effect
from tests.providers.kubernetes.platform import KubernetesPlatform
from tests.providers.kubernetes.stories import EXTRAS, Story, names, shop, tell


async def fail_to_go_back(story: Story, more: str = "") -> KubernetesSnapshot:
    """v1, then v2 with more objects, and a rollback to v1 that fails because its image cannot be had just then."""
    await story.deploy(shop("v1"))
    snapshot = await story.capture(shop("v2") + more)
    await story.deploy(shop("v2") + more)
    story.platform.break_version("v1")
    with pytest.raises(ProviderError):
        await story.roll_back(snapshot, story.attempt(seconds_left=1.0))
    story.platform.world.images.clear()
    return snapshot


@pytest.mark.parametrize("again", [False, True], ids=["given up", "tried again"])
def test_the_next_way_back_leads_to_what_the_rollback_was_to_bring_back(
    cluster: KubernetesPlatform, again: bool
) -> None:
    async def story(story: Story) -> None:
        first = await fail_to_go_back(story)
        if again:
            await story.roll_back(first)
        snapshot = await story.capture(shop("v3"))
        assert snapshot.artifact is not None
        assert snapshot.artifact.tag == "v1"
        await story.deploy(shop("v3"))
        await story.roll_back(snapshot)
        assert set(cluster.running()) == {"v1"}

    tell(cluster, story)


def test_what_the_rollback_was_to_remove_does_not_come_back(cluster: KubernetesPlatform) -> None:
    async def story(story: Story) -> None:
        await fail_to_go_back(story, EXTRAS)
        snapshot = await story.capture(shop("v3"))
        await story.deploy(shop("v3"))
        await story.roll_back(snapshot)
        assert "extra" not in names(cluster, "ConfigMap")
        assert set(cluster.running()) == {"v1"}

    tell(cluster, story)


def test_once_it_has_come_to_its_end_changes_by_hand_count_again(cluster: KubernetesPlatform) -> None:
    """The second try finds everything as it should be, because the image was mended meanwhile, and notes it."""

    async def story(story: Story) -> None:
        first = await fail_to_go_back(story)
        assert (await story.roll_back(first)).effect is Effect.SKIPPED
        cluster.change_by_hand()
        snapshot = await story.capture(shop("v3"))
        await story.deploy(shop("v3"))
        await story.roll_back(snapshot)
        assert set(cluster.running()) == {"by-hand"}

    tell(cluster, story)
