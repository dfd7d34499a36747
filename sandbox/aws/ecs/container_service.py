"""Elastic Container Service as one service of the world: its parts put together."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.ecs.clusters import Clusters
from sandbox.aws.ecs.definitions import Definitions
from sandbox.aws.ecs.deployments import Deployments
from sandbox.aws.ecs.finding import Finder
from sandbox.aws.ecs.images import Images
from sandbox.aws.ecs.rollout import Scheduler
from sandbox.aws.ecs.services import Services
from sandbox.aws.ecs.state import State
from sandbox.aws.ecs.targets import NoTargetGroups, TargetGroups
from sandbox.aws.ecs.tasks import Life, Pace, Tasks
from sandbox.aws.names import Account
from sandbox.aws.services import Handler


class ContainerService:
    """ECS in one region. `state` is for the world's own loop (`AwsWorld.look`)."""

    name = "ecs"

    def __init__(
        self,
        account: Account,
        images: Images | None = None,
        targets: TargetGroups | None = None,
        *,
        pace: Pace | None = None,
        clusters: tuple[str, ...] = ("default", "shop"),
    ) -> None:
        self.images = images or Images()
        self.state = State()
        found = targets or NoTargetGroups()
        chosen = pace or Pace()
        finder = Finder(self.state)
        of_clusters = Clusters(self.state, finder, account)
        self._scheduler = Scheduler(self.state, account, Life(self.images, found, chosen), chosen)
        parts = (
            of_clusters,
            Definitions(self.state, finder, account),
            Services(self.state, finder, account, found),
            Deployments(self.state, finder),
            Tasks(self.state, finder, account),
        )
        self.handlers: Mapping[str, Handler] = {
            name: handler for part in parts for name, handler in part.handlers.items()
        }
        for name in clusters:
            of_clusters.add(name)

    def tick(self, number: int) -> None:  # noqa: ARG002 - tasks count their own ticks
        """One tick of every task and service."""
        self._scheduler.tick()
