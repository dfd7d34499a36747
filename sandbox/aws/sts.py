"""Security Token Service: who the caller is, and keys for roles. Imports services, access and names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sandbox.aws.access import Access, AccessKey
from sandbox.aws.names import Account, hex_id
from sandbox.aws.services import Handler
from sandbox.core.wire import Object


class SecurityTokens:
    """The one user of the account."""

    name = "sts"

    def __init__(self, account: Account, access: Access) -> None:
        self._account = account
        self._access = access
        self.handlers: Mapping[str, Handler] = {
            "GetCallerIdentity": self._identity,
            "AssumeRole": self._assume,
        }

    def tick(self, number: int) -> None:
        """Nothing happens by itself."""

    def _identity(self, _: Object) -> Object:
        return {"UserId": "AIDASANDBOX000000001", "Account": self._account.id, "Arn": self._account.user}

    def _assume(self, parameters: Object) -> Object:
        """Any role may be assumed; the keys last as long as was asked for."""
        key = AccessKey(f"ASIA{hex_id(16).upper()}", hex_id(32), hex_id(32))
        self._access.issue(key)
        lasts = timedelta(seconds=parameters.get("DurationSeconds", 3600))
        session = f"{parameters['RoleArn'].rpartition('/')[2]}/{parameters['RoleSessionName']}"
        return {
            "Credentials": {
                "AccessKeyId": key.id,
                "SecretAccessKey": key.secret,
                "SessionToken": key.token,
                "Expiration": datetime.now(UTC) + lasts,
            },
            "AssumedRoleUser": {
                "AssumedRoleId": f"AROASANDBOX000000001:{parameters['RoleSessionName']}",
                "Arn": f"arn:aws:sts::{self._account.id}:assumed-role/{session}",
            },
        }
