"""The transports' server, one for a module."""

from collections.abc import Generator

import httpx2
import pytest

from tests.server.tiny import Running, serving_tiny_schema


@pytest.fixture(scope="module")
def tiny() -> Generator[Running]:
    with serving_tiny_schema(max_body_bytes=64 * 1024) as running:
        yield running


@pytest.fixture(scope="module")
def http(tiny: Running) -> Generator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://127.0.0.1:{tiny.port}", timeout=10, verify=False) as client:
        yield client
