"""Names in the order in which people look for them: capitals and small letters alike, the same on every database.

Letters beyond a to z stand as they are, in the order of their code points: SQLite knows no others, and the locale
of a PostgreSQL database must not decide how a list is ordered and continued.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class Folded(GenericFunction[str]):
    """A text with its letters A to Z made small: what is sorted, compared with and indexed."""

    inherit_cache = True
    name = "folded"
    type = sa.String()


@compiles(Folded)
def _lower(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(Folded, "postgresql")
def _lower_anywhere(element: Folded, compiler: SQLCompiler, **options: Any) -> str:
    # Without brackets, as PostgreSQL itself writes it: Alembic compares the texts.
    return f'lower({compiler.process(element.clauses, **options)} COLLATE "C")'
