"""Which media type to answer with, by the Accept header (RFC 9110, 12.5.1). Imports nothing of the project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MediaType(StrEnum):
    """What /graphql can answer with, the server's preference first."""

    GRAPHQL_RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENT_STREAM = "text/event-stream"
    HTML = "text/html"


ANSWERS = (MediaType.GRAPHQL_RESPONSE, MediaType.JSON, MediaType.EVENT_STREAM)

# A client that takes anything is most likely an old or a simple one, and the type whose status never changes is
# the one it can handle; one that names nothing gets what the GraphQL-over-HTTP specification wants since 2025.
_FOR_ANYTHING = (MediaType.JSON, MediaType.GRAPHQL_RESPONSE, MediaType.EVENT_STREAM)

# What comes after that is not looked at: a head of 64 KiB would take a tenth of a second.
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class _Range:
    kind: str
    quality: float
    position: int

    @property
    def specificity(self) -> int:
        return 0 if self.kind == "*/*" else 1 if self.kind.endswith("/*") else 2

    def covers(self, media_type: str) -> bool:
        if self.specificity == 2:
            return self.kind == media_type
        return self.specificity == 0 or media_type.startswith(self.kind[:-1])


def negotiate(accept: str | None, offers: tuple[MediaType, ...] = ANSWERS) -> MediaType | None:
    """The offer that the client likes best; None if it takes none of them.

    A tie goes to the range the client names more exactly, then to the one it names first.
    """
    if accept is None or not accept.strip():
        return offers[0]
    ranges = _ranges(accept)
    best: tuple[tuple[float, int, int, int], MediaType] | None = None
    for offer in offers:
        range_ = max((range_ for range_ in ranges if range_.covers(offer)), key=_exactness, default=None)
        if range_ is None or range_.quality == 0:
            continue
        rank = (range_.quality, range_.specificity, -range_.position, -_FOR_ANYTHING.index(offer))
        if best is None or rank > best[0]:
            best = (rank, offer)
    return best[1] if best else None


def names(accept: str | None, media_type: MediaType) -> bool:
    """Whether the client names this very type: a browser asking for a page, a client that can follow a stream."""
    return any(range_.kind == media_type and range_.quality > 0 for range_ in _ranges(accept or ""))


def _exactness(range_: _Range) -> tuple[int, float]:
    return range_.specificity, range_.quality


def _ranges(accept: str) -> list[_Range]:
    parts = accept[:_LONGEST].split(",")
    return [found for position, part in enumerate(parts) if (found := _parse(part, position))]


def _parse(part: str, position: int) -> _Range | None:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    if "/" not in kind:
        return None
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            return None
        if name.strip() == "q":
            quality = _quality(value.strip())
    return _Range(kind, quality, position)


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return min(quality, 1.0) if quality >= 0 else 0.0
