"""`audit verify`. Imports server.administration and db."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from db.security.audit import Entry, entries
from db.security.chain import Anchor, Break, first_break
from server.administration import opened
from server.audit_key import read_key
from server.settings import Settings, load_settings


@dataclass(frozen=True)
class Verified:
    """How many entries there are, the first that is not as it was written, and the last."""

    count: int
    broken: Break | None
    last: Anchor | None


def run_audit(options: argparse.Namespace) -> int:
    """Verify the log; 0 where it is as it was written, 1 where it is not."""
    anchor = None if options.expect is None else Anchor(*options.expect)
    found = asyncio.run(_verify(load_settings(), anchor))
    if found.broken is not None:
        print(f"BROKEN at entry {found.broken.sequence} of {found.count}: {found.broken.what}", file=sys.stderr)
        return 1
    print(f"{found.count} entries, each as it was written")
    if found.last is not None:
        print(f"last: {found.last.sequence}:{found.last.mac}")
    if anchor is None:
        print(
            "Entries cut off at the end are only found with a last line kept elsewhere: --expect SEQUENCE:MAC",
            file=sys.stderr,
        )
    return 0


async def _verify(settings: Settings, anchor: Anchor | None) -> Verified:
    async with opened(settings) as database, database.read() as connection:
        return await verified(settings, connection, anchor)


async def verified(settings: Settings, connection: AsyncConnection, anchor: Anchor | None = None) -> Verified:
    """The log of a database, read and verified; SettingsError where there is no key to do it with."""
    log = [entry async for entry in entries(connection)]
    # A log without entries may have no key yet.
    key = read_key(settings.resolved_audit_key_file) if log else b""
    last = log[-1] if log else None
    return Verified(
        len(log),
        first_break(log, key, anchor),
        Anchor(last.sequence, last.mac) if isinstance(last, Entry) else None,
    )
