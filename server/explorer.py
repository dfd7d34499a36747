"""The page that a browser gets at /graphql in development. Imports nothing of the project.

Our own and self-contained, because the usual explorers come from other people's servers.
"""

from __future__ import annotations

from pathlib import Path

_PAGE = Path(__file__).with_name("explorer.html")


def explorer_page() -> str:
    """An editor for operations and variables, their results, streams included, and the schema's documentation."""
    return _PAGE.read_text(encoding="utf-8")
