"""What one document may ask for, and what clients are told about the schema. Imports nothing of the project."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on one document. Depth, fields, aliases, directives and repeats hold for each operation with its
    fragments expanded.

    `repeats` bounds the pairs of selections of one place in the answer, `values` those in the variables, `nodes`
    the objects that lists may come to, `seconds` how long a query, or the start of a subscription, may take.
    """

    document_bytes: int = 256 * 1024
    tokens: int = 1000
    depth: int = 10
    fields: int = 400
    aliases: int = 15
    directives: int = 20
    fragments: int = 20
    repeats: int = 1000
    operations: int = 10
    values: int = 2000
    nodes: int = 10_000
    seconds: float = 10.0


@dataclass(frozen=True)
class Policy:
    """`open`: the schema may be read, and errors may name what was perhaps meant."""

    limits: Limits = Limits()
    open: bool = True
