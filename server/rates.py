"""How often a subject may ask: token buckets in the memory of this process. Imports nothing of the project."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

_MOST_SUBJECTS = 10_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """`per_second` on average and `burst` at once for each subject; 0 per second is no limit.

    Of more than 10,000 subjects the one that has not asked for longest is forgotten, and has a full bucket again.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def wait(self, subject: Hashable) -> float:
        """Seconds until the subject may ask again; 0 counts as having asked."""
        if not self._per_second:
            return 0.0
        now = self._clock()
        bucket = self._buckets.setdefault(subject, _Bucket(self._burst, now))
        self._buckets.move_to_end(subject)
        if len(self._buckets) > _MOST_SUBJECTS:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_second
        bucket.left -= 1
        return 0.0
