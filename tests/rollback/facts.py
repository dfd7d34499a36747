"""Facts about deployments as values, for tests of pure decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from db.statuses import ExecutionKind, ExecutionStatus, StageStatus, StepPhase
from pipelines.plan import Node, PlannedParallel, PlannedSequence, PlannedStage, PlannedStep
from providers.values import Artifact, DeploymentType
from rollback.circumstances import Circumstances, Surroundings
from rollback.facts import DeploymentFacts, ExecutionMark, StageFacts, Undo

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
ENDED = AT - timedelta(days=3)


def circumstances(**changes: Any) -> Circumstances:
    """Everything allowed, Kubernetes supported."""
    plain = Circumstances(
        enabled=True,
        max_age=timedelta(days=30),
        at=AT,
        supported=frozenset({DeploymentType.KUBERNETES}),
        around=Surroundings(),
    )
    return replace(plain, **changes)


def mark(
    execution_id: str = "e2",
    status: ExecutionStatus = ExecutionStatus.SUCCEEDED,
    kind: ExecutionKind = ExecutionKind.DEPLOYMENT,
) -> ExecutionMark:
    return ExecutionMark(execution_id, kind, int(execution_id[1:]), "shop", status)


def undo(status: StageStatus, of: ExecutionStatus, execution_id: str = "e3") -> Undo:
    return Undo(mark(execution_id, of, ExecutionKind.ROLLBACK), status)


def step(identifier: str = "undo", **changes: Any) -> PlannedStep:
    plain = PlannedStep(
        id=f"id-{identifier}",
        identifier=identifier,
        name=identifier.title(),
        type="Undo",
        phase=StepPhase.ROLLBACK,
        timeout=60,
        spec={},
    )
    return plain.model_copy(update=changes)


def group(*nodes: Node, identifier: str = "group") -> PlannedSequence:
    return PlannedSequence(identifier=identifier, nodes=nodes)


def parallel(*nodes: Node) -> PlannedParallel:
    return PlannedParallel(nodes=nodes)


def stage(
    identifier: str = "prod", position: int = 0, nodes: tuple[Node, ...] | None = None, **changes: Any
) -> StageFacts:
    """A stage that succeeded and can be undone; `planned` changes its plan, everything else its facts."""
    planned = PlannedStage(
        id=f"s-{identifier}",
        identifier=identifier,
        name=identifier.title(),
        position=position,
        deployment_type=DeploymentType.KUBERNETES,
        target_id=f"t-{identifier}",
        steps=(step("do"),),
        rollback_steps=(step(),) if nodes is None else nodes,
    )
    found = StageFacts(
        planned=planned.model_copy(update=changes.pop("planned", {})),
        ordinal=position,
        status=StageStatus.SUCCEEDED,
        service_id="service",
        environment_id="environment",
        infrastructure_id="infrastructure",
        artifact=Artifact(display_name="shop:v2"),
        resolved={},
        snapshot={"existed": True, "artifact": {"display_name": "shop:v1"}},
        left_groups=[],
    )
    return replace(found, **changes)


def deployment(*stages: StageFacts, **changes: Any) -> DeploymentFacts:
    plain = DeploymentFacts(
        mark=mark(), pipeline_id="p", yaml="", recorded={}, finished_at=ENDED, stages=stages or (stage(),)
    )
    return replace(plain, **changes)
