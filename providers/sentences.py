"""Puts what several places say beside each other, as sentences. Imports nothing of the project."""

from __future__ import annotations

_ENDS = (".", "!", "?", "…")


def sentences(*said: str | None) -> str:
    """What was said, one after the other and each with a full stop; what is empty is left out."""
    spoken = [text.strip() for text in said if text and text.strip()]
    return " ".join(text if text.endswith(_ENDS) else f"{text}." for text in spoken)
