"""What goes over PostgreSQL's LISTEN and NOTIFY: who rings and the id of an execution, or that one ends."""

from __future__ import annotations

CHANNEL = "unship"
GOODBYE = "ends"
