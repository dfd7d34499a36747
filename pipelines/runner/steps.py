"""Runs the steps of a stage: in sequence, in groups and in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.durable import Branch
from pipelines.plan import Node, PlannedParallel, PlannedStage, PlannedStep, node_at
from pipelines.runner.results import End, Result, worst
from pipelines.runner.step import OneStep
from pipelines.runner.work import Work

Path = tuple[int, ...]


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one stage. `undoing`: its rollbackSteps, which run whatever state they are limited to."""

    work: Work
    stage: PlannedStage
    undoing: bool

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return self.stage.rollback_steps if self.undoing else self.stage.steps

    async def run_all(self) -> Result:
        return await self._sequence(self._nodes, (), failed=False)

    async def run_at(self, path: Path, *, failed: bool) -> Result:
        """Run the node at `path`, as one branch of a parallel block."""
        return await self._node(node_at(self._nodes, path), path, failed=failed)

    async def _sequence(self, nodes: Sequence[Node], path: Path, *, failed: bool) -> Result:
        results: list[Result] = []
        for index, node in enumerate(nodes):
            result = await self._node(node, (*path, index), failed=failed)
            results.append(result)
            if result.end is End.ABORTED or (self.undoing and result.stops):
                break
            failed = failed or result.end is End.FAILED
        return worst(results)

    async def _node(self, node: Node, path: Path, *, failed: bool) -> Result:
        if isinstance(node, PlannedStep):
            return await OneStep(self.work, self.stage, node, self.undoing).run(failed=failed)
        if isinstance(node, PlannedParallel):
            return await self._parallel(node, path, failed=failed)
        return await self._sequence(node.nodes, path, failed=failed)

    async def _parallel(self, node: PlannedParallel, path: Path, *, failed: bool) -> Result:
        which = "rollback" if self.undoing else "forward"
        branches = [
            Branch(
                "branch",
                f"{self.stage.id}:{which}:{'.'.join(map(str, (*path, index)))}",
                (self.work.execution_id, self.stage.id, self.undoing, [*path, index], failed),
            )
            for index in range(len(node.nodes))
        ]
        ends = await self.work.durable.branches(branches)
        return worst(Result.model_validate(end) for end in ends)
