"""`python -m sandbox` as another process sees it."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def started(command: list[str]) -> Generator[subprocess.Popen[str]]:
    """The process, which does not outlive a test that fails."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "sandbox", "--port-base", "0", "--tick", "0.02", "--directory", str(tmp_path)]
    with started(command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connectors:\n"
        connectors = yaml.safe_load((tmp_path / "connectors.yaml").read_text())["connectors"]
        assert {one["identifier"]: one["type"] for one in connectors} == {
            "cluster": "Kubernetes",
            "aws": "Aws",
            "foundation": "Tas",
        }
        kubeconfig = Path(connectors[0]["spec"]["kubeconfig"])
        assert connectors[0]["spec"] == {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "demo"}
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
        server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        with httpx2.Client(base_url=server, verify=False) as client:
            names = [item["metadata"]["name"] for item in client.get("/api/v1/namespaces").json()["items"]]
            assert {"default", "staging", "prod"} <= set(names)
            with client.stream("GET", "/api/v1/namespaces", params={"watch": "true"}) as watch:
                assert next(watch.iter_lines())
                process.send_signal(number)
                assert process.wait(10) == 0
        _, errors = process.communicate(timeout=10)
        assert errors == ""
