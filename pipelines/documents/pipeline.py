"""The `pipeline:` document. Imports the shared model base only."""

from pydantic import Field

from pipelines.documents.base import Description, Duration, Identifier, Name, Organised, Some, Tags
from pipelines.documents.failure import FailureStrategy
from pipelines.documents.stages import Stage, StageEntry
from pipelines.documents.variables import Variable


class Pipeline(Organised):
    """Ordered stages, some of them parallel. `timeout` in seconds."""

    identifier: Identifier
    name: Name
    description: Description | None = None
    tags: Tags = Field(default_factory=dict)
    variables: tuple[Variable, ...] = ()
    stages: Some[StageEntry]
    timeout: Duration | None = None
    failure_strategies: tuple[FailureStrategy, ...] = ()

    @property
    def all_stages(self) -> tuple[Stage, ...]:
        """Every stage in written order, members of parallel blocks included."""
        return tuple(stage for entry in self.stages for stage in entry.members)

    def stage(self, identifier: str) -> Stage | None:
        """The stage of that identifier, wherever it stands."""
        return next((stage for stage in self.all_stages if stage.identifier == identifier), None)
