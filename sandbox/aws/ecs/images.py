"""How container images behave, and which digest a tag stands for. Imports the standard library only."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256


class ImageFate(StrEnum):
    """What becomes of a task with the image."""

    GOOD = "good"
    BAD = "bad"
    """It cannot be pulled."""
    CRASH = "crash"
    """Its essential container exits right after the start."""
    STUCK = "stuck"
    """Its task stays PENDING."""


@dataclass(frozen=True, slots=True)
class ImageRule:
    """What happens to images that a regular expression is found in."""

    pattern: str
    fate: ImageFate


class Images:
    """The registry that tasks pull from: it has every image, where no rule says otherwise. Any thread may call."""

    def __init__(self) -> None:
        self._rules: list[ImageRule] = []
        self._moves: dict[str, int] = {}
        self._lock = threading.Lock()

    def rule(self, pattern: str, fate: ImageFate) -> None:
        """From now on; the newest rule that matches counts. Raises re.error for a bad pattern."""
        re.compile(pattern)
        with self._lock:
            self._rules.append(ImageRule(pattern, fate))

    def bad(self, pattern: str) -> None:
        """Images that match cannot be pulled from now on."""
        self.rule(pattern, ImageFate.BAD)

    def clear(self) -> None:
        """Forgets every rule."""
        with self._lock:
            self._rules.clear()

    def move(self, image: str) -> str:
        """Somebody pushes something else under the same tag; its new digest."""
        with self._lock:
            self._moves[image] = self._moves.get(image, 0) + 1
        return self.digest(image)

    def fate(self, image: str) -> ImageFate:
        """What becomes of a task with this image now."""
        with self._lock:
            rules = list(self._rules)
        return next((rule.fate for rule in reversed(rules) if re.search(rule.pattern, image)), ImageFate.GOOD)

    def digest(self, image: str) -> str:
        """The digest that a pull of the image gets."""
        _, _, named = image.partition("@")
        moved = self._moves.get(image, 0)
        return named or "sha256:" + sha256(f"{image} {moved}".encode()).hexdigest()
