"""References of container images, and the artifacts made of them: pure."""

from __future__ import annotations

from dataclasses import dataclass

from providers.tree import Tree, text
from providers.values import Artifact


@dataclass(frozen=True)
class Image:
    """`path:tag@digest`, as written."""

    path: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, reference: str) -> Image:
        rest, _, digest = reference.partition("@")
        path, colon, tag = rest.rpartition(":")
        if not colon or "/" in tag:
            return cls(rest, None, digest or None)
        return cls(path, tag, digest or None)

    @property
    def repository(self) -> str:
        """The path in full: `nginx` and `docker.io/library/nginx` are the same repository."""
        first, slash, _ = self.path.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            return self.path
        return f"docker.io/{self.path}" if slash else f"docker.io/library/{self.path}"


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
