"""What hostile documents cost: how long the event loop stands still for each, asked of the real schema.

`python -m benchmarks.guard [--rounds 15]`; ends with 1 where a document is not refused, or where the median of its
rounds is over the bar. Every round has a text of its own, so that nothing comes out of a cache.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import time
from dataclasses import astuple, dataclass
from typing import Any

from schema.building import OPEN, build
from schema.documents import Documents
from server import json_codec

_BAR_MS = 20.0
_TICK_SECONDS = 0.001
_FULL = 255 * 1024


def _fragments(count: int, body: str) -> str:
    return "".join(f" fragment f{n} on Query {{ {body.replace('NEXT', f'f{n + 1}')} }}" for n in range(count))


_MERGED = " ".join(f"...f{n}" for n in range(18))
_TWICE = _fragments(18, "...NEXT ...NEXT")
_CIRCLE = "fields { type { "
HOSTILE: dict[str, str] = {
    "fan-out, 19 fragments": "{ ...f0 }"
    + _fragments(18, "...NEXT ...NEXT")
    + " fragment f18 on Query { __typename }",
    "fan-out, 18 fragments, no field": "{ ...f0 nothing }"
    + _fragments(18, "...NEXT ...NEXT")
    + " fragment f18 on Query {}",
    "cycle of 20 fragments": "{ ...f0 }" + _fragments(19, "...NEXT") + " fragment f19 on Query { ...f0 }",
    "every fragment in every other": "{ ...f0 }" + _fragments(18, _MERGED),
    "fields 240 deep": "{ a" * 240 + "}" * 240,
    "fields 60 deep": "{ viewer" * 60 + "}" * 60,
    "inline fragments 180 deep": "{ nothing " + "...{ " * 180 + "viewer { subject }" + " }" * 181,
    "lists 450 deep": "{ a(x: " + "[" * 450 + "]" * 450 + ") }",
    "input objects 150 deep": "{ services(filter: " + "{search: " * 150 + "1" + "}" * 150 + ") { nodes { id } } }",
    "aliases": "{ " + " ".join(f"a{n}: __typename" for n in range(300)) + " }",
    "directives": "{ viewer " + "@skip(if: true) " * 160 + "{ subject } }",
    "unknown directives": "{ viewer " + "@a " * 480 + "{ subject } }",
    "unknown fields": "{ " + " ".join(f"instnces{n}" for n in range(390)) + " }",
    "one unknown field at the end": "{ " + "viewer { subject } " * 190 + "nothing }",
    "the same field 390 times": "{ viewer { nothing " + "subject " * 390 + "} }",
    "the same page 60 times": "{ nothing " + "services(first: 1) { nodes { id } } " * 60 + "}",
    "the same fields in 18 fragments": "{ nothing " + _MERGED + " }" + _fragments(18, "viewer { subject } " * 5),
    "unknown input fields": "{ services(first: 1, filter: {" + "serch: 1 " * 250 + "}) { nodes { id } } }",
    "unknown arguments": "{ services(" + " ".join(f"frst{n}: 1" for n in range(240)) + ") { nodes { id } } }",
    "variables": "query (" + " ".join(f"$a{n}: Int" for n in range(240)) + ") { viewer { subject } }",
    "operations": " ".join(f"query a{n} {{ __typename }}" for n in range(190)),
    "introspection in circles": "{ __schema { types { "
    + "fields { type { " * 15
    + "name"
    + " } }" * 15
    + " } } }",
    "256 KiB of tokens": "{ " + "a " * (_FULL // 2) + "}",
    "256 KiB of brackets": "{" * _FULL,
    "256 KiB of spaces": "{ nothing }" + " " * _FULL,
    "256 KiB of lines": "{ nothing }" + "\n" * _FULL + "!",
    "256 KiB of comments": "#\n" * (_FULL // 2),
    "256 KiB of one comment": "{ nothing } #" + "x" * _FULL,
    "256 KiB of a name": "{ " + "x" * _FULL + " }",
    "256 KiB of digits": "{ nothing(a: " + "9" * _FULL + ") }",
    "256 KiB of a string": '{ nothing(a: "' + "x" * _FULL + '") }',
    "256 KiB of escapes": '{ nothing(a: "' + "\\n" * (_FULL // 2) + '") }',
    "256 KiB of a block string": '{ nothing(a: """' + " x\n" * (_FULL // 3) + '""") }',
    "256 KiB of a string without end": '{ nothing(a: """' + '""\\"""' * (_FULL // 6),
    "2 MiB": "{ nothing }" + " " * 2 * 1024 * 1024,
}
_FILTERED = "query ($f: ServiceFilter) { services(first: 1, filter: $f) { nodes { id } } }"
VARIABLES: dict[str, tuple[str, Any]] = {
    "a list of 100,000 for an object": (_FILTERED, {"f": [{"serch": 1}] * 100_000}),
    "an object of 20,000 unknown fields": (_FILTERED, {"f": {f"serch{n}": 1 for n in range(20_000)}}),
    "a number of 1 MiB": ("query ($n: Int) { services(first: $n) { nodes { id } } }", {"n": "9" * 1024 * 1024}),
    "JSON 500 deep": (_FILTERED, {"f": json_codec.decode('{"tags": ' + "[" * 500 + "]" * 500 + "}")}),
}


@dataclass(frozen=True)
class Stall:
    """Milliseconds: what the loop's thread computed in one go at the longest, how long the loop stood still at the
    longest (which other programs on the machine lengthen), and how long the answer took."""

    loop: float
    still: float
    answer: float


async def _asked(query: str, variables: dict[str, Any] | None) -> Stall:
    """Ask a schema that has not seen the document, beside a clock that ticks on the same loop."""
    documents = Documents(build().documents.schema, OPEN)
    computed = still = 0.0

    async def tick() -> None:
        nonlocal computed, still
        while True:
            began, busy = time.perf_counter(), time.thread_time()
            await asyncio.sleep(_TICK_SECONDS)
            computed = max(computed, time.thread_time() - busy)
            still = max(still, time.perf_counter() - began - _TICK_SECONDS)

    clock = asyncio.create_task(tick())
    await asyncio.sleep(_TICK_SECONDS)
    began = time.perf_counter()
    document = await documents.read(query)
    refused = bool(document.errors)
    if not refused:
        result = await build().execute(query, variables, None)
        refused = bool(result.errors)
    taken = time.perf_counter() - began
    await asyncio.sleep(_TICK_SECONDS)
    clock.cancel()
    assert refused, "not refused"
    return Stall(computed * 1000, still * 1000, taken * 1000)


def _measured(query: str, variables: dict[str, Any] | None, rounds: int) -> Stall:
    stalls = [asyncio.run(_asked(query, variables)) for _ in range(rounds)]
    return Stall(*(statistics.median(column) for column in zip(*map(astuple, stalls), strict=True)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds: int = parser.parse_args().rounds
    build(OPEN)
    gc.freeze()  # as the server does
    print(f"medians of {rounds} rounds, load average {os.getloadavg()[0]:.1f}, bar {_BAR_MS:.0f} ms\n")
    print(f"{'refused':40} {'on the loop':>12} {'loop stands':>12} {'answer':>11}")
    everything = {**{name: (query, None) for name, query in HOSTILE.items()}, **VARIABLES}
    found = {name: _measured(query, variables, rounds) for name, (query, variables) in everything.items()}
    for name, one in sorted(found.items(), key=lambda entry: -entry[1].loop):
        over = "  over the bar" if one.loop >= _BAR_MS else ""
        print(f"{name:40} {one.loop:9.1f} ms {one.still:9.1f} ms {one.answer:8.1f} ms{over}")
    worst = max(found.values(), key=lambda one: one.loop)
    print(f"\nworst: {worst.loop:.1f} ms of the event loop")
    return 1 if worst.loop >= _BAR_MS else 0


if __name__ == "__main__":
    sys.exit(main())
