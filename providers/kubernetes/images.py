"""Which image a pod really runs: pure."""

from __future__ import annotations

import re

from providers.tree import Tree, at, text, trees

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def running_digest(pod: Tree, container: str | None) -> str | None:
    """The digest of the image that a container of a pod really runs, from its imageID."""
    for status in trees(pod, "status", "containerStatuses"):
        if container is None or at(status, "name") == container:
            found = _DIGEST.search(text(status, "imageID") or "")
            return found.group() if found else None
    return None
