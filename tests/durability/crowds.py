"""Many requests at the same moment, over connections that are open already."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import httpx2

MANY = 4 * 64
ROLL_BACK = """
mutation ($input: RollbackDeploymentInput!) {
  rollbackDeployment(input: $input) {
    execution { id }
    eligibility { verdict reasons { code severity } }
    userErrors { code message path }
  }
}
"""
RUN = """
mutation ($input: RunPipelineInput!) {
  runPipeline(input: $input) { execution { id } userErrors { code message path } }
}
"""


def all_at_once(url: str, query: str, inputs: Sequence[dict[str, Any]], *more: str) -> list[dict[str, Any]]:
    """The payload of the mutation for each input, all sent at the same moment; every answer must be a 200.

    Where there are `more` urls they are sent to all of them in turn.
    """
    return asyncio.run(_all_at_once((url, *more), query, inputs))


async def _all_at_once(
    urls: tuple[str, ...], query: str, inputs: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    ready = asyncio.Barrier(len(inputs))
    limits = httpx2.Limits(max_connections=len(inputs), max_keepalive_connections=len(inputs))
    async with httpx2.AsyncClient(timeout=60, limits=limits) as client:

        async def one(url: str, given: dict[str, Any]) -> dict[str, Any]:
            await ready.wait()
            response = await client.post(url, json={"query": query, "variables": {"input": given}})
            assert response.status_code == 200, response.text
            answer: dict[str, Any] = response.json()
            assert "errors" not in answer, answer
            payload: dict[str, Any] = next(iter(answer["data"].values()))
            return payload

        return await asyncio.gather(*(one(url, given) for url, given in zip(cycle(urls), inputs, strict=False)))


def executions(payloads: Sequence[dict[str, Any]]) -> list[str]:
    """The executions that payloads name, one entry for each."""
    return [payload["execution"]["id"] for payload in payloads if payload["execution"]]


def codes(payloads: Sequence[dict[str, Any]]) -> Counter[str]:
    """How many of the payloads carry each code, whatever number of stages it concerns."""
    return Counter(code for payload in payloads for code in {error["code"] for error in payload["userErrors"]})
