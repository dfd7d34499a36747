"""Cursors survive a round trip, and nothing but a cursor of the same order is ever accepted."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from db.columns import now
from db.queries.events import Events
from db.queries.executions import Executions
from db.queries.listing import CursorKey, Listing
from db.queries.services import ServiceOrderField, Services
from resolvers.cursors import decode, encode
from resolvers.errors import InputRefused, RefusalCode

_BY_DATE = Services(order=ServiceOrderField.LAST_DEPLOYED_AT).listing()
CURSORS: list[tuple[Listing[Any], CursorKey]] = [
    (Services().listing(), ('Ein "Dienst" \u00fc\U0001f600', "0" * 32)),
    (_BY_DATE, (now(), "0" * 32)),
    (_BY_DATE, (None, "0" * 32)),
    (Executions().listing(), ("f" * 32,)),
    (Events().listing(), (17,)),
]


@pytest.mark.parametrize(("listing", "key"), CURSORS)
def test_a_cursor_leads_back_to_its_key(listing: Listing[Any], key: CursorKey) -> None:
    assert decode(listing, encode(listing, key), "after") == key


def _mutated(cursor: str, chance: random.Random) -> str:
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    for _ in range(chance.randint(1, 4)):
        match chance.randrange(5):
            case 0:
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            case 1:
                del raw[chance.randrange(len(raw))]
            case 2:
                raw.insert(chance.randrange(len(raw) + 1), chance.choice(b'[]{}",:0-9e.\\un\x00'))
            case 3:
                raw *= 2
            case _:
                raw = raw[: chance.randrange(1, len(raw) + 1)]
        raw = raw or bytearray(b"0")
    if chance.random() < 0.2:
        text = list(cursor)
        text[chance.randrange(len(text))] = chance.choice("=+/ \u00e4\ud800\0A")
        return "".join(text)
    return base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")


def _decoded_or_code(listing: Listing[Any], cursor: str) -> CursorKey | RefusalCode:
    try:
        return decode(listing, cursor, "after")
    except InputRefused as error:
        return error.code


def test_ten_thousand_mutated_cursors_are_refused_or_well_formed() -> None:
    chance, refused = random.Random(7), 0
    for number in range(10_000):
        listing, key = CURSORS[number % len(CURSORS)]
        cursor = _mutated(encode(listing, key), chance)
        found = _decoded_or_code(listing, cursor)
        if found is RefusalCode.INVALID_CURSOR:
            refused += 1
            continue
        assert isinstance(found, tuple)
        assert encode(listing, found) == cursor
    assert 9_000 < refused < 10_000


@pytest.mark.parametrize(
    "values",
    [
        [],
        {},
        None,
        ["events"],
        ["events", "17"],
        ["events", 17, 18],
        ["events", -1],
        ["events", 2**31],
        ["events", 1.0],
        ["events", True],
        ["events", None],
        ["executions", 17],
        "[" * 3000,
    ],
)
def test_what_encode_did_not_make_is_refused(values: object) -> None:
    text = values if isinstance(values, str) else json.dumps(values, separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(InputRefused):
        decode(Events().listing(), cursor, "after")


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_texts_that_no_database_holds_are_refused(name: str) -> None:
    text = json.dumps(["services.NAME.asc", name, "0" * 32], separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    with pytest.raises(InputRefused):
        decode(Services().listing(), cursor, "after")
