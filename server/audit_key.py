"""The key that seals the audit log: a file of 64 hexadecimal digits, made at first need. Imports db.

It is not in the database, so that who can only write there cannot make the log tell another story.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from pathlib import Path

from db.database import Database
from db.security.audit import KEY_BYTES, Entry, Unreadable, last_entry
from server.settings import Settings, SettingsError

_HEXADECIMAL = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}\n?")
_READABLE_BY_OTHERS = 0o037

logger = logging.getLogger("unship.audit")


async def sealing_key(settings: Settings) -> bytes:
    """The key for the log of a migrated database; it is made where the log is empty still.

    SettingsError where the key cannot be used, or is gone: another one would leave all earlier entries unprovable.
    """
    path = settings.resolved_audit_key_file
    last = await _last(settings.resolved_database_url)
    if last is None and not path.exists():
        _create(path)
    key = read_key(path)
    if isinstance(last, Unreadable) or (last is not None and not last.fits(key)):
        logger.error(
            "The last entry of the audit log (%s) does not fit the key in %s: either it was changed, or the key is"
            " another server's, all of which need the same one. Run: python -m server audit verify",
            last.sequence,
            path,
        )
    return key


async def _last(url: str) -> Entry | Unreadable | None:
    database = Database(url)
    try:
        async with database.read() as connection:
            return await last_entry(connection)
    finally:
        await database.close()


def read_key(path: Path) -> bytes:
    """The key in that file; SettingsError says what is wrong with it."""
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError as error:
        raise SettingsError(
            f"UNSHIP_AUDIT_KEY_FILE: {path} is not there, but the audit log has entries that were sealed with it;"
            " put it back (several servers on one database need the same file)"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"UNSHIP_AUDIT_KEY_FILE: {path} cannot be read: {error}") from error
    if mode & _READABLE_BY_OTHERS:
        raise SettingsError(
            f"UNSHIP_AUDIT_KEY_FILE: {path} is open to others (mode {mode:o}); run: chmod 600 {path}"
        )
    if not _HEXADECIMAL.fullmatch(text):
        raise SettingsError(f"UNSHIP_AUDIT_KEY_FILE: {path} does not hold {2 * KEY_BYTES} hexadecimal digits")
    return bytes.fromhex(text.strip())


def _create(path: Path) -> None:
    """Write a fresh key; of several processes that do it at once one wins, and never half a key is seen."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(unfinished, path)
    except OSError as error:
        raise SettingsError(f"UNSHIP_AUDIT_KEY_FILE: {path} cannot be made: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
