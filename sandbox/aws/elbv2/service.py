"""Elastic Load Balancing as one service of the world."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.elbv2.routing import Routing
from sandbox.aws.elbv2.targets import Targets
from sandbox.aws.names import Account
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class LoadBalancing:
    """Routing, targets, and the tags of both."""

    name = "elbv2"

    def __init__(self, account: Account) -> None:
        self.targets = Targets(account, self._balancers_of)
        self.routing = Routing(account, self.targets.exists)
        self._tags: dict[str, dict[str, str]] = {}
        self.handlers: Mapping[str, Handler] = {
            **self.targets.handlers,
            **self.routing.handlers,
            "AddTags": self._add_tags,
            "RemoveTags": self._remove_tags,
            "DescribeTags": self._describe_tags,
        }

    def tick(self, number: int) -> None:  # noqa: ARG002
        """Health checks."""
        self.targets.tick()

    def _balancers_of(self, group: str) -> list[str]:
        return self.routing.balancers_of(group)

    def _add_tags(self, params: Object) -> Object:
        for arn in params["ResourceArns"]:
            new = {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
            self._tags.setdefault(arn, {}).update(new)
        return {}

    def _remove_tags(self, params: Object) -> Object:
        for arn in params["ResourceArns"]:
            kept = {k: v for k, v in self._tags.get(arn, {}).items() if k not in params["TagKeys"]}
            self._tags[arn] = kept
        return {}

    def _describe_tags(self, params: Object) -> Object:
        return {
            "TagDescriptions": [
                {
                    "ResourceArn": arn,
                    "Tags": [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()],
                }
                for arn in params["ResourceArns"]
            ]
        }
