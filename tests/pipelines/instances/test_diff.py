"""The diff between stored and live instances: by key, and whatever the two are, applying it makes them equal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.claiming import NOBODY
from pipelines.instance_diff import Diff, StoredInstance, columns_of, diff
from providers.values import InstanceHealth, LiveInstance
from tests.pipelines.instances.seeds import live


def row(instance: LiveInstance) -> StoredInstance:
    return StoredInstance(f"id-{instance.key}", instance.key, columns_of(instance), NOBODY)


def test_nothing_differs() -> None:
    assert diff([row(live("a")), row(live("b"))], [live("b"), live("a")]) == Diff()


def test_added_updated_removed() -> None:
    sick = live("b", health=InstanceHealth.UNHEALTHY)
    found = diff([row(live("a")), row(live("b")), row(live("c"))], [sick, live("c"), live("d", "2")])
    assert found == Diff(added=(live("d", "2"),), updated=(("id-b", sick),), removed=("id-a",))
    assert len(found) == 3


def test_everything_the_platform_decides_is_compared() -> None:
    changes = (
        live("a", "2"),
        live("a", group="canary"),
        live("a", health=InstanceHealth.STARTING),
        live("a", details={"node": "b"}),
    )
    for changed in changes:
        assert diff([row(live("a"))], [changed]).updated == (("id-a", changed),)


def test_an_empty_target_and_an_emptied_one() -> None:
    assert diff([], []) == Diff()
    assert diff([row(live("a"))], []).removed == ("id-a",)


instances = st.lists(
    st.builds(live, st.sampled_from("abcdef"), st.sampled_from("123")), unique_by=lambda instance: instance.key
)


@settings(deadline=None)
@given(before=instances, after=instances)
def test_applying_the_diff_makes_them_equal(before: list[LiveInstance], after: list[LiveInstance]) -> None:
    rows = {stored.id: stored for stored in map(row, before)}
    found = diff(rows.values(), after)
    for gone in found.removed:
        del rows[gone]
    for row_id, instance in found.updated:
        rows[row_id] = row(instance)
    result = {stored.key: stored.columns for stored in [*rows.values(), *map(row, found.added)]}
    assert result == {instance.key: columns_of(instance) for instance in after}
    assert len(found) <= len(before) + len(after)
