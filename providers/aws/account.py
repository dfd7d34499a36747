"""Requests to AWS as one connector: sent again where that may help, with renewed credentials and typed errors.

Knows nothing of what the services do. Raises only ProviderError subclasses.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from providers.aws.connecting import AwsConnectorSpec, Keys, read_keys
from providers.aws.faults import Failure, Remedy
from providers.aws.sdk import Sdk
from providers.aws.sdk_faults import of_exception
from providers.aws.values import CONNECTOR_TYPE
from providers.aws.written import Written
from providers.connecting import read_spec
from providers.connectors import Connectors
from providers.retry import given_up, note, patience_left, wait_before
from providers.tree import Tree

Effect = Callable[[], Awaitable[None]]
Look = Callable[[], Awaitable[Tree | None]]

# IAM's word for a service, where it differs from the SDK's.
_IAM_NAMES = {"elbv2": "elasticloadbalancing"}


@dataclass(frozen=True)
class Request:
    """One request. `doing` completes "Unship could not ...".

    `effect` is awaited directly before each try of a request that changes something. `repeatable` says whether it
    may be sent again when the answer was lost; where it may not, `look` tells whether it had its effect: what
    it answered then, None where it has to be sent again.
    """

    service: str
    operation: str
    parameters: Tree
    doing: str
    effect: Effect | None = None
    repeatable: bool = True
    look: Look | None = None

    @property
    def action(self) -> str:
        """The request as IAM policies name it."""
        return f"{_IAM_NAMES.get(self.service, self.service)}:{self.operation}"

    def may_follow(self, failure: Failure) -> bool:
        """Whether it may be sent again after that failure."""
        if failure.remedy is Remedy.SEND_AGAIN_IF_REPEATABLE:
            return self.repeatable or self.look is not None
        return failure.remedy is Remedy.SEND_AGAIN


class Account:
    """One connector: who we are at AWS. Opened at the first request."""

    def __init__(self, connectors: Connectors, identifier: str) -> None:
        self._connector, self.spec = read_spec(connectors, identifier, CONNECTOR_TYPE, AwsConnectorSpec)
        self.written: defaultdict[str, Written] = defaultdict(Written)
        """By region."""
        self._sdk: Sdk | None = None
        self._retired: list[Sdk] = []
        self._opening = asyncio.Lock()

    async def send(self, region: str, request: Request) -> Tree:
        """What AWS answers; ProviderError where it does not."""
        number_of_try = 1
        renewed = False
        while True:
            sdk, answer = await self._try(region, request)
            if not isinstance(answer, Failure):
                note(None)
                return answer
            note(answer.error)
            if answer.remedy is Remedy.RENEW_CREDENTIALS and not renewed:
                renewed = True
                await self._open(request, instead_of=sdk)
                continue
            number_of_try += 1
            if not request.may_follow(answer):
                raise answer.error
            wait = wait_before(number_of_try, answer.retry_after)
            if wait is None:
                raise given_up(answer.error, answer.retry_after)
            await asyncio.sleep(wait)
            if answer.remedy is Remedy.SEND_AGAIN_IF_REPEATABLE and request.look is not None:
                done = await request.look()
                if done is not None:
                    return done

    async def input_shape(self, region: str, service: str, operation: str) -> Any:
        """The SDK's description of an operation's parameters; untyped, for shapes.py alone."""
        sdk = await self._open(Request(service, operation, {}, f"prepare {operation}"))
        return await sdk.input_shape(service, region, operation)

    async def close(self) -> None:
        open_ones, self._retired = [*self._retired, *([self._sdk] if self._sdk else [])], []
        self._sdk = None
        for sdk in open_ones:
            await sdk.close()

    async def _try(self, region: str, request: Request) -> tuple[Sdk, Tree | Failure]:
        sdk = await self._open(request)
        if request.effect is not None:
            await request.effect()
        try:
            # Some of whoever's patience may have gone into credentials and waits.
            async with asyncio.timeout(patience_left()):
                return sdk, await sdk.send(request.service, region, request.operation, request.parameters)
        except Exception as error:
            failure = of_exception(request.doing, request.action, error)
            if failure is None:
                raise
            failure.error.__cause__ = error
            return sdk, failure

    async def _open(self, request: Request, instead_of: Sdk | None = None) -> Sdk:
        """The session to use now; a new one, with credentials read anew, where `instead_of` was not accepted."""
        if self._sdk is not None and self._sdk is not instead_of:
            return self._sdk
        async with self._opening:
            if self._sdk is None or self._sdk is instead_of:
                keys = await asyncio.to_thread(read_keys, self.spec, self._connector)
                opened = await self._session(request, keys)
                # Requests may still be under way on the old one: it is closed at the next renewal.
                for unused in self._retired:
                    await unused.close()
                self._retired = [self._sdk] if self._sdk else []
                self._sdk = opened
            return self._sdk

    async def _session(self, request: Request, keys: Keys | None) -> Sdk:
        try:
            return await Sdk.open(self.spec, keys)
        except Exception as error:
            failure = of_exception(request.doing, request.action, error)
            if failure is None:
                raise
            raise failure.error from error
