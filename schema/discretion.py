"""What errors say of a schema that is not shown: nothing that the document has not said.

Imports nothing of the project.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from graphql import GraphQLError

_GUESS = re.compile(r" Did you mean [^?]*\?")
_QUOTED = re.compile(r"'[^']*'")
_WORD = re.compile(r"\w+")
# The library's own words; ours are chosen.
_CODES = ("GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT")


def hush(errors: Iterable[GraphQLError], types: Collection[str]) -> None:
    """Take out what was perhaps meant, and put a question mark for each name that a caller has to know already.

    `types` are the names of the schema's types.
    """
    for error in errors:
        error.message = _GUESS.sub("", error.message)
        if (error.extensions or {}).get("code") in _CODES:
            said = set(_WORD.findall(error.source.body)) if error.source else set[str]()
            error.message = _unsaid(error.message, said, types)


def _unsaid(message: str, said: Collection[str], types: Collection[str]) -> str:
    def word(found: re.Match[str]) -> str:
        return found[0] if found[0] in said else "?"

    # A quotation mark in a caller's value pairs with one of the library's, so what is quoted is not all of it.
    without = _WORD.sub(lambda found: word(found) if found[0] in types else found[0], message)
    return _QUOTED.sub(lambda quoted: _WORD.sub(word, quoted[0]), without)
