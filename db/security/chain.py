"""Whether the audit log is as it was written: the first place where it is not, and what is wrong there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.security.audit import NO_MAC, Entry, Unreadable


@dataclass(frozen=True)
class Anchor:
    """An entry that somebody kept elsewhere: the only way to see that the end of the log was cut off."""

    sequence: int
    mac: str


@dataclass(frozen=True)
class Break:
    """The first sequence at which the log is not what was written."""

    sequence: int
    what: str


def first_break(log: Sequence[Entry | Unreadable], key: bytes, anchor: Anchor | None = None) -> Break | None:
    """None where every entry is as it was written, in its place, and the anchor is among them."""
    previous = NO_MAC
    for position, entry in enumerate(log, 1):
        if entry.sequence != position:
            return Break(min(position, entry.sequence), _out_of_step(entry.sequence, position))
        if isinstance(entry, Unreadable):
            return Break(position, "edited: a column holds what cannot have been written there")
        if not entry.fits(key):
            return Break(position, _what_became_of(entry, log, key))
        if entry.previous_mac != previous:
            return Break(position, "replaced: it does not continue the entry before it, which is another one now")
        previous = entry.mac
    return None if anchor is None else _missed(anchor, log)


def _out_of_step(found: int, expected: int) -> str:
    if found < expected:
        return "inserted: sequences count from 1"
    return f"removed: there is no such entry; the next one is {found}"


def _missed(anchor: Anchor, log: Sequence[Entry | Unreadable]) -> Break | None:
    """Where a log that is sound in itself is not the one that the anchor is from."""
    if anchor.sequence > len(log):
        return Break(len(log) + 1, f"removed: the log ends before it, entry {anchor.sequence} was expected")
    found = log[anchor.sequence - 1]
    if isinstance(found, Entry) and found.mac != anchor.mac:
        return Break(anchor.sequence, f"replaced: its mac is {found.mac}, expected was {anchor.mac}")
    return None


def _what_became_of(entry: Entry, log: Sequence[Entry | Unreadable], key: bytes) -> str:
    """An entry that was moved still fits its mac under the sequence at which it was written."""
    for other in log:
        if entry._replace(sequence=other.sequence).fits(key):
            return f"reordered: here is the entry that was written as {other.sequence}"
    return "edited: it does not fit its mac (or it was written with another key)"
