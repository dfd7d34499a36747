"""Organizations, spaces, domains and jobs as the v3 API shows them (the same source as presenting.py)."""

from __future__ import annotations

from sandbox.cloudfoundry.foundation import Foundation
from sandbox.cloudfoundry.parts import head, metadata, to_one
from sandbox.cloudfoundry.state import Domain, Job, Organization, Space
from sandbox.core.wire import Object


class PlacePresenter:
    """Makes the JSON of each resource; `base` is the address of the API."""

    def __init__(self, foundation: Foundation) -> None:
        self.foundation = foundation
        self.base = ""

    def link(self, path: str, method: str | None = None) -> Object:
        """A member of `links`."""
        found: Object = {"href": f"{self.base}/v3/{path}"}
        return found if method is None else {**found, "method": method}

    def organization(self, item: Organization) -> Object:
        """_organizations.erb."""
        return {
            **head(item),
            "name": item.name,
            "suspended": False,
            "relationships": {"quota": {"data": None}},
            "links": {"self": self.link(f"organizations/{item.guid}")},
            **metadata(item),
        }

    def space(self, item: Space) -> Object:
        """_spaces.erb."""
        return {
            **head(item),
            "name": item.name,
            "relationships": {"organization": to_one(item.organization), "quota": {"data": None}},
            "links": {
                "self": self.link(f"spaces/{item.guid}"),
                "organization": self.link(f"organizations/{item.organization}"),
            },
            **metadata(item),
        }

    def domain(self, item: Domain) -> Object:
        """_domains.erb: a shared domain."""
        return {
            **head(item),
            "name": item.name,
            "internal": False,
            "router_group": None,
            "supported_protocols": ["http"],
            "relationships": {"organization": {"data": None}, "shared_organizations": {"data": []}},
            "links": {
                "self": self.link(f"domains/{item.guid}"),
                "route_reservations": self.link(f"domains/{item.guid}/route_reservations"),
            },
            **metadata(item),
        }

    def job(self, item: Job) -> Object:
        """_jobs.erb and job_presenter.rb."""
        return {
            **head(item),
            "operation": item.operation,
            "state": item.state,
            "errors": item.errors,
            "warnings": [],
            "links": {"self": self.link(f"jobs/{item.guid}")},
        }
