"""Security Token Service: who the caller is. Imports the package's services and names."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.aws.names import Account
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class SecurityTokens:
    """The one user of the account."""

    name = "sts"

    def __init__(self, account: Account) -> None:
        self._account = account
        self.handlers: Mapping[str, Handler] = {"GetCallerIdentity": self._identity}

    def tick(self, number: int) -> None:
        """Nothing happens by itself."""

    def _identity(self, _: Object) -> Object:
        return {"UserId": "AIDASANDBOX000000001", "Account": self._account.id, "Arn": self._account.user}
