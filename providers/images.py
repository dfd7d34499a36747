"""References of container images: pure."""

from __future__ import annotations

from dataclasses import dataclass


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
