"""What every resolver of one operation is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from strawberry import Info

from db.security.access import Standing
from pipelines.runtime import Runtime
from resolvers.auditing import Auditor
from resolvers.loading import Loaders
from schema.documents import Document


@dataclass(frozen=True)
class Origin:
    """Where a request came from: the address, and the id of the machine token, if it came with one."""

    address: str | None = None
    token_id: str | None = None


@dataclass
class RequestContext:
    """One operation's context; never shared by two. `by` is who asks; what he may do is looked up when it matters.

    Without an `auditor`, as tests and benchmarks may have it, nothing is recorded of what mutations do.
    `document` is what the transport has read already of the operation's text.
    """

    runtime: Runtime
    by: Standing
    origin: Origin = field(default_factory=Origin)
    auditor: Auditor | None = None
    document: Document | None = None
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew()

    @property
    def subject(self) -> str:
        """The name of who asks."""
        return self.by.subject

    def renew(self) -> None:
        """Forget what was loaded: after a change, and before each event of a subscription."""
        self.loaders = Loaders(self.runtime, self.by)


Ctx = Info[RequestContext, None]
