"""Is what runs what should run: by revision and digest, count and health, never by tag."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.verification import compare, groups_of, is_settling
from providers.values import Artifact, InstanceGroup, InstanceHealth, LiveInstance

SHOP = Artifact(display_name="shop:v1", image="shop", tag="v1", digest="sha256:a")
OTHER = Artifact(display_name="shop:v2", image="shop", tag="v2", digest="sha256:b")


def instance(key: str = "web-1", **changes: Any) -> LiveInstance:
    plain = LiveInstance(key=key, group="web", artifact=SHOP, revision="r1", health=InstanceHealth.HEALTHY)
    return plain.model_copy(update=changes)


def wanted(**changes: Any) -> InstanceGroup:
    plain = InstanceGroup(name="web", artifact=SHOP, revision="r1", digests=("sha256:a",), count=2)
    return plain.model_copy(update=changes)


def test_equal_is_no_difference() -> None:
    assert compare([wanted()], [instance("web-1"), instance("web-2")]) == ()


@pytest.mark.parametrize(
    ("changes", "expected", "found"),
    [
        ({"revision": "r2", "artifact": OTHER}, "shop:v1 (revision r1)", "shop:v2 (revision r2)"),
        (
            {"artifact": SHOP.model_copy(update={"digest": "sha256:moved"})},
            "shop:v1 (sha256:a)",
            "shop:v1 (sha256:moved)",
        ),
        ({"health": InstanceHealth.UNHEALTHY}, "HEALTHY", "UNHEALTHY"),
        ({"health": InstanceHealth.STARTING}, "HEALTHY", "STARTING"),
        ({"health": InstanceHealth.UNKNOWN}, "HEALTHY", "UNKNOWN"),
    ],
)
def test_an_instance_that_differs_is_named(changes: dict[str, Any], expected: str, found: str) -> None:
    (difference,) = compare([wanted()], [instance("web-1"), instance("web-2", **changes)])
    assert str(difference) == f"web-2: expected {expected}, found {found}"


def test_a_tag_alone_proves_nothing_and_an_unknown_digest_is_no_difference() -> None:
    unknown = SHOP.model_copy(update={"digest": None})
    assert compare([wanted(count=1)], [instance(artifact=unknown)]) == ()
    assert compare([wanted(count=1, digests=())], [instance()]) == ()
    assert compare([wanted(count=1, revision=None)], [instance(revision="r9")]) == ()


@pytest.mark.parametrize(
    ("count", "text"), [(1, "expected 1 instance, found 2 instances"), (3, "found 2 instances")]
)
def test_the_count_must_be_right(count: int, text: str) -> None:
    (difference,) = compare([wanted(count=count)], [instance("web-1"), instance("web-2")])
    assert difference.key is None
    assert text in str(difference)


def test_an_autoscaled_group_may_have_any_count_but_none() -> None:
    group = wanted(count=5, autoscaled=True)
    assert compare([group], [instance()]) == ()
    assert len(compare([group], [])) == 1


def test_strangers_and_the_missing_are_differences() -> None:
    found = compare([wanted(count=1)], [instance("canary-1", group="canary")])
    assert [str(one) for one in found] == [
        "web: expected 1 instance, found 0 instances",
        "canary-1: expected nothing, found shop:v1",
    ]


def test_settling_is_the_right_thing_on_its_way_up() -> None:
    starting = instance(health=InstanceHealth.STARTING)
    assert is_settling([wanted()], [starting])
    assert is_settling([wanted()], [instance()])
    assert not is_settling([wanted()], [starting, instance("web-2", revision="r2")])
    assert not is_settling([wanted()], [instance(group="canary")])
    assert not is_settling([wanted()], [])


def test_groups_show_the_majority_and_compare_equal_to_themselves() -> None:
    live = [instance("web-1"), instance("web-2"), instance("web-3", revision="r2", artifact=OTHER)]
    (group,) = groups_of(live)
    assert (group.revision, group.digests, group.count) == ("r1", ("sha256:a",), 3)
    assert compare(groups_of(live[:2]), live[:2]) == ()
    assert groups_of([]) == ()
