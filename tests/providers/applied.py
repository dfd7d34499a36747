"""What was changed at a platform, told by its world's own log of requests, in words that fit every run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sandbox.core.requests import RequestRecord

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOUSEKEEPING = re.compile("^DELETE .*/secrets/")
# Where AWS requests say what they are about.
_SUBJECTS = ("service", "family", "ResourceId", "resourceId", "AutoScalingGroupName", "LaunchTemplateName")


def in_words(requests: Iterable[RequestRecord]) -> list[str]:
    """The effects of those requests that had one.

    Not the deletion of a release's oldest records, which happens when there are enough newer ones. Nor helm's
    own records: each helm makes one, so where one did not come to its end there is one more, which stays as it is.
    """
    found = [_described(record) for record in requests if record.changed and not _is_helms_own(record)]
    return [effect for effect in found if not _HOUSEKEEPING.search(effect)]


def _is_helms_own(record: RequestRecord) -> bool:
    return record.user_agent.startswith("Helm/") and "/secrets" in record.path


def _described(record: RequestRecord) -> str:
    """The operation and what it is about, without what differs from run to run."""
    operation = record.operation.partition("?")[0]
    body: Any = record.body
    named = [str(body[key]) for key in _SUBJECTS if key in body] if isinstance(record.body, dict) else []
    subject = next(iter(named), "")
    return re.sub(r"\b(v?)\d+\b", r"\1N", _UUID.sub("ID", f"{operation} {subject}".strip()))
