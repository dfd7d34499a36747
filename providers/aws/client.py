"""What a provider uses of AWS: one request, or all pages of a list, in a region, as plain JSON."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from providers.aws.account import Account, Effect, Look, Request
from providers.aws.shapes import fitted
from providers.aws.values import RegionTarget
from providers.aws.written import Written
from providers.connecting import Opened
from providers.connectors import Connectors
from providers.errors import ProviderNotFound, ProviderUnreachable
from providers.tree import Tree, text

# Where an answer says that there is more, and where the next request says that it wants that.
_MORE = {"nextToken": "nextToken", "NextToken": "NextToken", "NextMarker": "Marker"}
_MOST_PAGES = 1_000


@dataclass(frozen=True)
class Region:
    """One region, reached as one connector.

    In every verb `service` and `operation` are the SDK's words ("elbv2", "DescribeRules") and `doing` completes
    "Unship could not ...".
    """

    account: Account
    name: str

    @property
    def written(self) -> Written:
        """What was written here lately, which reads may not show yet."""
        return self.account.written[self.name]

    async def call(
        self,
        service: str,
        operation: str,
        parameters: Tree,
        doing: str,
        *,
        effect: Effect | None = None,
        repeatable: bool | None = None,
        look: Look | None = None,
    ) -> Tree:
        """One request. `effect` is awaited directly before each try of a request that changes something.

        `repeatable` says that it may be sent again although it may have had its effect already; without it, only
        what changes nothing is. `look` is asked before it is sent again then: it returns what the answer would
        have been where the request had its effect, None where it had not.
        """
        safe = effect is None if repeatable is None else repeatable
        return await self.account.send(
            self.name, Request(service, operation, parameters, doing, effect, safe, look)
        )

    async def fit(self, service: str, operation: str, value: Tree, where: str) -> Tree:
        """The value as the operation takes it; ProviderRefused names the key that does not belong."""
        return fitted(await self.account.input_shape(self.name, service, operation), value, where)

    async def find(self, service: str, operation: str, parameters: Tree, doing: str) -> Tree | None:
        """As `call` for reading, but None for what does not exist."""
        try:
            return await self.call(service, operation, parameters, doing)
        except ProviderNotFound:
            return None

    async def list(self, service: str, operation: str, parameters: Tree, doing: str, key: str) -> list[JsonValue]:
        """The members of the list `key`, over all pages."""
        found: list[JsonValue] = []
        wanted = parameters
        for _ in range(_MOST_PAGES):
            page = await self.call(service, operation, wanted, doing)
            members = page.get(key)
            found += members if isinstance(members, list) else []
            more = {field: token for name, field in _MORE.items() if (token := text(page, name))}
            if not more:
                return found
            wanted = {**parameters, **more}
        raise ProviderUnreachable(f"Unship could not {doing}: AWS gave no end of pages.")


class Accounts(Opened[Account]):
    """The accounts of the connectors file; ProviderRefused where one cannot be used."""

    def __init__(self, connectors: Connectors) -> None:
        super().__init__(lambda connector: Account(connectors, connector))

    def at(self, connector: str, region: str | None = None) -> Region:
        """A region of the connector's account, the connector's own by default."""
        account = self.get(connector)
        return Region(account, region or account.spec.region)


class AccountVerbs:
    """What the verbs of every provider on AWS have in common."""

    def __init__(self, connectors: Connectors) -> None:
        self._accounts = Accounts(connectors)

    async def check(self, connector: str) -> str:
        region = self._accounts.at(connector)
        identity = await region.call("sts", "GetCallerIdentity", {}, "ask AWS who it is")
        return f"AWS account {text(identity, 'Account')}, {region.name}"

    async def close(self) -> None:
        await self._accounts.close()

    def _region(self, target: RegionTarget) -> Region:
        return self._accounts.at(target.connector_ref, target.region)
