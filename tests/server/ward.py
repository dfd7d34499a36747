"""A server with an operations port and a log in JSON, and what an operator reads of both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.support.unship import Unship

Labels = dict[str, str]

# A pipeline that deploys nothing and goes on for as long as a test needs.
WAITING = """
pipeline:
  identifier: waiting
  name: waiting
  stages:
    - stage:
        identifier: pause
        name: pause
        type: Custom
        spec:
          execution:
            steps:
              - step: {identifier: wait, name: wait, type: Wait, spec: {duration: 1h}, timeout: 2h}
"""


@dataclass(frozen=True)
class Ward:
    """`port` is the operations port of the server."""

    unship: Unship
    port: int

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=10, verify=False)

    def text(self) -> str:
        answer = self.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.text

    def samples(self, name: str) -> list[tuple[Labels, float]]:
        """The samples of that name, with their labels."""
        families = list(text_string_to_metric_families(self.text()))
        found = [sample for family in families for sample in family.samples if sample.name == name]
        return [(dict(sample.labels), sample.value) for sample in found]

    def value(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name with these labels at least."""
        return sum(value for found, value in self.samples(name) if labels.items() <= found.items())

    def lines(self, **facts: Any) -> list[dict[str, Any]]:
        """The lines of the log with these facts at least; every line must be a JSON object, but the ready one."""
        written = [line for line in self.unship.log.splitlines() if not line.startswith("Unship is ready: ")]
        decoded: list[dict[str, Any]] = [json.loads(line) for line in written]
        return [line for line in decoded if facts.items() <= line.items()]
