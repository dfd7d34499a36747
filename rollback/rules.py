"""Whether a deployment may be undone: one small function per rule, each giving its reasons. Pure.

The dashboard, the plan and the mutation run these same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

from db.statuses import ACTIVE_EXECUTIONS, ExecutionKind, ExecutionStatus
from pipelines.plan import PlannedStep, steps_in
from rollback.circumstances import Circumstances
from rollback.expressions import holds, unresolved
from rollback.facts import DONE, DeploymentFacts, StageFacts, undo_counts, undone_before
from rollback.values import Reason, ReasonCode, Severity

Rule = Callable[[DeploymentFacts, Circumstances], Iterator[Reason]]


def reasons_of(facts: DeploymentFacts, circumstances: Circumstances) -> tuple[Reason, ...]:
    """Every reason that the records give."""
    return tuple(reason for rule in RULES for reason in rule(facts, circumstances))


def feature_disabled(_facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    if not circumstances.enabled:
        yield Reason(
            ReasonCode.FEATURE_DISABLED,
            "Post-deployment rollback is switched off.",
            "An operator can switch it on with UNSHIP_POST_PROD_ROLLBACK=true.",
        )


def permission_denied(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    for stage in facts.stages:
        if stage.environment_id in circumstances.around.forbidden:
            yield Reason(
                ReasonCode.PERMISSION_DENIED,
                f'Stage "{stage.planned.name}": you may not roll back in its environment.',
                "Ask an operator for a grant of the role deployer there.",
                stage_id=stage.id,
            )


def not_a_deployment(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    if facts.mark.kind is ExecutionKind.ROLLBACK:
        yield Reason(
            ReasonCode.NOT_A_DEPLOYMENT,
            f"This is the {facts.mark}, and a rollback cannot itself be rolled back.",
            "Run the pipeline again with the version you want."
            if facts.mark.status in (*DONE, *ACTIVE_EXECUTIONS)
            else "Roll back the deployment that it was to undo once more, or run the pipeline again.",
        )


def not_successful(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    mark = facts.mark
    if mark.kind is ExecutionKind.DEPLOYMENT and mark.status is not ExecutionStatus.SUCCEEDED:
        active = mark.status in ACTIVE_EXECUTIONS
        yield Reason(
            ReasonCode.EXECUTION_NOT_SUCCESSFUL,
            f"Only a successful deployment can be rolled back; this one is {mark.status}.",
            "Wait until it has ended, or abort it."
            if active
            else "Run the pipeline again with the version you want; it goes over what this one left.",
        )


def not_latest(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    for stage in facts.stages:
        if stage.newer is not None:
            undone = stage.newer_undone
            yield Reason(
                ReasonCode.NOT_LATEST_DEPLOYMENT,
                f'Stage "{stage.planned.name}": {stage.newer} deployed to the same target later'
                f"{', and was rolled back' if undone else ''}.",
                "Run the pipeline with the version you want." if undone else f"Roll back {stage.newer} instead.",
                stage_id=stage.id,
                execution_id=stage.newer.execution_id,
            )


def type_unsupported(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    for stage in facts.stages:
        if stage.deployment_type not in circumstances.supported:
            yield Reason(
                ReasonCode.DEPLOYMENT_TYPE_UNSUPPORTED,
                f'Stage "{stage.planned.name}": no platform here rolls back the type {stage.type_word}.',
                "Undo it with the platform's own tools.",
                stage_id=stage.id,
            )


def no_rollback_steps(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    if facts.mark.kind is not ExecutionKind.DEPLOYMENT:
        return
    if facts.mark.status is ExecutionStatus.SUCCEEDED and not any(stage.ran for stage in facts.stages):
        yield Reason(
            ReasonCode.NO_ROLLBACK_STEPS,
            "No stage of it deployed anything, so there is nothing to undo.",
            "Roll back an execution, or stages, that deployed something.",
        )
    without = [stage for stage in facts.stages if stage.ran and not any(steps_in(stage.planned.rollback_steps))]
    for stage in without:
        yield Reason(
            ReasonCode.NO_ROLLBACK_STEPS,
            f'Stage "{stage.planned.name}" declared no rollbackSteps when it ran.',
            f"Add rollbackSteps to the stage for the next deployment, and {_instead(facts, without)}",
            stage_id=stage.id,
        )


def already_rolled_back(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    """A stage that an unfinished rollback had undone is left out of the next try; alone it is nothing to try."""
    nothing_left = all(undone_before(stage) is not None for stage in facts.stages if stage.ran)
    left = [stage for stage in facts.stages if stage.ran and not any(undo_counts(undo) for undo in stage.undos)]
    others = ", ".join(f'"{stage.planned.name}"' for stage in left)
    for stage in facts.stages:
        undo = next((undo for undo in stage.undos if undo_counts(undo)), None)
        if undo is None and nothing_left:
            undo = undone_before(stage)
        if undo is not None:
            yield Reason(
                ReasonCode.ALREADY_ROLLED_BACK,
                f'Stage "{stage.planned.name}" was rolled back already by {undo.rollback}.',
                f"Narrow this rollback to what is left: {others}."
                if left and not nothing_left
                else "Run the pipeline with the version you want; that deployment can be rolled back.",
                stage_id=stage.id,
                execution_id=undo.rollback.execution_id,
            )


def rollback_in_progress(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    for stage in facts.stages:
        running = next((undo.rollback for undo in stage.undos if undo.rollback.status in ACTIVE_EXECUTIONS), None)
        if running is not None:
            yield Reason(
                ReasonCode.ROLLBACK_IN_PROGRESS,
                f'Stage "{stage.planned.name}" is being rolled back by {running}.',
                f"Follow {running}; one that fails or is aborted can be tried again.",
                stage_id=stage.id,
                execution_id=running.execution_id,
            )


def no_previous_deployment(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    if facts.mark.kind is not ExecutionKind.DEPLOYMENT:
        return
    for stage in facts.stages:
        if not stage.ran or stage.deployment_type not in circumstances.supported:
            continue
        if not (stage.snapshot or {}).get("existed", False):
            yield Reason(
                ReasonCode.NO_PREVIOUS_DEPLOYMENT,
                f'Stage "{stage.planned.name}": nothing ran there before, so there is nothing to go back to.',
                "Delete the deployment at the platform, or deploy another version.",
                stage_id=stage.id,
            )
        elif stage.instances_after and not stage.instances_before:
            yield Reason(
                ReasonCode.NO_PREVIOUS_DEPLOYMENT,
                f'Stage "{stage.planned.name}": no instance ran there before, so none will after a rollback.',
                "To have something run there, deploy another version instead.",
                Severity.WARNING,
                stage.id,
            )


def target_busy(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    for stage in facts.stages:
        own = {undo.rollback.execution_id for undo in stage.undos} | {facts.mark.execution_id}
        if stage.holder is not None and stage.holder.execution_id not in own:
            yield Reason(
                ReasonCode.TARGET_BUSY,
                f'Stage "{stage.planned.name}": {stage.holder_message}',
                f"Wait for {stage.holder}, or abort it.",
                stage_id=stage.id,
                execution_id=stage.holder.execution_id,
            )


def too_old(facts: DeploymentFacts, circumstances: Circumstances) -> Iterator[Reason]:
    if facts.finished_at is None or circumstances.max_age is None:
        return
    age = circumstances.at - facts.finished_at
    if age > circumstances.max_age:
        yield Reason(
            ReasonCode.TOO_OLD,
            f"The deployment ended {_days(age)} days ago; the limit is {_days(circumstances.max_age)}.",
            "Run the pipeline with the version you want, or have UNSHIP_ROLLBACK_MAX_AGE_DAYS raised.",
        )


def expression_unresolved(facts: DeploymentFacts, _circumstances: Circumstances) -> Iterator[Reason]:
    found: list[tuple[StageFacts, PlannedStep, str]] = []
    for stage in facts.stages:
        words = facts.words.get(stage.id)
        if words is None or not stage.ran or undone_before(stage) or not holds(stage.planned.condition, words):
            continue
        found += [(stage, step, path) for step, path in unresolved(stage, words)]
    instead = _instead(facts, [stage for stage, _, _ in found])
    for stage, step, path in found:
        yield Reason(
            ReasonCode.EXPRESSION_UNRESOLVED,
            f'Stage "{stage.planned.name}", step "{step.name}": the deployment never recorded <+{path}>.',
            f"Correct the rollbackSteps for the next deployment, and {instead}",
            stage_id=stage.id,
        )


def _instead(facts: DeploymentFacts, closed: Sequence[StageFacts]) -> str:
    """What to do now, where these stages of the scope cannot be undone: the end of a remedy."""
    others = ", ".join(f'"{stage.planned.name}"' for stage in facts.stages if stage.ran and stage not in closed)
    return (
        f"narrow this rollback to the others: {others}."
        if others
        else "run the pipeline with the version you want."
    )


def _days(length: timedelta) -> str:
    return f"{length / timedelta(days=1):.3g}"


RULES: tuple[Rule, ...] = (
    feature_disabled,
    permission_denied,
    not_a_deployment,
    not_successful,
    not_latest,
    type_unsupported,
    no_rollback_steps,
    already_rolled_back,
    rollback_in_progress,
    no_previous_deployment,
    target_busy,
    too_old,
    expression_unresolved,
)
