"""The audit log shows every change that was made to it, at the place where it was made; on both databases."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

import pytest

from db.database import Database
from db.security.audit import NO_MAC, AuditLog, Entry, Happened, Unreadable, entries
from db.security.chain import Anchor, Break, first_break
from db.statuses import AuditOutcome
from tests.security.books import read_log, tamper
from tests.support.databases import migrated

KEY = bytes(range(32))


def happened(number: int) -> Happened:
    return Happened(
        f"subject {number}",
        "rollbackDeployment",
        "Execution:ü\0\ud800" + "x" * number * 500,
        AuditOutcome.REFUSED,
        reason="slow 🐌",
        code="TARGET_BUSY",
        details={"number": number, "codes": ["B", "A"], "address": None, "text": "1.50"},
    )


async def write(url: str, count: int) -> None:
    await migrated(url)
    database = Database(url)
    log = AuditLog(database, KEY)
    for number in range(count):
        await log.record(happened(number))
    await database.close()


@pytest.fixture
def url(database_url: str) -> str:
    """A database with a log of five entries."""
    asyncio.run(write(database_url, 5))
    return database_url


def broken(url: str, anchor: Anchor | None = None, key: bytes = KEY) -> Break | None:
    async def read() -> Sequence[Entry | Unreadable]:
        database = Database(url)
        try:
            async with database.read() as connection:
                return [entry async for entry in entries(connection)]
        finally:
            await database.close()

    return first_break(asyncio.run(read()), key, anchor)


def test_a_log_is_as_it_was_written(url: str) -> None:
    log = read_log(url)
    assert [entry.sequence for entry in log] == [1, 2, 3, 4, 5]
    assert [entry.previous_mac for entry in log] == [NO_MAC, *(entry.mac for entry in log[:-1])]
    assert log[0].target == "Execution:ü\ufffd?"
    assert len(log[4].target) == 2001
    assert log[1].details == {"number": 1, "codes": ["B", "A"], "text": "1.50"}
    assert broken(url) is None


def test_without_the_key_nothing_is_proved(url: str) -> None:
    found = broken(url, key=secrets.token_bytes(32))
    assert found is not None
    assert found.sequence == 1
    assert "another key" in found.what


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("subject", "somebody"),
        ("action", "syncInstances"),
        ("target", ""),
        ("outcome", "ACCEPTED"),
        ("outcome", "NO SUCH OUTCOME"),
        ("reason", None),
        ("code", "OTHER"),
        ("message", ""),
        ("details", "{}"),
        ("details", '{"number": 2, "codes": ["A", "B"], "text": "1.50"}'),
        ("details", '{"number": 2, "codes": ["B", "A"], "text": 1.50}'),
        ("details", "5"),
        ("mac", "0" * 64),
        ("mac", "é"),
        ("previous_mac", "0" * 64),
    ],
)
def test_an_edited_entry_is_found(url: str, column: str, value: str | None) -> None:
    cast = "CAST(:value AS json)" if column == "details" and url.startswith("postgres") else ":value"
    tamper(url, f"UPDATE auditentry SET {column} = {cast} WHERE sequence = 3", value=value)
    found = broken(url)
    assert found is not None
    assert found.sequence == 3
    assert found.what.startswith("edited")


def test_a_time_that_was_moved_by_a_microsecond_is_found(url: str) -> None:
    (entry,) = (entry for entry in read_log(url) if entry.sequence == 3)
    moved = entry.at.replace(microsecond=(entry.at.microsecond + 1) % 1_000_000, tzinfo=None)
    stored = "CAST(:value || '+00' AS timestamptz)" if url.startswith("postgres") else ":value"
    tamper(url, f"UPDATE auditentry SET at = {stored} WHERE sequence = 3", value=str(moved))
    found = broken(url)
    assert found is not None
    assert (found.sequence, found.what[:6]) == (3, "edited")


@pytest.mark.parametrize(("removed", "first"), [(1, 1), (3, 3), (4, 4)])
def test_a_removed_entry_is_found(url: str, removed: int, first: int) -> None:
    tamper(url, f"DELETE FROM auditentry WHERE sequence = {removed}")
    found = broken(url)
    assert found is not None
    assert (found.sequence, found.what.split(":")[0]) == (first, "removed")


def test_a_gap_that_was_closed_is_found(url: str) -> None:
    tamper(
        url,
        "DELETE FROM auditentry WHERE sequence = 3",
        "UPDATE auditentry SET sequence = 3 WHERE sequence = 4",
        "UPDATE auditentry SET sequence = 4 WHERE sequence = 5",
    )
    found = broken(url)
    assert found is not None
    assert found.sequence == 3


def test_swapped_entries_are_found(url: str) -> None:
    tamper(
        url,
        "UPDATE auditentry SET sequence = 99 WHERE sequence = 2",
        "UPDATE auditentry SET sequence = 2 WHERE sequence = 4",
        "UPDATE auditentry SET sequence = 4 WHERE sequence = 99",
    )
    assert broken(url) == Break(2, "reordered: here is the entry that was written as 4")


def test_an_entry_put_before_the_first_is_found(url: str) -> None:
    columns = ", ".join(field for field in Entry._fields if field != "sequence")
    tamper(
        url,
        f"INSERT INTO auditentry (sequence, {columns}) SELECT 0, {columns} FROM auditentry WHERE sequence = 1",
    )
    found = broken(url)
    assert found is not None
    assert (found.sequence, found.what.split(":")[0]) == (0, "inserted")


def test_an_entry_of_another_log_under_the_same_key_is_found(url: str) -> None:
    other = read_log(url)[2]._replace(subject="somebody", previous_mac="ab" * 32)
    sealed = other.sealed(KEY)
    tamper(
        url,
        "UPDATE auditentry SET subject = :subject, previous_mac = :previous, mac = :mac WHERE sequence = 3",
        subject=other.subject,
        previous=other.previous_mac,
        mac=sealed,
    )
    found = broken(url)
    assert found is not None
    assert (found.sequence, found.what.split(":")[0]) == (3, "replaced")


def test_an_end_that_was_cut_off_is_found_by_an_anchor_and_by_nothing_else(url: str) -> None:
    last = read_log(url)[-1]
    anchor = Anchor(last.sequence, last.mac)
    assert broken(url, anchor) is None
    tamper(url, "DELETE FROM auditentry WHERE sequence >= 4")
    assert broken(url) is None
    found = broken(url, anchor)
    assert found is not None
    assert (found.sequence, found.what.split(":")[0]) == (4, "removed")
    asyncio.run(write(url, 2))
    assert broken(url) is None
    found = broken(url, anchor)
    assert found is not None
    assert (found.sequence, found.what.split(":")[0]) == (5, "replaced")


def test_many_writers_at_once_leave_no_gap(database_url: str) -> None:
    async def crowd() -> None:
        await migrated(database_url)
        databases = [Database(database_url) for _ in range(3)]
        logs = [AuditLog(database, KEY) for database in databases]
        async with asyncio.TaskGroup() as tasks:
            for number in range(30):
                tasks.create_task(logs[number % 3].record(happened(number % 3)))
        for database in databases:
            await database.close()

    asyncio.run(crowd())
    assert len(read_log(database_url)) == 30
    assert broken(database_url) is None
