"""`python -m sandbox` as another process sees it."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "sandbox", "--port-base", "0", "--tick", "0.02", "--directory", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        head = [process.stdout.readline() for _ in range(6)]
        connectors = yaml.safe_load("".join(head))["connectors"]
        kubeconfig = Path(connectors[0]["spec"]["kubeconfig"])
        assert connectors == [
            {
                "identifier": "cluster",
                "type": "Kubernetes",
                "spec": {"kubeconfig": str(tmp_path / "kubeconfig"), "context": "demo"},
            }
        ]
        assert yaml.safe_load((tmp_path / "connectors.yaml").read_text())["connectors"] == connectors
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
