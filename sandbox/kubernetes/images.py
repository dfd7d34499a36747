"""How images behave: which fail, which are slow, and what digest a reference resolves to.

Imports the standard library only.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum


class ImageFate(StrEnum):
    """What becomes of a container of an image."""

    GOOD = "good"
    BAD = "bad"
    """Never pulled: ErrImagePull, then ImagePullBackOff."""
    UNREADY = "unready"
    """Starts, but never passes its readiness probe."""
    FAILING = "failing"
    """Exits with code 1: CrashLoopBackOff, or a failed Job."""


@dataclass(frozen=True, slots=True)
class ImageRule:
    """Images that match a regular expression (searched in the whole reference)."""

    pattern: str
    fate: ImageFate = ImageFate.GOOD
    extra_ticks: int = 0


class Images:
    """The sandbox's registry; later rules win."""

    def __init__(self) -> None:
        self._rules: list[ImageRule] = []
        self._digests: dict[str, str] = {}
        self._moves = 0

    def bad(self, pattern: str) -> None:
        """Matching images can not be pulled."""
        self.rule(ImageRule(pattern, ImageFate.BAD))

    def unready(self, pattern: str) -> None:
        """Matching images start and never become ready."""
        self.rule(ImageRule(pattern, ImageFate.UNREADY))

    def failing(self, pattern: str) -> None:
        """Matching images exit with code 1."""
        self.rule(ImageRule(pattern, ImageFate.FAILING))

    def good(self, pattern: str) -> None:
        """Matching images behave again."""
        self.rule(ImageRule(pattern))

    def slow(self, pattern: str, ticks: int) -> None:
        """Matching images take `ticks` more ticks until they are ready."""
        self.rule(ImageRule(pattern, ImageFate.GOOD, ticks))

    def rule(self, rule: ImageRule) -> None:
        """Adds a rule. Raises re.error for a bad pattern."""
        re.compile(rule.pattern)
        self._rules.append(rule)

    def clear(self) -> None:
        """Forgets every rule; moved tags stay moved."""
        self._rules.clear()

    def of(self, image: str) -> ImageRule:
        """The rule for an image."""
        for rule in reversed(self._rules):
            if re.search(rule.pattern, image):
                return rule
        return ImageRule("")

    def digest(self, image: str) -> str:
        """`sha256:...`: of the reference itself, unless the tag was moved; a pinned digest stays."""
        if "@" in image:
            return image.split("@", 1)[1]
        return self._digests.get(image) or sha256(image)

    def move(self, image: str, digest: str | None = None) -> str:
        """Points a tag at another digest (a new one unless given), which pods created later run."""
        self._moves += 1
        self._digests[image] = digest or sha256(f"{image} moved {self._moves}")
        return self._digests[image]

    def image_id(self, image: str) -> str:
        """What a pod's status shows: `docker.io/library/nginx@sha256:...`."""
        return f"{_repository(image)}@{self.digest(image)}"


def sha256(text: str) -> str:
    """`sha256:` and the hex digest of the text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _repository(image: str) -> str:
    name = image.split("@", 1)[0]
    head, _, last = name.rpartition("/")
    path = f"{head}/{last.split(':', 1)[0]}" if head else last.split(":", 1)[0]
    first = path.split("/", 1)[0]
    if "/" not in path:
        return f"docker.io/library/{path}"
    return path if "." in first or ":" in first or first == "localhost" else f"docker.io/{path}"
