"""Runs the steps of a stage: in sequence, in groups and in parallel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from pipelines.plan import Node, PlannedParallel, PlannedStage, PlannedStep
from pipelines.runner.capturing import WayBack
from pipelines.runner.results import End, Result, worst
from pipelines.runner.step import OneStep
from pipelines.runner.work import Work

Path = tuple[int, ...]


@dataclass(frozen=True)
class StepRunner:
    """Runs the steps of one stage. `undoing`: its rollbackSteps, which run whatever state they are limited to.

    A deployment records its `way_back` on the way.
    """

    work: Work
    stage: PlannedStage
    undoing: bool
    way_back: WayBack | None = None

    async def run_all(self) -> Result:
        nodes = self.stage.rollback_steps if self.undoing else self.stage.steps
        return await self._sequence(nodes, (), failed=False)

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
            return await OneStep(self.work, self.stage, node, self.undoing, self.way_back).run(failed=failed)
        if isinstance(node, PlannedParallel):
            return await self._parallel(node, path, failed=failed)
        return await self._sequence(node.nodes, path, failed=failed)

    async def _parallel(self, node: PlannedParallel, path: Path, *, failed: bool) -> Result:
        which = "rollback" if self.undoing else "forward"

        def member(index: int) -> Callable[[Work], Awaitable[Result]]:
            return lambda work: replace(self, work=work)._node(node.nodes[index], (*path, index), failed=failed)

        places = {index: ".".join(map(str, (*path, index))) for index in range(len(node.nodes))}
        branches = {f"{self.stage.id}:{which}:{place}": member(index) for index, place in places.items()}
        return worst(await self.work.beside(branches))
