"""Running helm again where it got no answer, as often and as slowly as providers/retry.py says.

And once, at once, where its credentials were not accepted: each helm is started with ones that were read anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from providers.helm.failures import Unaccepted, Unanswered
from providers.retry import wait_before

T = TypeVar("T")


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """What `act` returns, which looks first and so may be repeated; the last error if all fail."""
    number_of_try = 1
    renewed = False
    while True:
        try:
            return await act()
        except Unaccepted:
            if renewed:
                raise
            renewed = True
            continue
        except Unanswered:
            number_of_try += 1
            wait = wait_before(number_of_try, None)
            if wait is None:
                raise
        await asyncio.sleep(wait)
