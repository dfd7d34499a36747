"""Helm's own records of a release, one Secret for each revision, read without starting helm.

It is what `helm history` prints. Values never leave this module but as a digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

from providers.errors import ProviderRefused
from providers.helm.packing import Content, unpacked
from providers.kubernetes.cluster import by_selector
from providers.kubernetes.discovery import SECRET
from providers.kubernetes.live import Site
from providers.kubernetes.objects import label
from providers.tree import Tree, digest, text

# Says which step of Unship made a revision: the step's mark and the number the revision was to get. Helm hands
# labels on to later revisions; the number tells them from the one that was meant.
STEP_LABEL = "unship.dev/step"
# Helm calls a revision deployed as soon as it has waited enough; this one's rollout failed afterwards.
FAILED_LABEL = "unship.dev/failed"

_ROLLBACK = re.compile(r"Rollback to (\d{1,9})")
# How Helm describes what has begun or failed, which a rollback that fails calls superseded (action/rollback.go).
_NOT_ENDED = re.compile(r'Preparing upgrade|Initial install underway|(Upgrade|Rollback|Release) ".*" failed: ')


class Status(StrEnum):
    """Helm's words for what a revision is (pkg/release/common/status.go)."""

    UNKNOWN = "unknown"
    DEPLOYED = "deployed"
    UNINSTALLED = "uninstalled"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    UNINSTALLING = "uninstalling"
    PENDING_INSTALL = "pending-install"
    PENDING_UPGRADE = "pending-upgrade"
    PENDING_ROLLBACK = "pending-rollback"


PENDING = frozenset({Status.PENDING_INSTALL, Status.PENDING_UPGRADE, Status.PENDING_ROLLBACK})


@dataclass(frozen=True)
class Revision:
    """One revision of a release. `step` and `failed` are Unship's labels as they stand there."""

    number: int
    status: Status
    secret: str
    uid: str
    step: str | None
    failed: str | None
    packed: str = field(repr=False)

    @cached_property
    def _content(self) -> Content:
        return unpacked(self.packed, self.secret)

    @property
    def description(self) -> str:
        return self._content.info.description

    @property
    def manifest(self) -> str:
        return self._content.manifest

    @property
    def chart(self) -> str:
        return self._content.chart.metadata.name

    @property
    def chart_version(self) -> str:
        return self._content.chart.metadata.version

    @property
    def app_version(self) -> str | None:
        return self._content.chart.metadata.appVersion or None

    @property
    def since(self) -> datetime | None:
        return self._content.info.last_deployed

    @property
    def manifest_digest(self) -> str:
        return digest(self.manifest.strip())

    @property
    def values(self) -> Tree:
        """The values that it was given beside the chart's own; there may be secrets among them."""
        config = self._content.config
        return config if isinstance(config, dict) else {}

    @property
    def values_digest(self) -> str:
        return digest(self._content.config or {})

    @property
    def rolled_back_to(self) -> int | None:
        """The revision that this one repeats; None where it is no rollback."""
        if self._content.info.rollback_revision:
            return self._content.info.rollback_revision
        found = _ROLLBACK.fullmatch(self.description)
        return int(found.group(1)) if found else None

    @property
    def is_pending(self) -> bool:
        return self.status in PENDING

    @property
    def came_up(self) -> bool:
        """Whether it was really deployed, now or once."""
        if self.status is Status.SUPERSEDED and _NOT_ENDED.match(self.description):
            return False
        return self.status in {Status.DEPLOYED, Status.SUPERSEDED} and self.failed != str(self.number)

    @property
    def by_unship(self) -> bool:
        """Whether a step of Unship made it."""
        return self.step is not None and self.step.rpartition(".")[2] == str(self.number)

    def is_of(self, mark: str) -> bool:
        """Whether the step with that mark made it."""
        return self.step == f"{mark}.{self.number}"

    def age_seconds(self) -> float:
        """Since its operation began; a long time where the record does not say."""
        return (datetime.now(UTC) - self.since).total_seconds() if self.since else float("inf")

    def same_content(self, other: Revision) -> bool:
        mine = (self.chart, self.chart_version, self.manifest_digest, self.values_digest)
        return mine == (other.chart, other.chart_version, other.manifest_digest, other.values_digest)

    def __str__(self) -> str:
        return f"revision {self.number} ({self.status.value}: {self.description})"


@dataclass(frozen=True)
class Releases:
    """All revisions of one release that the cluster has, oldest first."""

    all: tuple[Revision, ...] = ()

    @property
    def newest(self) -> Revision | None:
        return self.all[-1] if self.all else None

    @property
    def next_number(self) -> int:
        return self.all[-1].number + 1 if self.all else 1

    def find(self, number: int) -> Revision | None:
        return next((item for item in self.all if item.number == number), None)

    def of_step(self, mark: str) -> Revision | None:
        """The newest revision that the step with that mark made."""
        return next((item for item in reversed(self.all) if item.is_of(mark)), None)

    @property
    def base(self) -> Revision | None:
        """The newest revision that was really deployed and is not uninstalled."""
        for item in reversed(self.all):
            if item.status is Status.UNINSTALLED:
                return None
            if item.came_up:
                return item
        return None

    @property
    def nothing_came_up(self) -> bool:
        """Whether no revision ever did, since the last uninstallation: none that did was pruned either."""
        whole = not self.all or self.all[0].number == 1
        return self.base is None and (whole or any(item.status is Status.UNINSTALLED for item in self.all))

    def origin(self, revision: Revision) -> int:
        """The number of the revision whose content this one brought back, or else its own."""
        seen: set[int] = set()
        current = revision
        while current.number not in seen:
            seen.add(current.number)
            before = current.rolled_back_to
            if before is None:
                break
            found = self.find(before)
            if found is None:
                return before
            current = found
        return current.number


async def read_releases(site: Site) -> Releases:
    """Every revision of the site's release; one request."""
    selector = by_selector({"owner": "helm", "name": site.release})
    secrets = await site.cluster.list(SECRET, site.namespace, selector)
    return Releases(tuple(sorted((_revision(item) for item in secrets), key=lambda item: item.number)))


def _revision(secret: Tree) -> Revision:
    name = text(secret, "metadata", "name") or ""
    number, status = label(secret, "version") or "", label(secret, "status") or ""
    if not (number.isascii() and number.isdigit()):
        raise ProviderRefused(f"Helm's record Secret/{name} has no version label.")
    return Revision(
        number=int(number),
        status=Status(status) if status in set(Status) else Status.UNKNOWN,
        secret=name,
        uid=text(secret, "metadata", "uid") or "",
        step=label(secret, STEP_LABEL),
        failed=label(secret, FAILED_LABEL),
        packed=text(secret, "data", "release") or "",
    )
