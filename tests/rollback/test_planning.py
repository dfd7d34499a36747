"""The order and the hash of a plan: equal for what does the same, different for anything else."""

from __future__ import annotations

import pytest

from db.security.access import unrestricted
from db.statuses import ExecutionStatus, StageStatus
from pipelines.plan import groups_of_steps, steps_in
from providers.values import Artifact, Change
from rollback.facts import DeploymentFacts
from rollback.planning import Changes, executable_plan, frozen, plan_hash, stage_views
from tests.rollback.facts import deployment, group, mark, parallel, stage, step, undo

CHANGE = Change(resource="Deployment/web", field="image", current="v2", target="v1")
NEVER = '<+pipeline.name> == "other"'
WORDS = {"s-prod": {"pipeline": {"name": "shop"}}}


def hashed(facts: DeploymentFacts, changes: Changes | None = None) -> str:
    found: Changes = {"s-prod": (CHANGE,)} if changes is None else changes
    return plan_hash(facts, stage_views(facts, found))


def test_the_hash_is_the_same_for_the_same() -> None:
    nodes = (group(step("one"), parallel(step("two"), step("three"))),)
    assert hashed(deployment(stage(nodes=nodes))) == hashed(deployment(stage(nodes=nodes)))


@pytest.mark.parametrize(
    "same",
    [
        deployment(pipeline_id="other", yaml="text", recorded={"a": 1}),
        deployment(finished_at=None),
        deployment(mark=mark(status=ExecutionStatus.FAILED)),
        deployment(stage(), stage("skipped", 1, status=StageStatus.SKIPPED)),
        deployment(stage(left_groups=None, service_id=None)),
        deployment(stage(nodes=(step(id="other"),))),
        deployment(stage(undos=(undo(StageStatus.FAILED, ExecutionStatus.FAILED),))),
    ],
)
def test_the_hash_is_about_what_will_be_done_and_nothing_else(same: DeploymentFacts) -> None:
    assert hashed(same) == hashed(deployment())


@pytest.mark.parametrize(
    "other",
    [
        deployment(stage(artifact=Artifact(display_name="shop:v3"))),
        deployment(stage(snapshot={"existed": True, "artifact": {"display_name": "shop:v0"}})),
        deployment(stage(nodes=(step(spec={"pruning": True}),))),
        deployment(stage(nodes=(step(type="Other"),))),
        deployment(stage(nodes=(step(), step("more")))),
        deployment(stage(nodes=(step(conditions=(NEVER,)),)), words=WORDS),
        deployment(stage(planned={"condition": NEVER}), words=WORDS),
        deployment(stage(), stage("second", 1)),
        deployment(stage(undos=(undo(StageStatus.SUCCEEDED, ExecutionStatus.FAILED),))),
    ],
)
def test_the_hash_changes_with_what_will_be_done(other: DeploymentFacts) -> None:
    assert hashed(other) != hashed(deployment())


@pytest.mark.parametrize(
    "changes", [(), None, (CHANGE, CHANGE), (CHANGE.model_copy(update={"current": "by hand"}),)]
)
def test_the_hash_changes_with_the_world(changes: tuple[Change, ...] | None) -> None:
    assert hashed(deployment(), {"s-prod": changes}) != hashed(deployment())


def test_order_is_reversed_and_blocks_stay_together() -> None:
    names = [("one", 0), ("left", 1), ("right", 1), ("skipped", 2), ("last", 3)]
    stages = [
        stage(name, position, status=StageStatus.SKIPPED if name == "skipped" else StageStatus.SUCCEEDED)
        for name, position in names
    ]
    views = stage_views(deployment(*stages), {})
    order = [("s-last", 0), ("s-left", 1), ("s-right", 1), ("s-one", 2)]
    assert [(view.stage_id, view.position) for view in views] == order
    plan = frozen(tuple(planned for _, planned in executable_plan(deployment(*stages))), unrestricted("ann"))
    assert [[item.identifier for item in block] for block in plan.blocks()] == [
        ["last"],
        ["left", "right"],
        ["one"],
    ]


def test_what_is_executed_is_what_was_shown_with_identifiers_of_its_own() -> None:
    nodes = (group(step("one"), parallel(step("two"), step("three")), identifier="box"),)
    undone = stage("done", 1, undos=(undo(StageStatus.SUCCEEDED, ExecutionStatus.ABORTED),))
    facts = deployment(stage(nodes=nodes), undone)
    shown = stage_views(facts, {})
    assert [(view.stage_id, view.skipped_reason is None) for view in shown] == [
        ("s-done", False),
        ("s-prod", True),
    ]
    ((original, planned),) = executable_plan(facts)
    assert (planned.original_stage_id, planned.steps) == (original.id, ())
    assert [item.identifier for item in steps_in(planned.rollback_steps)] == [
        item.identifier for item in shown[1].steps
    ]
    assert dict(groups_of_steps(planned.rollback_steps)) == dict.fromkeys(("one", "two", "three"), ("box",))
    old = {item.id for item in steps_in(nodes)} | {original.id}
    assert not old & ({item.id for item in steps_in(planned.rollback_steps)} | {planned.id})
