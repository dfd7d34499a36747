"""Image references and the artifacts made of them: pure."""

from __future__ import annotations

import re

from providers.images import Image
from providers.tree import Tree, at, text, trees
from providers.values import Artifact

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def main_container(containers: list[Tree], artifact: Artifact | None) -> Tree:
    """The container that runs the service's artifact; the first where none does."""
    if artifact is not None and artifact.image:
        wanted = Image.parse(artifact.image).repository
        for container in containers:
            if Image.parse(text(container, "image") or "").repository == wanted:
                return container
    return containers[0] if containers else {}


def artifact_of(reference: str, digest: str | None, revision: str | None) -> Artifact:
    """The artifact of a container's image; `digest` is that of the running image, where it is known."""
    image = Image.parse(reference)
    return Artifact(
        display_name=reference or "no image",
        image=image.path or None,
        tag=image.tag,
        digest=digest or image.digest,
        revision=revision,
    )


def running_digest(pod: Tree, container: str | None) -> str | None:
    """The digest of the image that a container of a pod really runs, from its imageID."""
    for status in trees(pod, "status", "containerStatuses"):
        if container is None or at(status, "name") == container:
            found = _DIGEST.search(text(status, "imageID") or "")
            return found.group() if found else None
    return None
