"""The vendored binaries: fetched once, whole, by one of many at a time, with a clear word when they can not be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vendor_clients import CLIENTS, TOOLS, VendorClient, VendorClientUnavailable, ensure, unsupported

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(unsupported() is not None, reason=unsupported() or "")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_binary_is_of_the_version_it_says(client: VendorClient, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [str(ensure(client)), "version", "--template", "{{.Version}}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == client.version


def test_several_processes_at_once_leave_whole_binaries_alone() -> None:
    before = {client.name: ensure(client).stat().st_mtime_ns for client in CLIENTS}
    command = [sys.executable, "-m", "tests.vendor_clients"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert [line.split(":")[0] for line in output.splitlines()] == ["helm3 v3.17.2", "helm4 v4.3.1"]
    assert {client.name: (TOOLS / client.name).stat().st_mtime_ns for client in CLIENTS} == before


def test_what_can_not_be_downloaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    absent = VendorClient("helm-absent", "unship-no-such-wheel==1", "v0", "0" * 64)
    try:
        with pytest.raises(VendorClientUnavailable, match="could not download unship-no-such-wheel==1"):
            ensure(absent)
    finally:
        (TOOLS / "helm-absent.lock").unlink(missing_ok=True)
