"""What every resolver of one operation is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from strawberry import Info

from pipelines.runtime import Runtime
from resolvers.loading import Loaders


@dataclass
class RequestContext:
    """One operation's context; never shared by two. `subject` names who asks."""

    runtime: Runtime
    subject: str
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forget what was loaded: after a change, and before each event of a subscription."""
        self.loaders = Loaders(self.runtime, self.subject)


Ctx = Info[RequestContext, None]
