"""Organizations, spaces and jobs (v3-apidocs.cloudfoundry.org)."""

from __future__ import annotations

from sandbox.cloudfoundry.calls import Call, Reply
from sandbox.cloudfoundry.errors import not_found
from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.paging import chosen, page
from sandbox.cloudfoundry.presenting import Presenter


class Places:
    """The handlers."""

    def __init__(self, foundation: Foundation, presenter: Presenter) -> None:
        self._foundation = foundation
        self._presenter = presenter

    def organizations(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.organizations.values(),
            call.query,
            {"names": lambda item: item.name, "guids": lambda item: item.guid},
        )
        return Reply(page(self._presenter.base + call.path, call.query, found, self._presenter.organization))

    def spaces(self, call: Call) -> Reply:
        found = chosen(
            self._foundation.spaces.values(),
            call.query,
            {
                "names": lambda item: item.name,
                "guids": lambda item: item.guid,
                "organization_guids": lambda item: item.organization,
            },
        )
        answer = page(self._presenter.base + call.path, call.query, found, self._presenter.space)
        if "organization" in call.query.get("include", "").split(","):
            used = sorted({space.organization for space in found})
            shown = [self._presenter.organization(self._foundation.organizations[guid]) for guid in used]
            answer["included"] = {"organizations": shown}
        return Reply(answer)

    def organization(self, call: Call) -> Reply:
        found = self._foundation.organizations.get(call.names["guid"])
        if found is None:
            raise not_found("Organization")
        return Reply(self._presenter.organization(found))

    def space(self, call: Call) -> Reply:
        found = self._foundation.spaces.get(call.names["guid"])
        if found is None:
            raise not_found("Space")
        return Reply(self._presenter.space(found))

    def domain(self, call: Call) -> Reply:
        found = self._foundation.domains.get(call.names["guid"])
        if found is None:
            raise not_found("Domain")
        return Reply(self._presenter.domain(found))

    def job(self, call: Call) -> Reply:
        found = self._foundation.jobs.get(call.names["guid"])
        if found is None:
            raise not_found("Job")
        return Reply(self._presenter.job(found))
