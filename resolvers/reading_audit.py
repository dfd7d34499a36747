"""Pages of the audit log, for whoever may read it. Imports its neighbours and db."""

from __future__ import annotations

from db.queries.audit import AuditEntries
from db.security.audit import Entry
from resolvers.errors import InputRefused, RefusalCode
from resolvers.loading import Loaders
from resolvers.paging import Asked, Page, page


async def audit_page(loaders: Loaders, spec: AuditEntries, asked: Asked) -> Page[Entry]:
    """The asked page; InputRefused for whoever may not read the log, an empty one would be a false answer."""
    if not (await loaders.access()).may_read_audit_log():
        raise InputRefused(
            RefusalCode.PERMISSION_DENIED, "The audit log is for the roles auditor and admin; ask an operator."
        )
    return await page(loaders, spec, asked)
